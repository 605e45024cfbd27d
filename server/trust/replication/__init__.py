"""The second policy, for pools without an auditor: contributors check each other."""
