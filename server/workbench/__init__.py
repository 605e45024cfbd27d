"""The selection workbench: where to cut a pool, seen before it is done, and the cuts themselves."""
