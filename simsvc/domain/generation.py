"""Generations and the jobs that make them. Times are µs."""

from __future__ import annotations

import enum
import json
from dataclasses import asdict, dataclass, field
from typing import Any


class GenerationState(enum.IntEnum):
    """The numbers are those of the wire."""

    BUILDING = 1
    SHADOW = 2
    SERVING = 3
    RETIRED = 4
    FAILED = 5
    CANCELLED = 6


class JobKind(enum.StrEnum):
    """What a job does: new vectors and index, a new index alone, or letting one take over."""

    REEMBED = "reembed"
    REBUILD = "rebuild"
    ACTIVATE = "activate"


class JobState(enum.IntEnum):
    """Where a job stands. Only one that runs changes."""

    RUNNING = 1
    SUCCEEDED = 2
    FAILED = 3
    CANCELLED = 4


class Phase(enum.StrEnum):
    """What a job is at; the order is that of a reindex and a cut-over after it."""

    EMBEDDING = "embedding"
    INDEXING = "indexing"
    COMPARING = "comparing"
    LOADING = "loading"
    CATCHING_UP = "catching_up"
    DUAL_EMBEDDING = "dual_embedding"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class IndexParameters:
    """What a generation's index is built with; None: what the settings say."""

    segment_prompts: int | None = None
    segment_merge: int | None = None
    segment_largest: int | None = None
    ann_prompts: int | None = None
    recall: float | None = None

    def chosen(self) -> dict[str, Any]:
        """Return those that are not left to the settings."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def to_json(self) -> str:
        """Return them as JSON."""
        return json.dumps(self.chosen(), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> IndexParameters:
        """Read what `to_json` wrote; "" for none."""
        return cls(**json.loads(text)) if text else cls()


@dataclass(frozen=True, slots=True)
class Job:
    """A long-running operation, as the record holds it.

    `embedded` and `indexed` of `total` prompts are done, those up to the seq `up_to`. `cancel`: it
    is to stop. `seconds` is how long it has run, `rate` prompts a second over the last minute.
    """

    job_id: str
    generation_id: str
    kind: JobKind
    state: JobState
    phase: Phase
    up_to: int
    total: int
    embedded: int
    indexed: int
    created_at: int
    updated_at: int
    ended_at: int = 0
    error: str = ""
    cancel: bool = False
    rate: float = 0.0

    @property
    def done(self) -> int:
        """Return how many of `total` prompts its phase has gone through, the last if it is over."""
        return self.embedded if self.phase is Phase.EMBEDDING else self.indexed

    @property
    def counts(self) -> bool:
        """Return whether its phase goes through prompts, so that `done` grows."""
        return self.phase not in (Phase.COMPARING, Phase.LOADING)

    @property
    def remaining_seconds(self) -> float | None:
        """Return the time left for the phase at the present rate; None if that is not known.

        Phases differ in their rates a hundredfold: this one's says nothing of the next.
        """
        known = self.counts and self.rate > 0 and self.total > 0
        return max(0, self.total - self.done) / self.rate if known else None


@dataclass(frozen=True, slots=True)
class Range:
    """Consecutive prompts that one worker embeds at a time: first ≤ seq ≤ last."""

    ordinal: int
    first: int
    last: int
    prompts: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Preview:
    """A campaign in the comparison of two generations: its id if it is recorded, and its size."""

    campaign_id: str
    accounts: int
    overlap: float


@dataclass(frozen=True, slots=True)
class ShadowReport:
    """What a generation would change, found before it answers anybody.

    `recall` is recall@10 of its index against exact search, `overlap` the shared part of the exact
    ten nearest in both generations, over `sample` prompts. `kept`, `new` and `vanishing` are
    campaigns; `references` are sets whose texts are not there to be embedded.
    """

    prompts: int = 0
    sample: int = 0
    recall: float = 0.0
    overlap: float = 0.0
    calibration: str = ""
    kept: tuple[Preview, ...] = ()
    new: tuple[Preview, ...] = ()
    vanishing: tuple[Preview, ...] = ()
    references: tuple[str, ...] = field(default=())

    def to_json(self) -> str:
        """Return it as JSON."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> ShadowReport | None:
        """Read what `to_json` wrote; None if there is none."""
        if not text:
            return None
        values = json.loads(text)
        for name in ("kept", "new", "vanishing"):
            values[name] = tuple(Preview(**preview) for preview in values[name])
        return cls(**values | {"references": tuple(values["references"])})
