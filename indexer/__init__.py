"""Batch jobs over the record and the index."""
