"""Prompts of one frame, with the part marked that varies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simsvc.domain.prompt import Role, views_of
from simsvc.ports.activity import CutPrompt

_SPAN = 600


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a prompt's text."""

    text: str
    varying: bool


def spans_of(prompt: CutPrompt) -> tuple[Span, ...]:
    """Return a prompt as pieces: what its frame takes is fixed, the rest varies.

    Long pieces are cut. Empty where the text cannot be read.
    """
    if prompt.messages is None:
        return ()
    turns = [m.content for m in prompt.messages if m.role is Role.USER]
    system = views_of(prompt.messages).frame
    spans = [Span(_cut(system), varying=False)] if system else []
    text, at = turns[-1], 0
    for begin, end in np.frombuffer(prompt.cuts, "<u4").reshape(-1, 2).tolist():
        spans += [Span(_cut(text[at:begin]), varying=True), Span(_cut(text[begin:end]), False)]
        at = end
    spans.append(Span(_cut(text[at:]), varying=True))
    return tuple(span for span in spans if span.text)


def _cut(text: str) -> str:
    return text if len(text) <= _SPAN else f"{text[: _SPAN // 2]} … {text[-_SPAN // 2 :]}"
