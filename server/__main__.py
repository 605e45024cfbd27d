"""`python -m server`: the `dva` command, for where it isn't on the path."""

from server.cli import main

main()
