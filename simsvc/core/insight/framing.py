"""Prompts of one frame, with the part marked that varies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from simsvc.domain.prompt import views_of
from simsvc.domain.shingles import word_spans, words_of
from simsvc.ports.activity import CutPrompt

_SPAN = 600
# A run of so many words that the larger of these shares of the prompts has is no payload. A clause
# of the frame may come in several wordings.
_RUN = 4
_SHARE = 1 / 8
_LEAST = 3
Runs = frozenset[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a prompt's text."""

    text: str
    varying: bool


def common_runs(prompts: Iterable[CutPrompt]) -> Runs:
    """Return the runs of words that an eighth of the prompts, and three of them, have."""
    counts: Counter[tuple[str, ...]] = Counter()
    total = 0
    for messages in (p.messages for p in prompts if p.messages is not None):
        counts.update(set(_runs(words_of(views_of(messages).payload))))
        total += 1
    least = max(_LEAST, _SHARE * total)
    return frozenset(run for run, count in counts.items() if count >= least)


def spans_of(prompt: CutPrompt, common: Runs = frozenset()) -> tuple[Span, ...]:
    """Return a prompt as pieces: what its frame takes, and runs that are common, are fixed.

    A system prompt comes first. Long pieces are cut. Empty where the text cannot be read.
    """
    if prompt.messages is None:
        return ()
    views = views_of(prompt.messages)
    spans = [Span(_cut(views.frame), varying=False)] if views.frame else []
    text, at = views.payload, 0
    for begin, end in _fixed(text, prompt.cuts, common):
        spans += [Span(_cut(text[at:begin]), varying=True), Span(_cut(text[begin:end]), False)]
        at = end
    spans.append(Span(_cut(text[at:]), varying=True))
    return tuple(span for span in spans if span.text)


def _runs(words: Sequence[str]) -> list[tuple[str, ...]]:
    return [tuple(words[i : i + _RUN]) for i in range(len(words) - _RUN + 1)]


def _fixed(text: str, cuts: bytes, common: Runs) -> list[tuple[int, int]]:
    """Return the stretches of a text that do not vary, as positions, ascending and apart."""
    stretches = np.frombuffer(cuts, "<u4").reshape(-1, 2).tolist()
    spans = word_spans(text)
    for i, run in enumerate(_runs(words_of(text))):
        begin, end = int(spans[i, 0]), int(spans[i + _RUN - 1, 1])
        # A run over the middle that was passed over in a long text is none.
        if run in common and end - begin <= _SPAN:
            stretches.append([begin, end])
    joined: list[tuple[int, int]] = []
    for begin, end in sorted(stretches):
        if joined and (begin <= joined[-1][1] or not _says(text[joined[-1][1] : begin])):
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((begin, end))
    return joined


def _says(text: str) -> bool:
    return any(c.isalnum() for c in text)


def _cut(text: str) -> str:
    return text if len(text) <= _SPAN else f"{text[: _SPAN // 2]} … {text[-_SPAN // 2 :]}"
