"""The model itself. Not thread-safe: fast tokenizers keep state, so one thread calls all of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import tokenizers
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.util import batch_to_device
from transformers.utils import logging as transformers_logging

from simsvc.embed import fidelity
from simsvc.embed.cutting import Cutter, tokens_of
from simsvc.embed.engine import Cut, Encoded, Window
from simsvc.embed.lexical import LEXICAL
from simsvc.embed.packing import pack, padded
from simsvc.embed.weights import ModelSource, local_folder, verify, weights_sha256
from simsvc.ports.embedder import ModelInfo

_UNBOUNDED = 1_000_000


@dataclass(frozen=True, slots=True)
class Processor:
    """Where the model computes, and in which number format it multiplies.

    A `half` format leaves the weights and sums as they are (torch.autocast); the vectors must agree
    with those of single precision, see `fidelity`.
    """

    device: str = "cpu"
    half: torch.dtype | None = None


_CPU = Processor()


class TorchEngine:
    """Any sentence-transformers model in PyTorch; `budget` padded tokens go into a pass."""

    def __init__(
        self,
        source: ModelSource,
        max_windows: int,
        dtype: str,
        threads: int,
        budget: int = 1024,
        processor: Processor = _CPU,
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
        self._processor = _CPU
        if processor != _CPU:
            reference = self.encode(fidelity.windows_of(self)).vectors
            self._model = self._model.to(processor.device)
            self._processor = processor
            self.agreement = fidelity.check(self, reference)

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
        half, device = self._processor.half, self._processor.device
        dtype = str(half).removeprefix("torch.") if half else self._info.dtype
        return f"torch {dtype}{'' if device == 'cpu' else f' {device}'}"

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

    def start(self, windows: Sequence[Window], done: Callable[[Encoded], None]) -> None:
        """See `Engine.start`. PyTorch computes in the thread that calls it."""
        done(self.encode(windows))

    def finish(self) -> None:
        """See `Engine.finish`."""

    def _pass(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        device, half = self._processor.device, self._processor.half
        with torch.inference_mode(), torch.autocast(device, half, enabled=half is not None):
            features = batch_to_device(self._model.preprocess(list(texts)), torch.device(device))
            vectors = self._model(features)["sentence_embedding"].float()
            unit: npt.NDArray[np.float32] = torch.nn.functional.normalize(vectors).cpu().numpy()
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
