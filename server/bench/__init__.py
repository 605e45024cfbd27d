"""Benchmarks of the whole: `dva bench`. What they need beyond the server is imported where it is
used, and named if it isn't there."""
