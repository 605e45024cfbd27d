"""Compaction: the results of finished shards leave the database for a file each."""
