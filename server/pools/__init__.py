"""Pools: their shards, what lies where in them, and the units they are cut into."""
