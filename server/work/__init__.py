"""Work: leases on units. Claimed, kept alive, given back, expired."""
