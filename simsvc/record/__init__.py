"""The durable record on SQLAlchemy Core."""
