"""The model itself. Not thread-safe: fast tokenizers keep state, so one thread calls all of it."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import tokenizers
import torch
from sentence_transformers import SentenceTransformer
from transformers.utils import logging as transformers_logging

from simsvc.embed.cutting import Cutter, tokens_of
from simsvc.embed.engine import Cut, Encoded, Window
from simsvc.embed.lexical import LEXICAL
from simsvc.embed.packing import pack, padded
from simsvc.embed.weights import ModelSource, local_folder, verify, weights_sha256
from simsvc.ports.embedder import ModelInfo

_UNBOUNDED = 1_000_000


class TorchEngine:
    """Any sentence-transformers model in PyTorch; `budget` padded tokens go into a pass."""

    def __init__(
        self, source: ModelSource, max_windows: int, dtype: str, threads: int, budget: int = 1024
    ) -> None:
        transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        logging.getLogger("sentence_transformers").setLevel(logging.WARNING)
        self._threads = threads
        folder = local_folder(source)
        sha256 = weights_sha256(folder)
        verify(source, sha256)
        self._model = SentenceTransformer(str(folder), device="cpu")
        self._model.eval()
        if dtype != "float32":
            self._model = self._model.to(getattr(torch, dtype))
        window = window_tokens(self._model)
        self._cutter = Cutter(*tokens_of(self._model.tokenizer), window, max_windows)
        self._budget = budget
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

    @property
    def name(self) -> str:
        """See `Engine.name`."""
        return f"torch {self._info.dtype}"

    def cut(self, texts: Sequence[str]) -> list[Cut]:
        """See `Engine.cut`."""
        return self._cutter.cut(texts)

    def encode(self, windows: Sequence[Window]) -> Encoded:
        """See `Engine.encode`. Sorted by length, a batch wastes little on padding."""
        vectors = np.empty((len(windows), self._info.dimension), np.float32)
        lengths = [window.tokens for window in windows]
        batches = pack(lengths, self._budget)
        for batch in batches:
            vectors[batch] = self._pass([windows[i].text for i in batch])
        return Encoded(vectors, len(batches), padded(lengths, batches))

    def _pass(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        with torch.inference_mode():
            features = self._model.preprocess(list(texts))
            vectors = self._model(features)["sentence_embedding"].float()
            unit: npt.NDArray[np.float32] = torch.nn.functional.normalize(vectors).numpy()
        return unit


def window_tokens(model: SentenceTransformer) -> int:
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
