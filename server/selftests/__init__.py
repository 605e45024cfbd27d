"""What devices' self-tests came to: which of them compute rightly, on which rung, by now."""
