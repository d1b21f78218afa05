"""What an engine is: it cuts texts into windows that fit a model, and embeds windows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from simsvc.ports.embedder import ModelInfo

# What matrix products are computed in; "int8" is of weights, and of what they multiply.
Format = Literal["int8", "bf16", "f32"]


@dataclass(frozen=True, slots=True)
class Window:
    """A piece of a text that fits into the model: its text, and its tokens without special ones."""

    text: str
    ids: Sequence[int]

    @property
    def tokens(self) -> int:
        """Return how many tokens it has."""
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Cut:
    """A text cut into windows; `tokens` are those of the whole text.

    `known` is the share of them that mean something to the model.
    """

    windows: tuple[Window, ...]
    tokens: int
    capped: bool
    known: float = 1.0


@dataclass(frozen=True, slots=True)
class Encoded:
    """Unit vectors (n, d), the passes of the model that they took, and all tokens in these.

    `computed` counts padding and special tokens too: what the processor worked on.
    """

    vectors: npt.NDArray[np.float32]
    passes: int
    computed: int


class Engine(Protocol):
    """Cuts texts into windows and embeds windows. For one thread."""

    @property
    def info(self) -> ModelInfo:
        """Return what the vectors are made with."""
        ...

    @property
    def name(self) -> str:
        """Return what computes, and in which number format."""
        ...

    def use_this_thread(self) -> None:
        """Get ready to be called from the calling thread."""
        ...

    def cut(self, texts: Sequence[str]) -> list[Cut]:
        """Cut texts into windows that cover their whole length."""
        ...

    def encode(self, windows: Sequence[Window]) -> Encoded:
        """Embed windows, in as few and as full passes as the engine can."""
        ...

    def start(self, windows: Sequence[Window], done: Callable[[Encoded], None]) -> None:
        """Begin to embed windows, and hand them to `done`, in whatever thread ends the last pass.

        An engine that computes in threads of its own returns when the last passes have begun, so
        that the next texts can be cut meanwhile. Raises what an earlier call has failed with.
        """
        ...

    def finish(self) -> None:
        """Wait until all that was started is done; raises what it has failed with."""
        ...
