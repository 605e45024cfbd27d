"""Selection: score tables, and how good they are."""
