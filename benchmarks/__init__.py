"""Benchmarks: each is `python -m benchmarks.NAME`, prints a table, or JSON with --json."""

# Before FAISS is imported by any: it tells OpenBLAS which code to run, for the peers too.
import simsvc  # noqa: F401
