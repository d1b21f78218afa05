"""Small made-up traffic for the detector: vectors instead of texts, with known truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from simsvc.core.detection import Detector, Finding
from simsvc.core.sightings import Sighting
from simsvc.core.views import Dissector
from simsvc.domain.frames import FrameRule
from simsvc.domain.trace import Trace
from simsvc.index.flat import FlatIndex
from simsvc.ports.index import ROW_DTYPE
from tests.fakes.prompts import KEYRING, NOW
from tests.fakes.record import MemoryRecord
from tests.unit.helpers import FAMILIES, family_detector

DIMENSION = 48
DAY = 86_400.0
DAYS = 10


@dataclass(frozen=True)
class Item:
    """What is asked: a vector, a name that repeats of it share, a frame, a conversation."""

    vector: np.ndarray
    name: str = ""
    frame: int = 0
    origin: int = 0
    prefix: bytes = b""


@dataclass
class Traffic:
    """Prompts of accounts; `actor` differs from the account where an organisation is declared."""

    seed: int = 1
    sent: list[tuple[float, int, int, Item]] = field(default_factory=list)
    accounts: int = 0

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        self.topics = self.rng.standard_normal((60, DIMENSION))

    def account(self) -> int:
        self.accounts += 1
        return self.accounts

    def send(self, at: float, account: int, item: Item, actor: int = 0) -> None:
        self.sent.append((at, account, actor or account, item))

    def organic(self, count: int, mean: float = 18.0, frame: int = 0) -> list[int]:
        """Accounts with habits, bursts, hours of their own and heavy-tailed volumes."""
        made = []
        for _ in range(count):
            account = self.account()
            volume = max(2, int(self.rng.lognormal(np.log(mean) - 0.5, 1.0)))
            self.people(account, [self.habit(*self.tastes(), frame) for _ in range(volume)])
            made.append(account)
        return made

    def tastes(self) -> tuple[np.ndarray, np.ndarray]:
        if not hasattr(self, "_tastes") or self._tastes[0] != self.accounts:
            pair = self.rng.choice(len(self.topics), 2, replace=False)
            own = self.topics[pair] + 0.6 * self.rng.standard_normal((2, DIMENSION))
            self._tastes = (self.accounts, own)
        return self._tastes[1][0], self._tastes[1][1]

    def habit(self, first: np.ndarray, second: np.ndarray, frame: int = 0) -> Item:
        taste = first if self.rng.random() < 0.6 else second
        return Item(taste + 1.6 * self.rng.standard_normal(DIMENSION), frame=frame)

    def people(self, account: int, items: Sequence[Item], actor: int = 0) -> None:
        """Send items in bursts at an account's own hours."""
        noon, at, left = self.rng.uniform(0, 24), 0.0, 0
        for item in items:
            if left <= 0:
                hour = self.rng.normal(noon, 3) % 24
                at = self.rng.integers(DAYS) * DAY + hour * 3600
                left = 1 + self.rng.geometric(0.3)
            at += self.rng.exponential(120)
            left -= 1
            self.send(at, account, item, actor)

    def data_set(self, size: int, spread: float = 1.0) -> list[Item]:
        """Items of one source: a style that all share, and topics without end."""
        style = 1.2 * self.rng.standard_normal(DIMENSION)
        noise = spread * 1.6 * self.rng.standard_normal((size, DIMENSION))
        return [Item(style + noise[i], f"item-{self.rng.integers(2**40)}") for i in range(size)]

    def campaign(
        self, items: Sequence[Item], accounts: int, cover: int, routing: str = "random"
    ) -> list[int]:
        """A queue of jobs spread evenly over accounts, which also send `cover` organic prompts."""
        members = [self.account() for _ in range(accounts)]
        step = (DAYS - 2) * DAY / len(items)
        for i, item in enumerate(items):
            at = DAY + (i + self.rng.random()) * step
            turn = i if routing == "round-robin" else int(self.rng.integers(accounts))
            self.send(at, members[turn % accounts], item)
        for member in members:
            pair = self.topics[self.rng.choice(len(self.topics), 2, replace=False)]
            self.people(member, [self.habit(*pair) for _ in range(cover)])
        return members

    def findings(self, record: MemoryRecord | None = None) -> list[Finding]:
        """Return what the detector says of it all, with the reference sets of a record."""
        detector, _ = self.observed()
        if record is not None:
            detector.library.load(record, Dissector(KEYRING, FrameRule()))
        population = detector.population((), force=True)
        assert population is not None
        suspicions = detector.analyst.analyse(population, detector.analyst.moves(population))
        return detector.tick(lambda _: False, suspicions, last=True)

    def observed(self) -> tuple[Detector, FlatIndex]:
        index = FlatIndex(DIMENSION)
        detector = family_detector(FAMILIES, index)
        leaders: dict[str, int] = {}
        self.sent.sort(key=lambda s: (s[0], s[1]))
        for seq, (at, account, actor, item) in enumerate(self.sent, start=1):
            family = leaders.setdefault(item.name, seq) if item.name else 0
            unit = (item.vector / np.linalg.norm(item.vector)).astype(np.float32)
            time = NOW + int(at * 1e6)
            row = np.array([(seq, account, max(-actor, 0), time, family)], ROW_DTYPE)
            index.add(row, unit[None])
            trace = Trace(frame=item.frame, origin=item.origin, prefix=item.prefix)
            # The leader of a family has none of its own until a second one comes.
            seen = Sighting(seq, account, actor, time, 0 if family == seq else family,
                            f"{item.name}{seq}".encode()[:16].ljust(16), trace)  # fmt: skip
            detector.observe([seen])
        return detector, index


def members_of(finding: Finding) -> set[int]:
    """Return a finding's accounts."""
    return {m.account for m in finding.members}
