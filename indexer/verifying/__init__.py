"""Checks that every generation is what its record says, and mends it."""
