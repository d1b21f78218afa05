"""Generations: everything that decides whether two vectors may be compared, and their catalogue."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

from simsvc.domain.campaign import Campaign
from simsvc.domain.generation import GenerationState, IndexParameters, Job, JobState, Range
from simsvc.ports.embedder import ModelInfo


def generation_id(model: ModelInfo) -> str:
    """Return a name that is equal for equal models and preprocessing only."""
    # The folder that a model was loaded from does not change its vectors.
    facts = {key: value for key, value in asdict(model).items() if key != "model"}
    return _named(json.dumps(facts, sort_keys=True))


def rebuilt_id(vectors_of: str, index: IndexParameters) -> str:
    """Return the name of a generation with the vectors of another one and an index of its own."""
    return _named(f"{vectors_of} {index.to_json()}")


def _named(facts: str) -> str:
    return f"gen-{hashlib.sha256(facts.encode()).hexdigest()[:16]}"


@dataclass(frozen=True, slots=True)
class Generation:
    """A model, its vectors and an index over them.

    `vectors_of` is the generation whose vectors and families it uses: itself, unless it has an
    index alone. `source` is what the setting `model` was, "" where that was not noted. `report` is
    its ShadowReport as JSON. `placed` is the seq up to which it has vectors and families, and
    `served_until` when it last ceased to answer. Times are µs.
    """

    generation_id: str
    vectors_of: str
    source: str
    model: ModelInfo
    index: IndexParameters
    state: GenerationState
    created_at: int
    report: str = ""
    placed: int = 0
    served_until: int = 0


class Catalogue(Protocol):
    """The generations of a record. Any thread, any process."""

    def serving(self) -> Generation | None:
        """Return the generation that answers; None in a record that is new."""
        ...

    def generation(self, generation_id: str) -> Generation | None:
        """Return a generation."""
        ...

    def generations(self) -> list[Generation]:
        """Return all of them, oldest first."""
        ...

    def begin(self, generation: Generation, job: Job, ranges: Sequence[Range]) -> None:
        """Note a new one and the job that makes it, at once.

        It takes the place of one of the same name that failed or was cancelled.
        """
        ...

    def end(self, job: Job, state: JobState, now: int, error: str = "") -> bool:
        """End the job of a generation and move that on, at once; False if it had ended before."""
        ...

    def save_report(self, generation_id: str, report: str, calibration: str, placed: int) -> None:
        """Keep what was found out about a generation, as JSON, and how far it goes."""
        ...

    def flip(
        self,
        generation_id: str,
        campaigns: Sequence[Campaign],
        last: int,
        now: int,
        job_id: str = "",
    ) -> None:
        """Let a generation answer and retire the other, with campaigns as it sees them, at once.

        `last` is the last seq that the other one has, `now` the time in µs. The job, if there is
        one, has succeeded then. Raises LookupError if it is not there to take over.
        """
        ...

    def delete_generation(self, generation_id: str) -> None:
        """Delete a generation, and the vectors that no other one uses."""
        ...
