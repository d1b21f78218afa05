"""Partners' indicators in the record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from simsvc.domain.sharing import Indicator


class KeepsIndicators(Protocol):
    """Writes on the writing thread only; reads on any."""

    def save_indicators(self, indicators: Sequence[Indicator]) -> None:
        """Write indicators; one with a known id is replaced."""
        ...

    def indicators(self) -> list[Indicator]:
        """Return all, the newest import first."""
        ...

    def delete_indicator(self, indicator_id: str) -> bool:
        """Delete one; return whether there was one."""
        ...
