"""Rate limits: how much one device, and one network, may ask of the server."""
