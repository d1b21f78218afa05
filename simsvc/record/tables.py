"""The schema. Times are µs since the epoch; hashes are 16 bytes.

`prompts` holds what was sent and answered, `vectors` what a generation makes of it, so that a
reindex writes beside the serving generation and never over it.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from simsvc.record.analyst_tables import audit, deliveries, indicators, webhooks
from simsvc.record.metadata import ROW_ID, Bytes, metadata

__all__ = [
    "account_hashes",
    "accounts",
    "audit",
    "campaign_events",
    "campaign_members",
    "campaigns",
    "counters",
    "deliveries",
    "families",
    "generations",
    "indicators",
    "jobs",
    "metadata",
    "organization_hashes",
    "organizations",
    "prompts",
    "ranges",
    "reference_items",
    "reference_sets",
    "vectors",
    "webhooks",
]


generations = Table(
    "generations",
    metadata,
    Column("generation_id", String(64), primary_key=True),
    Column("model", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("dimension", Integer, nullable=False),
    Column("window_tokens", Integer, nullable=False),
    Column("max_windows", Integer, nullable=False),
    Column("dtype", String(16), nullable=False),
    Column("lexical", String(64), nullable=False),
    Column("calibration", Text, nullable=False, server_default=""),
    Column("vectors_of", String(64), nullable=False, server_default=""),
    Column("source", Text, nullable=False, server_default=""),
    Column("index_parameters", Text, nullable=False, server_default=""),
    Column("state", Integer, nullable=False, server_default="3"),
    Column("created_at", BigInteger, nullable=False, server_default="0"),
    Column("report", Text, nullable=False, server_default=""),
    Column("placed", BigInteger, nullable=False, server_default="0"),
    Column("served_until", BigInteger, nullable=False, server_default="0"),
)

# `counters` outlive purges: a seq is never given twice.
counters = Table(
    "counters",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

accounts = Table(
    "accounts",
    metadata,
    Column("account", ROW_ID, primary_key=True, autoincrement=True),
    Column("hash", Bytes(16), nullable=False),
    Column("raw_id", Text, nullable=False, server_default=""),
)

account_hashes = Table(
    "account_hashes",
    metadata,
    Column("hash", Bytes(16), primary_key=True),
    Column("key_id", String(64), nullable=False),
    Column("account", ForeignKey(accounts.c.account), nullable=False, index=True),
)

organizations = Table(
    "organizations",
    metadata,
    Column("organization", ROW_ID, primary_key=True, autoincrement=True),
    Column("hash", Bytes(16), nullable=False),
    Column("raw_id", Text, nullable=False, server_default=""),
)

organization_hashes = Table(
    "organization_hashes",
    metadata,
    Column("hash", Bytes(16), primary_key=True),
    Column("key_id", String(64), nullable=False),
    Column("organization", ForeignKey(organizations.c.organization), nullable=False, index=True),
)

prompts = Table(
    "prompts",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("request_id", Text, nullable=False),
    Column("digest", Bytes(16), nullable=False),
    Column("account", BigInteger, nullable=False),
    Column("organization", BigInteger, nullable=False),
    Column("observed_at", BigInteger, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("model", Text, nullable=False),
    Column("text_key_id", String(64), nullable=True),
    Column("text", Bytes, nullable=True),
    Column("attributes", Text, nullable=False),
    Column("frame_hash", Bytes(16), nullable=False),
    Column("payload_hash", Bytes(16), nullable=False),
    Column("prefix_hash", Bytes(16), nullable=False),
    Column("family", BigInteger, nullable=False),
    Column("nearest_similarity", Float, nullable=False),
    Column("family_accounts", Integer, nullable=False),
    Column("campaign_id", String(64), nullable=False),
    Column("state_hash", Bytes(16), nullable=False, server_default=""),
    Column("frame", BigInteger, nullable=False, server_default="0"),
    Column("origin", BigInteger, nullable=False, server_default="0"),
    Column("shingles", Bytes, nullable=False, server_default=""),
    Column("framed", Bytes, nullable=False, server_default=""),
    Column("cuts", Bytes, nullable=False, server_default=""),
    UniqueConstraint("request_id"),
    Index(None, "account", "observed_at"),
    # With seq: a text's first prompt is found without going through all that have it.
    Index(None, "payload_hash", "seq"),
    Index(None, "observed_at"),
)

vectors = Table(
    "vectors",
    metadata,
    Column("generation_id", String(64), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("vector", Bytes, nullable=False),
    Column("tokens", Integer, nullable=False),
    Column("windows", Integer, nullable=False),
    Column("capped", Boolean, nullable=False),
)

# Families of prompts that came when another generation answered; of all others, `prompts` has them.
families = Table(
    "families",
    metadata,
    Column("generation_id", String(64), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("family", BigInteger, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("job_id", String(64), primary_key=True),
    Column("generation_id", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("state", Integer, nullable=False),
    Column("phase", String(16), nullable=False),
    Column("up_to", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("indexed", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger, nullable=False),
    Column("error", Text, nullable=False),
    Column("cancel", Boolean, nullable=False),
    Column("owner", String(64), nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)

ranges = Table(
    "ranges",
    metadata,
    Column("job_id", ForeignKey(jobs.c.job_id), primary_key=True),
    Column("ordinal", Integer, primary_key=True, autoincrement=False),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("prompts", Integer, nullable=False),
    Column("tokens", BigInteger, nullable=False),
    Column("owner", String(64), nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("done_at", BigInteger, nullable=False),
)

campaigns = Table(
    "campaigns",
    metadata,
    Column("campaign_id", String(64), primary_key=True),
    Column("state", Integer, nullable=False, index=True),
    Column("updated_at", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Column("source", Bytes, nullable=False, server_default=""),
)

campaign_members = Table(
    "campaign_members",
    metadata,
    Column("campaign_id", String(64), primary_key=True),
    Column("account", BigInteger, primary_key=True, autoincrement=False),
    Column("actor", BigInteger, nullable=False),
    Column("first_seen", BigInteger, nullable=False),
    Column("last_seen", BigInteger, nullable=False),
    Column("prompts", BigInteger, nullable=False),
    Column("probability", Float, nullable=False, server_default="1"),
    Column("reasons", Text, nullable=False, server_default="[]"),
    Index(None, "account"),
)

campaign_events = Table(
    "campaign_events",
    metadata,
    Column("position", ROW_ID, primary_key=True, autoincrement=True),
    Column("campaign_id", String(64), nullable=False),
    Column("change", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Index(None, "at"),
    # Whether a campaign has a later one.
    Index(None, "campaign_id", "position"),
    sqlite_autoincrement=True,
)

reference_sets = Table(
    "reference_sets",
    metadata,
    Column("name", String(256), primary_key=True),
    Column("kind", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

reference_items = Table(
    "reference_items",
    metadata,
    Column("name", ForeignKey(reference_sets.c.name), primary_key=True),
    Column("generation_id", String(64), primary_key=True),
    Column("hash", Bytes(16), primary_key=True),
    Column("vector", Bytes, nullable=False),
    Column("shingles", Bytes, nullable=False),
    Column("text_key_id", String(64), nullable=True),
    Column("text", Bytes, nullable=True),
)
