"""`python -m simsvc.embed.conversion LOCATION NAME FOLDER` converts a model for OpenVINO.

sentence-transformers loads the model, whatever it is, and its own PyTorch modules are converted.
Where the network is a BERT with absolute positions, prompts can be packed end to end into rows:
attention is kept within each by a block-diagonal mask, and positions start again.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Normalize, Transformer
from sentence_transformers.sentence_transformer.modules import Pooling
from tokenizers import Tokenizer
from transformers import BertModel

from simsvc.embed.converted import (
    FACTS,
    NETWORK,
    QUANTISED,
    REFERENCE,
    TOKENIZER,
    Facts,
)
from simsvc.embed.cutting import tokens_of
from simsvc.embed.fidelity import windows_of
from simsvc.embed.quantised import NARROW, WIDE, quantise
from simsvc.embed.quiet import ov
from simsvc.embed.smoothing import smooth
from simsvc.embed.torch_engine import TorchEngine, window_tokens
from simsvc.embed.weights import ModelSource, local_folder, weights_sha256

_ARGUMENTS = 4
# Far enough below any score that the softmax gives nothing to other prompts.
_APART = -1e4
# Attention over a row grows with its square: longer windows go one by one.
_LONGEST = 512


class _Packed(torch.nn.Module):
    """Rows of prompts end to end (r, n): token ids, number of the prompt, place within it."""

    def __init__(self, network: BertModel) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, ids: torch.Tensor, segments: torch.Tensor, positions: torch.Tensor
    ) -> torch.Tensor:
        same = segments[:, None, :, None] == segments[:, None, None, :]
        mask = torch.where(same, 0.0, _APART)
        states = self.network(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            token_type_ids=torch.zeros_like(ids),
        )
        hidden: torch.Tensor = states.last_hidden_state
        return hidden


class _Whole(torch.nn.Module):
    """All modules of a model, on a padded batch of prompts (r, n)."""

    def __init__(self, model: SentenceTransformer) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        features: Any = {"input_ids": ids, "attention_mask": mask}
        vectors: torch.Tensor = self.model(features)["sentence_embedding"]
        return vectors


def convert(source: ModelSource, folder: Path) -> Facts:
    """Write network, tokenizer, facts and the fixed texts' vectors into a folder."""
    location = local_folder(source)
    model = SentenceTransformer(str(location), device="cpu").eval().float()
    tokenizer = _bare_tokenizer(model.tokenizer)
    pooling = _pooling(model)
    network = getattr(model[0], "auto_model", None)
    short = window_tokens(model) <= _LONGEST
    packed = pooling is not None and short and isinstance(network, BertModel)
    row = torch.arange(32)[None]
    if packed:
        converted = _network(_Packed(network), (row + 100, row // 16, row % 16))  # type: ignore[arg-type]
    else:
        converted = _network(_Whole(model), (row + 100, torch.ones_like(row)))
    ov.save_model(converted, folder / NETWORK, compress_to_fp16=False)
    tokenizer.save(str(folder / TOKENIZER))
    prefix, suffix = _special(tokenizer)
    engine = TorchEngine(source, max_windows=1, dtype="float32", threads=torch.get_num_threads())
    windows = windows_of(engine)
    samples = [_sample([*prefix, *w.ids, *suffix], packed) for w in windows]
    group = _quantised(converted, samples, folder / QUANTISED)
    facts = Facts(
        name=source.name,
        sha256=weights_sha256(location),
        dimension=int(model.get_embedding_dimension() or 0),
        window=window_tokens(model),
        packed=packed,
        pooling=pooling or "mean",
        prefix=prefix,
        suffix=suffix,
        padding=int(getattr(model.tokenizer, "pad_token_id", 0) or 0),
        unknown=tokens_of(model.tokenizer)[1],
        group=group,
    )
    np.save(folder / REFERENCE, engine.encode(windows).vectors)
    # Last: a folder without it is not finished.
    (folder / FACTS).write_text(facts.to_json())
    return facts


def _network(module: torch.nn.Module, example: tuple[torch.Tensor, ...]) -> Any:
    shapes = [ov.PartialShape([-1, -1])] * len(example)
    with torch.inference_mode():
        return ov.convert_model(module.eval(), example_input=example, input=shapes)


def _quantised(model: Any, samples: Sequence[Sequence[npt.NDArray[np.int64]]], path: Path) -> int:
    """Round a network's weights and write it to `path`; return the group, 0 if it cannot be."""
    group = quantise(model, WIDE if smooth(model, samples) else NARROW)
    if group:
        ov.save_model(model, path, compress_to_fp16=False)
    return group


def _sample(tokens: Sequence[int], packed: bool) -> tuple[npt.NDArray[np.int64], ...]:
    """Return the inputs for a row of one prompt."""
    ids = np.array([tokens], np.int64)
    if not packed:
        return ids, np.ones_like(ids)
    return ids, np.zeros_like(ids), np.arange(len(tokens), dtype=np.int64)[None]


def _pooling(model: SentenceTransformer) -> Any:
    """Return how a plain model pools: "mean", "cls", or None if it does more than that."""
    modules = list(model)
    if not modules or not isinstance(modules[0], Transformer):
        return None
    if not all(isinstance(m, Normalize) for m in modules[2:]):
        return None
    mode = modules[1].pooling_mode if isinstance(modules[1], Pooling) else None
    return mode if mode in {"mean", "cls"} else None


def _bare_tokenizer(tokenizer: Any) -> Tokenizer:
    bare = tokenizer if isinstance(tokenizer, Tokenizer) else tokenizer.backend_tokenizer
    bare = Tokenizer.from_str(bare.to_str())
    bare.no_truncation()
    bare.no_padding()
    return bare


def _special(tokenizer: Tokenizer) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the special tokens before and after a text."""
    bare = tokenizer.encode("a", add_special_tokens=False).ids
    whole = tokenizer.encode("a").ids
    for start in range(len(whole) - len(bare) + 1):
        if whole[start : start + len(bare)] == bare:
            return tuple(whole[:start]), tuple(whole[start + len(bare) :])
    raise ValueError("the tokenizer writes a text with special tokens differently")


if __name__ == "__main__":
    if len(sys.argv) != _ARGUMENTS:
        sys.exit(__doc__)
    convert(ModelSource(sys.argv[2], sys.argv[1], ""), Path(sys.argv[3]))
