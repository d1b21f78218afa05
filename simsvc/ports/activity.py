"""What the record tells of accounts' prompts for analysts: bounded, and without texts at first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from simsvc.domain.prompt import Message

# `item` is what a prompt asks for: its family, or itself (`seq`), which may lead one.
ACTIVITY_DTYPE = np.dtype(
    [
        ("seq", "i8"),
        ("account", "i8"),
        ("observed_at", "i8"),
        ("family", "i8"),
        ("frame", "i8"),
        ("item", "i8"),
    ]
)


@dataclass(frozen=True, slots=True)
class Activity:
    """Prompts in order of time, rows (n,) of ACTIVITY_DTYPE, and how many there are in all."""

    rows: npt.NDArray[np.void]
    total: int


@dataclass(frozen=True, slots=True)
class CutPrompt:
    """A prompt with what the frame takes of the user's turn, as `NewPrompt.cuts`.

    `messages` is None where the text cannot be read.
    """

    messages: tuple[Message, ...] | None
    cuts: bytes


class ReadsActivity(Protocol):
    """Reads for analysts. Any thread."""

    def activity(self, accounts: Sequence[int], limit: int) -> Activity:
        """Return the retained prompts of accounts; of more than `limit` an even sample."""
        ...

    def cut_prompts(self, seqs: Sequence[int]) -> dict[int, CutPrompt]:
        """Return prompts with their cuts; those that are not there are left out."""
        ...
