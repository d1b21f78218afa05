"""an index by which the first prompt of a text is found, however often the text came"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_prompts_payload_hash_seq"), "prompts", ["payload_hash", "seq"])
    op.drop_index(op.f("ix_prompts_payload_hash"), "prompts")


def downgrade() -> None:
    op.create_index(op.f("ix_prompts_payload_hash"), "prompts", ["payload_hash"])
    op.drop_index(op.f("ix_prompts_payload_hash_seq"), "prompts")
