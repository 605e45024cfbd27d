"""Activity: what is going on here, as everybody may know it."""
