"""what analysts need: the audit log, prompts of campaigns, deliveries, indicators"""

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
    """Filled by the part that reviews."""


def _add_sources() -> None:
    """Filled by the part that gives insight."""


def _create_deliveries() -> None:
    """Filled by the part that alerts."""


def _create_indicators() -> None:
    """Filled by the part that shares."""


def downgrade() -> None:
    _drop_indicators()
    _drop_deliveries()
    _drop_sources()
    _drop_audit()


def _drop_indicators() -> None:
    """Filled by the part that shares."""


def _drop_deliveries() -> None:
    """Filled by the part that alerts."""


def _drop_sources() -> None:
    """Filled by the part that gives insight."""


def _drop_audit() -> None:
    """Filled by the part that reviews."""
