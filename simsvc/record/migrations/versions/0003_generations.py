"""generations that follow each other: their states, jobs that make them, families of their own"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_SERVING = 3


def upgrade() -> None:
    with op.batch_alter_table("generations") as generations:
        for column in (
            sa.Column("vectors_of", sa.String(length=64), server_default="", nullable=False),
            sa.Column("source", sa.Text(), server_default="", nullable=False),
            sa.Column("index_parameters", sa.Text(), server_default="", nullable=False),
            sa.Column("state", sa.Integer(), server_default=str(_SERVING), nullable=False),
            sa.Column("created_at", sa.BigInteger(), server_default="0", nullable=False),
            sa.Column("report", sa.Text(), server_default="", nullable=False),
            sa.Column("placed", sa.BigInteger(), server_default="0", nullable=False),
            sa.Column("served_until", sa.BigInteger(), server_default="0", nullable=False),
        ):
            generations.add_column(column)
    op.execute("UPDATE generations SET vectors_of = generation_id")
    with op.batch_alter_table("prompts") as prompts:
        prompts.add_column(sa.Column("cuts", sa.LargeBinary(), server_default="", nullable=False))
    with op.batch_alter_table("reference_items") as items:
        items.add_column(sa.Column("text_key_id", sa.String(length=64), nullable=True))
        items.add_column(sa.Column("text", sa.LargeBinary(), nullable=True))
    op.create_table(
        "families",
        sa.Column("generation_id", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("family", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("generation_id", "seq", name=op.f("pk_families")),
    )
    _create_jobs()


def _create_jobs() -> None:
    numbers = ("up_to", "total", "indexed", "created_at", "updated_at", "ended_at")
    op.create_table(
        "jobs",
        sa.Column("job_id", sa.String(length=64), nullable=False),
        sa.Column("generation_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("state", sa.Integer(), nullable=False),
        sa.Column("phase", sa.String(length=16), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in numbers),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("cancel", sa.Boolean(), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_jobs")),
    )
    op.create_table(
        "ranges",
        sa.Column("job_id", sa.String(length=64), nullable=False),
        sa.Column("ordinal", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("prompts", sa.Integer(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("done_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.job_id"], name=op.f("fk_ranges_job_id")),
        sa.PrimaryKeyConstraint("job_id", "ordinal", name=op.f("pk_ranges")),
    )


def downgrade() -> None:
    op.drop_table("ranges")
    op.drop_table("jobs")
    op.drop_table("families")
    with op.batch_alter_table("reference_items") as items:
        items.drop_column("text")
        items.drop_column("text_key_id")
    with op.batch_alter_table("prompts") as prompts:
        prompts.drop_column("cuts")
    with op.batch_alter_table("generations") as generations:
        for name in (
            "served_until", "placed", "report", "created_at", "state", "index_parameters",
            "source", "vectors_of",
        ):  # fmt: skip
            generations.drop_column(name)
