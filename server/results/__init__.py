"""Results: what devices post for the units they hold."""
