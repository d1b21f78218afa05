"""Benchmarks: each is `python -m benchmarks.NAME`, prints a table, or JSON with --json."""
