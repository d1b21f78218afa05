"""A prompt's views, and what is counted across prompts to find them: frames and conversations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simsvc.domain.frames import Framed, FrameRule, FrameTable, Note, payload_of
from simsvc.domain.prompt import Message, Role, Views, views_of
from simsvc.domain.pseudonyms import Keyring
from simsvc.domain.shingles import Hashes, Shingles, shingles_of, shingles_of_all
from simsvc.domain.signals.migration import Conversations
from simsvc.domain.trace import Trace

_SHORT = 24
_NOTHING = np.empty(0, np.uint64)


@dataclass(frozen=True, slots=True)
class Parts:
    """A prompt taken apart.

    `payload` is what is embedded: the user's turn less the frame inside it, which `cuts` tells
    (see `payload_again`). `shingles` (n,) are to
    be counted, `framed` (n,) tells which lie in a frame. `prefix` and `state` are hashes of the
    user turns before it and with it, b"" where there are none or they say too little.
    """

    payload: str
    cuts: bytes
    frame_text: str
    shingles: Hashes
    framed: npt.NDArray[np.bool_]
    prefix: bytes
    state: bytes


class Dissector:
    """Takes prompts apart. `take_apart` only reads; `note` counts, on the writing thread."""

    def __init__(self, keyring: Keyring, rule: FrameRule) -> None:
        self._keyring = keyring
        self._key = keyring.text_hash("shingle", "key")
        self._frames = FrameTable(rule)
        self._conversations = Conversations()

    def take_apart(self, messages: tuple[Message, ...]) -> Parts:
        """Split a prompt by what is known of frames by now. Any thread."""
        return self.take_all_apart([messages])[0]

    def take_all_apart(self, prompts: Sequence[tuple[Message, ...]]) -> list[Parts]:
        """Do as `take_apart` with each of one prompt or more."""
        views = [views_of(messages) for messages in prompts]
        texts = [*(v.frame for v in views), *(v.payload for v in views)]
        shingles = shingles_of_all(texts, self._key)
        systems, users = shingles[: len(views)], shingles[len(views) :]
        framed = self._frames.take_all_apart([v.payload for v in views], users)
        return list(map(self._parts, prompts, views, systems, users, framed))

    def _parts(
        self,
        messages: tuple[Message, ...],
        views: Views,
        of_system: Shingles,
        user: Shingles,
        framed: Framed,
    ) -> Parts:
        system = of_system.hashes
        # A system prompt is a frame as a whole; beside one, a frame inside the turn has no name.
        inside = np.zeros_like(framed.inside) if len(system) else framed.inside
        turns = [m.content for m in messages if m.role is Role.USER]
        return Parts(
            payload=framed.payload,
            cuts=framed.cuts.astype("<u4").tobytes(),
            frame_text=views.frame,
            shingles=np.concatenate([system, user.hashes]),
            framed=np.concatenate([np.ones(len(system), np.bool_), inside]),
            prefix=self._state(turns[:-1]),
            state=self._state(turns),
        )

    def note(self, parts: Parts, actor: int) -> Trace:
        """Count a prompt that is about to be recorded; return what is kept of it.

        Counting one twice, because the record could not be written, changes nothing.
        """
        self._frames.note(parts.shingles, actor)
        framed = parts.shingles[parts.framed]
        return Trace(
            frame=self._frames.name(framed) if len(framed) else 0,
            origin=self._conversations.follow(parts.prefix, parts.state, actor),
            shingles=parts.shingles.astype("<u8").tobytes(),
            framed=np.packbits(parts.framed).tobytes(),
            prefix=parts.prefix,
            state=parts.state,
        )

    def restore(self, prompts: Sequence[tuple[Trace, int]]) -> None:
        """Count prompts of the record, in order: what each left behind, and its actor."""
        self._frames.note_again(
            [
                Note(
                    trace.shingles,
                    actor,
                    trace.framed_hashes() if trace.frame else _NOTHING,
                    trace.frame,
                )
                for trace, actor in prompts
                if trace.shingles
            ]
        )
        for trace, actor in prompts:
            if trace.prefix or trace.state:
                self._conversations.follow(trace.prefix, trace.state, actor)

    def shingles(self, text: str) -> bytes:
        """Return the shingles of a template, 8 bytes each."""
        return shingles_of(text, self._key).hashes.astype("<u8").tobytes()

    def frame_of(self, shingles: bytes) -> int:
        """Return the name of a template's frame, counting its shingles. Writing thread."""
        hashes = np.frombuffer(shingles, "<u8").astype(np.uint64)
        self._frames.note(hashes, 0)
        return self._frames.name(hashes)

    def _state(self, turns: list[str]) -> bytes:
        """Name a conversation so far; a short beginning, which many share, has no name."""
        text = "\0".join(turns)
        return self._keyring.text_hash("state", text) if len(text) >= _SHORT else b""


def payload_again(messages: tuple[Message, ...], cuts: bytes) -> str:
    """Return the payload that a recorded prompt was embedded by."""
    positions = np.frombuffer(cuts, "<u4").astype(np.int64).reshape(-1, 2)
    return payload_of(views_of(messages).payload, positions)
