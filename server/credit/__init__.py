"""Credit: what validated work earns, kept in a ledger that is only ever added to."""
