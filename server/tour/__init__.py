"""The two-minute tour: the demo pool scored, graded and shown on one page of pictures."""
