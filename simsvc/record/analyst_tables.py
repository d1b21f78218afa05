"""The tables of reviews, sharing and alerts. Times are µs since the epoch."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text

from simsvc.record.metadata import Bytes, metadata

# Reviews and look-ups. Positions have no gaps, and each row's digest takes in the one before.
audit = Table(
    "audit",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("principal", Text, nullable=False),
    Column("action", String(32), nullable=False),
    Column("subject", Text, nullable=False),
    Column("campaign_id", String(64), nullable=False, index=True),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("comment", Text, nullable=False),
    Column("undoes", BigInteger, nullable=False, index=True),
    Column("detail", Text, nullable=False),
    Column("key_id", String(64), nullable=False),
    Column("digest", Bytes(32), nullable=False),
)

indicators = Table(
    "indicators",
    metadata,
    Column("indicator_id", String(128), primary_key=True),
    Column("kind", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("producer", Text, nullable=False),
    Column("tlp", Integer, nullable=False),
    Column("key_id", String(64), nullable=False),
    Column("valid_from", BigInteger, nullable=False),
    Column("valid_until", BigInteger, nullable=False),
    Column("confidence", Integer, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sketch", Bytes, nullable=False),
    Column("imported_at", BigInteger, nullable=False),
    Column("modified", BigInteger, nullable=False),
)

# How far each webhook was told, by position of `campaign_events`.
webhooks = Table(
    "webhooks",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("position", BigInteger, nullable=False),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("delivery_id", String(64), primary_key=True),
    Column("webhook", String(64), nullable=False),
    Column("campaign_id", String(64), nullable=False),
    Column("change", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("state", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", BigInteger, nullable=False),
    Column("status", Integer, nullable=False),
    Column("problem", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Index(None, "webhook", "state", "next_at"),
    Index(None, "created_at"),
)
