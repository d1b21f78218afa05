"""`simsvc scan`: the whole detector over an export of traffic, without a server."""
