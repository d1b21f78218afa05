"""The signals S1–S8 of campaigns: pure statistics, each with its formula's source and its null."""
