"""Reports: pairs that somebody says nobody should be shown."""
