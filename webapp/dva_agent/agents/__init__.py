"""DataAgents: what can be asked of a unit. A module that offers an `AGENT` is one (`discovery`)."""
