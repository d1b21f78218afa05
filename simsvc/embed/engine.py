"""The model itself. Not thread-safe: fast tokenizers keep state, so one thread calls all of it."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import tokenizers
import torch
from sentence_transformers import SentenceTransformer
from transformers.utils import logging as transformers_logging

from simsvc.domain.windows import WindowPlan, plan_windows
from simsvc.embed.lexical import LEXICAL, known_share
from simsvc.embed.weights import ModelNotFoundError, ModelSource, verify, weights_sha256
from simsvc.ports.embedder import ModelInfo

_UNBOUNDED = 1_000_000


@dataclass(frozen=True, slots=True)
class Window:
    """A piece of a text that fits into the model, and its tokens."""

    text: str
    tokens: int


@dataclass(frozen=True, slots=True)
class Cut:
    """A text cut into windows; `tokens` are those of the whole text.

    `known` is the share of them that mean something to the model.
    """

    windows: tuple[Window, ...]
    tokens: int
    capped: bool
    known: float = 1.0


class Engine(Protocol):
    """Cuts texts into windows and embeds windows. For one thread."""

    @property
    def info(self) -> ModelInfo:
        """Return what the vectors are made with."""
        ...

    def cut(self, texts: Sequence[str]) -> list[Cut]:
        """Cut texts into windows that cover their whole length."""
        ...

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return unit vectors (n, d), all computed in one pass."""
        ...


class TorchEngine:
    """Any sentence-transformers model in PyTorch."""

    def __init__(self, source: ModelSource, max_windows: int, dtype: str, threads: int) -> None:
        transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        logging.getLogger("sentence_transformers").setLevel(logging.WARNING)
        self._threads = threads
        folder = _local_folder(source)
        sha256 = weights_sha256(folder)
        verify(source, sha256)
        self._model = SentenceTransformer(str(folder), device="cpu")
        self._model.eval()
        if dtype != "float32":
            self._model = self._model.to(getattr(torch, dtype))
        self._measure, self._unknown = _tokens_of(self._model.tokenizer)
        window = _window_tokens(self._model)
        self._info = ModelInfo(
            model=source.name,
            sha256=sha256,
            dimension=int(self._model.get_embedding_dimension() or 0),
            window_tokens=window,
            max_windows=max_windows,
            dtype=dtype,
            lexical=LEXICAL,
        )

    @property
    def info(self) -> ModelInfo:
        """See `Engine.info`."""
        return self._info

    def use_this_thread(self) -> None:
        """Set how many cores the calling thread's matrix products may use."""
        torch.set_num_threads(self._threads)

    def cut(self, texts: Sequence[str]) -> list[Cut]:
        """See `Engine.cut`."""
        measured = self._measure(texts)
        return [self._cut(text, tokens) for text, tokens in zip(texts, measured, strict=True)]

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """See `Engine.encode`."""
        with torch.inference_mode():
            features = self._model.preprocess(list(texts))
            vectors = self._model(features)["sentence_embedding"].float()
            unit: npt.NDArray[np.float32] = torch.nn.functional.normalize(vectors).numpy()
        return unit

    def _cut(self, text: str, tokens: Tokens) -> Cut:
        total = len(tokens.ids)
        plan = plan_windows(total, self._info.window_tokens, self._info.max_windows)
        single = len(plan.spans) == 1
        windows = (Window(text, total),) if single else _slices(text, tokens.offsets, plan)
        known = known_share(text, tokens.offsets, tokens.ids, self._unknown)
        return Cut(windows, total, plan.capped, known)


def _slices(text: str, offsets: Sequence[tuple[int, int]], plan: WindowPlan) -> tuple[Window, ...]:
    return tuple(
        Window(text[offsets[start][0] : offsets[end - 1][1]], end - start)
        for start, end in plan.spans
    )


@dataclass(frozen=True, slots=True)
class Tokens:
    """A text's tokens, without special ones: ids and character spans."""

    ids: Sequence[int]
    offsets: Sequence[tuple[int, int]]


class _Measure(Protocol):
    def __call__(self, texts: Sequence[str]) -> list[Tokens]: ...


def _tokens_of(tokenizer: Any) -> tuple[_Measure, int | None]:
    """Return a function that tokenises texts, and the id of the unknown token."""
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


def _window_tokens(model: SentenceTransformer) -> int:
    """Return how many tokens of a text fit into the model beside its special tokens."""
    limit = model.max_seq_length
    if limit is None or limit > _UNBOUNDED:
        return _UNBOUNDED
    tokenizer = model.tokenizer
    special = (
        tokenizer.num_special_tokens_to_add(False)
        if isinstance(tokenizer, tokenizers.Tokenizer)
        else tokenizer.num_special_tokens_to_add()
    )
    return int(limit) - int(special)


def _local_folder(source: ModelSource) -> Path:
    """Return the model's folder, fetching a hub's model where the machine may do so."""
    path = Path(source.location)
    if path.is_dir():
        return path
    # Only a hub's model needs these.
    from huggingface_hub import snapshot_download  # noqa: PLC0415
    from huggingface_hub.errors import HFValidationError  # noqa: PLC0415

    try:
        folder = Path(snapshot_download(source.location))
    except (OSError, HFValidationError) as error:
        raise ModelNotFoundError(
            f"{source.name} is neither the bundled model nor a folder, and could not be fetched"
        ) from error
    modules = json.loads((folder / "modules.json").read_text())
    if not modules:
        raise FileNotFoundError(f"{source.name} is not a sentence-transformers model")
    return folder
