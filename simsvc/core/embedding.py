"""Texts embedded for every generation that wants their vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from simsvc.core.stage import Stages
from simsvc.domain.errors import UnavailableError
from simsvc.domain.reference import ReferenceItem
from simsvc.ports.embedder import Embedding, Priority

# One text's embeddings by the generation whose vectors they are (`Stage.vectors_of`).
Embeddings = Mapping[str, Embedding]


@dataclass(frozen=True, slots=True)
class Known:
    """An embedding that the record holds, and the generation whose vector it is."""

    vectors_of: str
    embedding: Embedding


async def embed_for(
    stages: Stages, texts: Mapping[bytes, str], known: Mapping[bytes, Known], priority: Priority
) -> dict[bytes, Embeddings]:
    """Return the embeddings of texts, by their hashes, of the generations that there are now.

    What is `known` is not made again.
    """
    made: dict[bytes, dict[str, Embedding]] = {key: {} for key in texts}
    for stage in list(stages):
        if any(stage.vectors_of in embeddings for embeddings in made.values()):
            continue  # Another index over the same vectors.
        held = {k: v.embedding for k, v in known.items() if v.vectors_of == stage.vectors_of}
        missing = {key: text for key, text in texts.items() if key not in held}
        try:
            fresh = await stage.embedder.embed(list(missing.values()), priority)
        except UnavailableError:
            if stage is not stages.serving:
                continue  # Its own cut-over embeds them, or ends.
            raise
        held |= dict(zip(missing, as_stored(fresh), strict=True))
        for key, embeddings in made.items():
            embeddings[stage.vectors_of] = held[key]
    return dict(made)


def items_again(
    items: Sequence[ReferenceItem],
    texts: Mapping[bytes, str | None],
    made: Sequence[Embedding],
) -> list[ReferenceItem]:
    """Return items of a reference set with another model's vectors of their texts."""
    return [
        replace(item, vector=one.vector, text=texts[item.hash])
        for item, one in zip(items, as_stored(made), strict=True)
    ]


def as_stored(embeddings: Sequence[Embedding]) -> list[Embedding]:
    """Round to the record's fp16, so that a replay works with the very same numbers."""
    if not embeddings:
        return []
    rounded = np.stack([e.vector for e in embeddings]).astype(np.float16).astype(np.float32)
    return [
        Embedding(vector, e.tokens, e.windows, e.capped)
        for e, vector in zip(embeddings, rounded, strict=True)
    ]
