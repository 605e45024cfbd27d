"""How the policy of audits fares against those who cheat."""
