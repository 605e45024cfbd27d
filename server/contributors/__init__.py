"""Contributors: the devices that work, and how they sign in."""
