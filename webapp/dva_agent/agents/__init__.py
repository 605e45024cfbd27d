"""DataAgents: what can be asked of a unit."""
