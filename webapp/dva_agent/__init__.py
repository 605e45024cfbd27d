"""The agent: pure Python, unchanged in the tab, in a terminal and in the server's auditor."""
