"""what the detector keeps: traces of prompts, attribution of members, calibration"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("prompts") as prompts:
        for column in (
            sa.Column("state_hash", sa.LargeBinary(length=16), server_default="", nullable=False),
            sa.Column("frame", sa.BigInteger(), server_default="0", nullable=False),
            sa.Column("origin", sa.BigInteger(), server_default="0", nullable=False),
            sa.Column("shingles", sa.LargeBinary(), server_default="", nullable=False),
            sa.Column("framed", sa.LargeBinary(), server_default="", nullable=False),
        ):
            prompts.add_column(column)
    with op.batch_alter_table("campaign_members") as members:
        members.add_column(sa.Column("probability", sa.Float(), server_default="1", nullable=False))
        members.add_column(sa.Column("reasons", sa.Text(), server_default="[]", nullable=False))
    with op.batch_alter_table("generations") as generations:
        generations.add_column(
            sa.Column("calibration", sa.Text(), server_default="", nullable=False)
        )
    op.create_table(
        "reference_sets",
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("kind", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_reference_sets")),
    )
    op.create_table(
        "reference_items",
        sa.Column("name", sa.String(length=256), nullable=False),
        sa.Column("generation_id", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=16), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.Column("shingles", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["name"], ["reference_sets.name"], name=op.f("fk_reference_items_name")
        ),
        sa.PrimaryKeyConstraint("name", "generation_id", "hash", name=op.f("pk_reference_items")),
    )


def downgrade() -> None:
    op.drop_table("reference_items")
    op.drop_table("reference_sets")
    with op.batch_alter_table("generations") as generations:
        generations.drop_column("calibration")
    with op.batch_alter_table("campaign_members") as members:
        members.drop_column("reasons")
        members.drop_column("probability")
    with op.batch_alter_table("prompts") as prompts:
        for name in ("framed", "shingles", "origin", "frame", "state_hash"):
            prompts.drop_column(name)
