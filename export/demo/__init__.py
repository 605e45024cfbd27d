"""The demo network and the demo pool: a small CLIP for emoji, and captions to filter with it.

`artwork`, `concepts`, `captions`, `scenes` and `pool` need no torch: `make run` uses them.
"""
