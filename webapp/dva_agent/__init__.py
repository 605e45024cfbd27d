"""The agent: pure Python that runs unchanged in the tab, in a terminal and in the server's auditor."""
