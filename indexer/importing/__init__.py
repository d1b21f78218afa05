"""`simsvc-indexer import`: files of traffic through a running server, once each, resumable."""
