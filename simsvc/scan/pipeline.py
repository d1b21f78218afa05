"""Traffic through the detector in order of time: the service's own parts, without a server."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from simsvc.core.campaigns import CampaignBook
from simsvc.core.detection import Detector
from simsvc.core.families import FamilyAssigner
from simsvc.core.sightings import Sighting
from simsvc.core.views import Dissector
from simsvc.domain.chunks import chunks
from simsvc.domain.prompt import Prompt
from simsvc.domain.trace import Trace
from simsvc.ports.embedder import Embedding
from simsvc.ports.index import ROW_DTYPE, VectorIndex
from simsvc.scan.events import BadLine

_BATCH = 64
_TICK = 1000
_BAD_NAMED = 20


@dataclass(frozen=True, slots=True)
class Arrival:
    """A prompt ready to be embedded; `seq` counts from 1 in order of time."""

    seq: int
    prompt: Prompt
    account: int
    actor: int
    payload: str
    trace: Trace


@dataclass(slots=True)
class Intake:
    """What was read: events in order of time, and what was left out."""

    arrivals: list[Arrival] = field(default_factory=list)
    accounts: list[str] = field(default_factory=list)
    lines: int = 0
    bad: list[BadLine] = field(default_factory=list)
    bad_lines: int = 0
    repeated: int = 0


def take_in(events: Iterable[Prompt | BadLine], dissector: Dissector) -> Intake:
    """Sort events by time, number accounts, and take the prompts apart."""
    intake, prompts, seen = Intake(), [], set()
    for event in events:
        intake.lines += 1
        if isinstance(event, BadLine):
            intake.bad_lines += 1
            if len(intake.bad) < _BAD_NAMED:
                intake.bad.append(event)
        elif event.request_id in seen:
            intake.repeated += 1
        else:
            seen.add(event.request_id)
            prompts.append(event)
    prompts.sort(key=lambda p: (p.observed_at, p.request_id))
    accounts: dict[str, int] = {}
    organizations: dict[str, int] = {}
    for seq, prompt in enumerate(prompts, start=1):
        account = accounts.setdefault(prompt.account_id, len(accounts) + 1)
        actor = account
        if prompt.organization_id:
            actor = -organizations.setdefault(prompt.organization_id, len(organizations) + 1)
        parts = dissector.take_apart(prompt.messages)
        trace = dissector.note(parts, actor)
        intake.arrivals.append(Arrival(seq, prompt, account, actor, parts.payload, trace))
    intake.accounts = ["", *accounts]
    return intake


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of the service that a scan runs on."""

    index: VectorIndex
    detector: Detector
    book: CampaignBook


def detect(
    arrivals: Sequence[Arrival],
    embeddings: dict[str, Embedding],
    parts: Parts,
    assigner: FamilyAssigner,
    progress: Callable[[int], None],
) -> None:
    """Send prompts through index, families and detector; campaigns end up in the book.

    A campaign is reported at the time of the newest prompt then.
    """
    ticker = Ticker(parts)
    for batch in chunks(arrivals, _BATCH):
        _observe(batch, embeddings, parts, assigner)
        progress(len(batch))
        ticker.after(len(batch))
    ticker.last()


class Ticker:
    """Lets the detector report while traffic is replayed.

    A tick comes after so many prompts, when a look at all accounts is due and, where `every` is
    given, once so much traffic time (µs) has passed: what is rare must not leave the window unseen.
    """

    def __init__(self, parts: Parts, every: int | None = None) -> None:
        self._parts = parts
        self._every = every
        self._unticked = 0
        self._ticked_at: int | None = None

    def after(self, prompts: int) -> None:
        """Tick, if it is time to, after the detector has observed so many more prompts."""
        self._unticked += prompts
        if self._ticked_at is None:
            self._ticked_at = self._parts.detector.latest
        if self._unticked >= _TICK or self._parts.detector.analyst.due() or self._is_late():
            _tick(self._parts, force=False)
            self._unticked, self._ticked_at = 0, self._parts.detector.latest

    def last(self) -> None:
        """Tick for the last time, with a look whatever is new."""
        _tick(self._parts, force=True)

    def _is_late(self) -> bool:
        passed = self._parts.detector.latest - (self._ticked_at or 0)
        return self._every is not None and passed >= self._every


def _observe(
    batch: Sequence[Arrival],
    embeddings: dict[str, Embedding],
    parts: Parts,
    assigner: FamilyAssigner,
) -> None:
    vectors = np.stack([embeddings[a.payload].vector for a in batch])
    placements = assigner.place(vectors, [a.seq for a in batch])
    sightings = [
        Sighting(
            seq=a.seq,
            account=a.account,
            actor=a.actor,
            observed_at=a.prompt.observed_at,
            family=placement.family,
            text=_text_hash(a.payload),
            trace=a.trace,
        )
        for a, placement in zip(batch, placements, strict=True)
    ]
    rows = np.array(
        [(s.seq, s.account, max(-s.actor, 0), s.observed_at, s.family) for s in sightings],
        dtype=ROW_DTYPE,
    )
    parts.index.add(rows, vectors)
    parts.detector.observe(sightings)


def _tick(parts: Parts, *, force: bool) -> None:
    detector = parts.detector
    population = detector.population(parts.book.suspects(), force=force)
    suspicions = None
    if population is not None:
        suspicions = detector.analyst.analyse(population, detector.analyst.moves(population))
    findings = detector.tick(parts.book.is_reported, suspicions, last=force)
    parts.book.apply(parts.book.plan(findings, parts.detector, parts.detector.latest))


def _text_hash(text: str) -> bytes:
    return hash(text).to_bytes(16, "little", signed=True)
