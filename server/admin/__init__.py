"""The operator's pages: what the server knows, read-only, behind a sign-in."""
