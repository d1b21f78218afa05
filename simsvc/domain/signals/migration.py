"""S6: conversations that go on under another account.

A conversation is named by a keyed hash of its user turns. A prompt whose earlier turns were last
sent by another account, and by that one alone, has moved. People seldom do that, and then between
two accounts of their own; a pool that hops does it all the time.
Null: each continued conversation moves with the ordinary rate, so that moves are Poisson.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass

from simsvc.domain.signals.tails import log_poisson_at_least

_SLOTS = 2**20


class Conversations:
    """Who sent which state of a conversation last. A table of fixed size: old states give way."""

    def __init__(self, slots: int = _SLOTS) -> None:
        # Arrays of Python's own: one number of them is read four times as fast as of NumPy's.
        self._states = array("Q", bytes(8 * slots))
        self._actors = array("q", bytes(8 * slots))

    def follow(self, prefix: bytes, state: bytes, actor: int) -> int:
        """Note a prompt; return the other actor that its conversation comes from, or 0.

        `prefix` and `state` are hashes of the user turns before it and with it, b"" for none.
        """
        origin = 0
        if prefix:
            slot, tag = self._find(prefix)
            known = self._actors[slot] if self._states[slot] == tag else 0
            origin = known if known not in (0, actor, _MANY) else 0
        if not state:
            return origin
        slot, tag = self._find(state)
        if self._states[slot] == tag and self._actors[slot] != actor:
            # Two began alike: a greeting, a template, a shared example. It names nobody.
            self._actors[slot] = _MANY
        else:
            self._states[slot], self._actors[slot] = tag, actor
        return origin

    def _find(self, state: bytes) -> tuple[int, int]:
        tag = int.from_bytes(state[:8], "little")
        return tag % len(self._states), tag


_MANY = -(2**63)


@dataclass(frozen=True, slots=True)
class Moves:
    """`moved` of `continued` prompts of a group, `expected` at the ordinary rate; ln p."""

    moved: int
    continued: int
    expected: float
    log_p: float


def moves(moved: int, continued: int, rate: float) -> Moves:
    """Test a group's moves against the ordinary `rate` a continued prompt."""
    expected = max(continued * rate, 1e-9)
    return Moves(moved, continued, expected, log_poisson_at_least(moved, expected))
