"""Use cases. Knows the domain and the ports, no engine, wire or database."""
