"""indexes by which the changes of campaigns that retention takes are found"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_campaign_events_at"), "campaign_events", ["at"])
    op.create_index(
        op.f("ix_campaign_events_campaign_id_position"),
        "campaign_events",
        ["campaign_id", "position"],
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_campaign_events_campaign_id_position"), "campaign_events")
    op.drop_index(op.f("ix_campaign_events_at"), "campaign_events")
