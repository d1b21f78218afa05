"""what analysts need: the audit log, prompts of campaigns, deliveries, indicators"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_audit()
    _add_sources()
    _create_deliveries()
    _create_indicators()


def _create_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("campaign_id", sa.String(length=64), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("undoes", sa.BigInteger(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_audit")),
    )
    for column in ("campaign_id", "undoes"):
        op.create_index(op.f(f"ix_audit_{column}"), "audit", [column])
    # Look-ups so far were in no chain: they come over without a digest, and without gaps.
    copied = sa.text(
        'INSERT INTO audit (position, at, principal, action, subject, campaign_id, "before",'
        ' "after", comment, undoes, detail, key_id, digest)'
        " SELECT row_number() OVER (ORDER BY position), at, principal, action, subject, '', '', '',"
        " '', 0, '', '', :empty FROM lookups"
    )
    op.execute(copied.bindparams(empty=b""))
    op.drop_table("lookups")


def _add_sources() -> None:
    with op.batch_alter_table("campaigns") as campaigns:
        campaigns.add_column(
            sa.Column("source", sa.LargeBinary(), server_default="", nullable=False)
        )
    # SQLite takes the default for a text, which is read back as no bytes.
    op.execute(sa.text("UPDATE campaigns SET source = :empty").bindparams(empty=b""))


def _create_deliveries() -> None:
    op.create_table(
        "webhooks",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_webhooks")),
    )
    op.create_table(
        "deliveries",
        sa.Column("delivery_id", sa.String(length=64), nullable=False),
        sa.Column("webhook", sa.String(length=64), nullable=False),
        sa.Column("campaign_id", sa.String(length=64), nullable=False),
        sa.Column("change", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("delivery_id", name=op.f("pk_deliveries")),
    )
    due = ["webhook", "state", "next_at"]
    op.create_index(op.f("ix_deliveries_webhook_state_next_at"), "deliveries", due)
    op.create_index(op.f("ix_deliveries_created_at"), "deliveries", ["created_at"])


def _create_indicators() -> None:
    op.create_table(
        "indicators",
        sa.Column("indicator_id", sa.String(length=128), nullable=False),
        sa.Column("kind", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("producer", sa.Text(), nullable=False),
        sa.Column("tlp", sa.Integer(), nullable=False),
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("valid_from", sa.BigInteger(), nullable=False),
        sa.Column("valid_until", sa.BigInteger(), nullable=False),
        sa.Column("confidence", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sketch", sa.LargeBinary(), nullable=False),
        sa.Column("imported_at", sa.BigInteger(), nullable=False),
        sa.Column("modified", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("indicator_id", name=op.f("pk_indicators")),
    )


def downgrade() -> None:
    _drop_indicators()
    _drop_deliveries()
    _drop_sources()
    _drop_audit()


def _drop_indicators() -> None:
    op.drop_table("indicators")


def _drop_deliveries() -> None:
    op.drop_table("deliveries")
    op.drop_table("webhooks")


def _drop_sources() -> None:
    with op.batch_alter_table("campaigns") as campaigns:
        campaigns.drop_column("source")


def _drop_audit() -> None:
    numbered = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "lookups",
        sa.Column("position", numbered, autoincrement=True, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("principal", sa.Text(), nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_lookups")),
        sqlite_autoincrement=True,
    )
    op.execute(
        "INSERT INTO lookups (at, principal, action, subject)"
        " SELECT at, principal, action, subject FROM audit ORDER BY position"
    )
    op.drop_table("audit")
