"""Texts to windows of tokens. Not thread-safe: fast tokenizers keep state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import tokenizers

from simsvc.domain.windows import WindowPlan, plan_windows
from simsvc.embed.engine import Cut, Window
from simsvc.embed.lexical import known_share


@dataclass(frozen=True, slots=True)
class Tokens:
    """A text's tokens, without special ones: ids and character spans."""

    ids: Sequence[int]
    offsets: Sequence[tuple[int, int]]


Tokenise = Callable[[Sequence[str]], list[Tokens]]


class Cutter:
    """Cuts texts into at most `max_windows` windows of at most `window` tokens."""

    def __init__(
        self, tokenise: Tokenise, unknown: int | None, window: int, max_windows: int
    ) -> None:
        self._tokenise = tokenise
        self._unknown = unknown
        self._window = window
        self._max_windows = max_windows

    def cut(self, texts: Sequence[str]) -> list[Cut]:
        """See `Engine.cut`."""
        tokenised = self._tokenise(texts)
        return [self._cut(text, tokens) for text, tokens in zip(texts, tokenised, strict=True)]

    def _cut(self, text: str, tokens: Tokens) -> Cut:
        total = len(tokens.ids)
        plan = plan_windows(total, self._window, self._max_windows)
        whole = plan.spans == ((0, total),)
        windows = (Window(text, tokens.ids),) if whole else _slices(text, tokens, plan)
        known = known_share(text, tokens.offsets, tokens.ids, self._unknown)
        return Cut(windows, total, plan.capped, known)


def _slices(text: str, tokens: Tokens, plan: WindowPlan) -> tuple[Window, ...]:
    offsets = tokens.offsets
    return tuple(
        Window(text[offsets[start][0] : offsets[end - 1][1]], tokens.ids[start:end])
        for start, end in plan.spans
    )


def tokens_of(tokenizer: Any) -> tuple[Tokenise, int | None]:
    """Return a function that tokenises texts, and the id of the unknown token.

    `tokenizer` is one of the tokenizers library or a fast one of transformers; TypeError otherwise.
    """
    if isinstance(tokenizer, tokenizers.Tokenizer):

        def bare(texts: Sequence[str]) -> list[Tokens]:
            encoded = tokenizer.encode_batch(list(texts), add_special_tokens=False)
            return [Tokens(e.ids, e.offsets) for e in encoded]

        return bare, tokenizer.token_to_id("[UNK]")
    if not getattr(tokenizer, "is_fast", False):
        raise TypeError("the model needs a fast tokenizer, which tells where its tokens lie")

    def fast(texts: Sequence[str]) -> list[Tokens]:
        encoded = tokenizer(
            list(texts),
            add_special_tokens=False,
            truncation=False,
            return_offsets_mapping=True,
            return_attention_mask=False,
            verbose=False,
        )
        return list(map(Tokens, encoded["input_ids"], encoded["offset_mapping"]))

    return fast, tokenizer.unk_token_id
