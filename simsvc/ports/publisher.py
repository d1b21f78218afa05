"""Where campaign events go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from simsvc.domain.campaign import CampaignEvent


class Publisher(Protocol):
    """Tells the world of changes. Called after they are in the record."""

    def publish(self, events: Sequence[CampaignEvent]) -> None:
        """Pass on events, oldest first. Must not block. Any thread may call it."""
        ...
