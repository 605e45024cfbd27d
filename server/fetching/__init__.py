"""`dva fetch`: the pictures that a metadata table names, downloaded by img2dataset into shards."""
