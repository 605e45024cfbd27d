"""History: what was done and how things stood, by minute and by hour, for charts and sums."""
