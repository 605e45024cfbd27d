"""The maintainer's pipeline: a DFN CLIP checkpoint becomes a model bundle (needs torch)."""
