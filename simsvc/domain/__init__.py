"""Plain values and pure statistics. No I/O."""
