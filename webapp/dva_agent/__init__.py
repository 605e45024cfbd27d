"""The agent: pure Python, unchanged in the tab, in a terminal and in the server's auditor."""

VERSION = "0.1.0"
"""The project's, told to the server at registration."""
