"""What is remembered of each account: a sample of its prompts, of fixed size.

The newest prompts are kept, and of the older ones those that stood alone in time, since people
send in bursts and a scheduler's prompts lie between them. 1.7 KB an account.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from struct import Struct

import numpy as np
import numpy.typing as npt

from simsvc.core.sightings import Sighting

RECENT = 24
ISOLATED = 24
BURST = 900_000_000
SAMPLE_DTYPE = np.dtype(
    [
        ("seq", "i8"),
        ("at", "i8"),
        ("frame", "i8"),
        ("family", "i8"),
        ("isolated", "?"),
        ("moved", "?"),
    ]
)
# One such row, and where in it "isolated" lies: NumPy takes several times as long to write one.
_ROW, _FLAG_AT = Struct("<qqqq??"), 32
Samples = npt.NDArray[np.void]
Floats = npt.NDArray[np.float64]


@dataclass(slots=True)
class AccountState:
    """One actor: how many prompts in all and how many of them moved here, and the sample.

    Times are µs. `kept` has the rows of the sample: those that stood alone, then the recent ones.
    """

    first: int
    last: int
    prompts: int = 0
    continued: int = 0
    moved: int = 0
    accounts: set[int] = field(default_factory=set)
    kept: bytearray = field(default_factory=lambda: bytearray((ISOLATED + RECENT) * _ROW.size))
    alone: int = 0

    def add(self, seen: Sighting) -> None:
        """Take a prompt into the sample."""
        at, trace = seen.observed_at, seen.trace
        place = (ISOLATED + self.prompts % RECENT) * _ROW.size
        apart = abs(at - self.last) > BURST or not self.prompts
        if not apart:
            before = (ISOLATED + (self.prompts - 1) % RECENT) * _ROW.size
            self.kept[before + _FLAG_AT] = False
        if self.prompts >= RECENT:
            leaving = _ROW.unpack_from(self.kept, place)
            if leaving[0] and leaving[4]:
                _ROW.pack_into(self.kept, self.alone % ISOLATED * _ROW.size, *leaving)
                self.alone += 1
        moved = bool(trace.origin)
        _ROW.pack_into(self.kept, place, seen.seq, at, trace.frame, seen.family, apart, moved)
        self.moved += moved
        self.continued += bool(trace.prefix)
        self.prompts += 1
        self.first = min(self.first, at)
        self.last = max(self.last, at)
        self.accounts.add(seen.account)

    def isolation(self) -> float:
        """Return the share of its prompts that stood alone in time."""
        alone = self.alone + int(self._rows()[ISOLATED:]["isolated"].sum())
        return alone / self.prompts

    def sample(self) -> Samples:
        """Return the kept prompts, oldest first."""
        rows = self._rows()
        kept = rows[rows["seq"] > 0]
        return kept[np.argsort(kept["seq"], kind="stable")]

    def forget(self, before: int) -> None:
        """Drop what is older than this time (µs)."""
        rows = self._rows()
        rows[rows["at"] < before] = 0
        self.first = max(self.first, before)

    def _rows(self) -> Samples:
        """Return the rows as they are kept, to be changed in place."""
        return np.frombuffer(self.kept, SAMPLE_DTYPE)


class AccountBook:
    """All actors. `states` has those that sent last at its end."""

    def __init__(self) -> None:
        self.states: OrderedDict[int, AccountState] = OrderedDict()
        self.observed = 0

    def add(self, seen: Sighting) -> None:
        """Count a prompt."""
        state = self.states.get(seen.actor)
        if state is None:
            state = self.states[seen.actor] = AccountState(seen.observed_at, seen.observed_at)
        else:
            # Never away: other threads ask whether an actor is there.
            self.states.move_to_end(seen.actor)
        state.add(seen)
        self.observed += 1

    def pool(self, size: int, first: Iterable[int]) -> list[int]:
        """Return the actors to look at: those named `first`, then those that sent last."""
        wanted = {actor: None for actor in first if actor in self.states}
        for actor in reversed(self.states):
            if len(wanted) >= size:
                break
            wanted[actor] = None
        return sorted(wanted)

    def samples(self, actors: Sequence[int]) -> tuple[Samples, Floats]:
        """Copy what is kept of m actors, unused places and all: see `sampled`, `isolation`.

        Returns rows (m, ISOLATED + RECENT) and how many prompts stood alone before those (m,). A
        microsecond an actor, for the thread that everything else waits for.
        """
        states = [self.states[actor] for actor in actors]
        rows = np.frombuffer(b"".join([state.kept for state in states]), SAMPLE_DTYPE)
        alone = np.array([state.alone for state in states], np.float64)
        return rows.reshape(len(states), ISOLATED + RECENT), alone

    def forget(self, before: int) -> None:
        """Drop actors last seen before this time (µs), and what is older of the others."""
        left = ((a, s) for a, s in self.states.items() if s.last >= before)
        self.states = OrderedDict(left)
        for state in self.states.values():
            if state.first < before:
                state.forget(before)


def sampled(kept: Samples) -> tuple[Samples, npt.NDArray[np.int64]]:
    """Return the prompts (n,) of samples (m, …) in order of time, and whose each is (n,)."""
    owners, places = np.nonzero(kept["seq"] > 0)
    rows = kept[owners, places]
    order = np.lexsort((rows["seq"], owners, rows["at"]))
    return rows[order], owners[order]


def isolation(kept: Samples, alone: Floats, volumes: Floats) -> Floats:
    """Return the share of each actor's prompts (m,) that stood alone in time."""
    recent: Floats = kept["isolated"][:, ISOLATED:].sum(axis=1)
    return (alone + recent) / volumes
