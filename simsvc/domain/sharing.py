"""What is told of a campaign, and what others tell. Times are µs since the epoch."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from simsvc.domain.signals.coverage import Coverage
from simsvc.domain.sketch import Sketch
from simsvc.domain.verdict import Confidence


class Tlp(enum.IntEnum):
    """With whom something may be shared on (FIRST TLP 2.0); the numbers are those of the wire."""

    CLEAR = 1
    GREEN = 2
    AMBER = 3
    AMBER_STRICT = 4
    RED = 5

    @property
    def label(self) -> str:
        """Return it as FIRST writes it."""
        return f"TLP:{self.name.replace('_', '+')}"


class IndicatorKind(enum.IntEnum):
    """What an indicator is a sketch of; the numbers are those of the wire."""

    FRAME = 1
    DATA_SET = 2


@dataclass(frozen=True, slots=True)
class SharedMember:
    """An account under the shared key; `prompts` is rounded up to a power of two."""

    account: str
    probability: float
    prompts: int


@dataclass(frozen=True, slots=True)
class SharedClaim:
    """One reason for a campaign, in words and numbers; `log_p` is a natural logarithm."""

    signal: str
    description: str
    value: float
    expected: float
    log_p: float


@dataclass(frozen=True, slots=True)
class SharedSketch:
    """A sketch, and how many accounts and prompts it was made of, or items of the set."""

    kind: IndicatorKind
    sketch: Sketch
    accounts: int
    prompts: int


@dataclass(frozen=True, slots=True)
class SharedCase:
    """A campaign as others may see it.

    `name` stands for it under the shared key. Days are begins of days (UTC). Nothing is in it that
    fewer than k accounts have in common.
    """

    name: str
    key_id: str
    reported_day: int
    first_day: int
    last_day: int
    accounts: int
    actors: int
    prompts: int
    confidence: Confidence
    tactics: tuple[str, ...]
    claims: tuple[SharedClaim, ...]
    coverage: Coverage | None
    members: tuple[SharedMember, ...]
    sketches: tuple[SharedSketch, ...]
    confirmed: bool


@dataclass(frozen=True, slots=True)
class Indicator:
    """What a partner has told, as it is kept. `valid_until` 0: without end.

    `modified` is when the partner made this version.
    """

    indicator_id: str
    kind: IndicatorKind
    name: str
    producer: str
    tlp: Tlp
    key_id: str
    valid_from: int
    valid_until: int
    confidence: int
    sketch: Sketch
    imported_at: int
    modified: int = 0

    def holds(self, now: int) -> bool:
        """Return whether it is valid at a time."""
        return self.valid_from <= now and (not self.valid_until or now < self.valid_until)


@dataclass(frozen=True, slots=True)
class Told:
    """What a bundle says: indicators, and those that are withdrawn, each once."""

    indicators: tuple[Indicator, ...]
    withdrawn: tuple[Indicator, ...] = ()
