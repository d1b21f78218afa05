"""`simsvc-indexer export`: a window of the record as Parquet."""
