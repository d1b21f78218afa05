"""Recall of the index at 100,000 real embeddings, with the settings that a server starts with."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from simsvc.assembly import make_engine, make_index
from simsvc.demo.organic import TOPICS
from simsvc.domain.chunks import chunks
from simsvc.domain.prompt import MICROSECONDS
from simsvc.embed.engine import Engine
from simsvc.embed.passes import embed_parts
from simsvc.index.files import ANN
from simsvc.index.flat import FlatIndex
from simsvc.index.segmented import SegmentedIndex
from simsvc.ports.index import ROW_DTYPE, Rows, Vectors
from simsvc.settings import Settings

COUNT, HELD_OUT, K = 100_000, 500, 10
AT_ONCE = 2048
DAYS = 6


def make_texts() -> list[str]:
    """Return distinct texts in an order that chance made.

    They are short, since the model's time goes by tokens: things that people ask about, seen from
    each angle, and pairs of things.
    """
    rng = random.Random(11)
    texts = {a.format(t): None for topic in TOPICS for t in topic.things for a in topic.angles}
    things = [thing for topic in TOPICS for thing in topic.things]
    while len(texts) < COUNT + HELD_OUT:
        texts[f"{rng.choice(things)} and {rng.choice(things)}"] = None
    made = list(texts)
    rng.shuffle(made)
    return made


def embed_all(engine: Engine, texts: list[str]) -> Vectors:
    """Return vectors as the service has them, at the precision of fp16."""
    engine.use_this_thread()
    made = [e.vector for e in embed_parts(engine, chunks(texts, AT_ONCE))]
    return np.stack(made).astype(np.float16).astype(np.float32)


def make_rows(settings: Settings) -> Rows:
    """Return rows that fill one segment on each of six days; the rest is of a seventh."""
    rows = np.zeros(COUNT, ROW_DTYPE)
    rows["seq"] = np.arange(1, COUNT + 1)
    rows["account"] = 1 + rows["seq"] % 1000
    days = (rows["seq"] - 1) // settings.segment_prompts
    rows["observed_at"] = int(settings.segment_span * MICROSECONDS) * (20_000 + days)
    return rows


def filled(index: SegmentedIndex | FlatIndex, rows: Rows, vectors: Vectors) -> None:
    for start in range(0, COUNT, 512):
        index.add(rows[start : start + 512], vectors[start : start + 512])


@pytest.mark.timeout(900)
def test_recall_at_a_hundred_thousand_vectors(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(data_dir=tmp_path)
    engine = make_engine(settings)
    model = engine.info
    vectors = embed_all(engine, make_texts())
    queries, vectors = vectors[:HELD_OUT], vectors[HELD_OUT:]
    rows, exact = make_rows(settings), FlatIndex(model.dimension)
    filled(exact, rows, vectors)
    with ThreadPoolExecutor(1) as sealer:
        index = make_index(settings, model, sealer)
        filled(index, rows, vectors)
        index.finish_sealing()
    # Six days are one segment, searched approximately; a seventh is hot. Else this said nothing.
    full = DAYS * settings.segment_prompts
    assert [path.parent.name[-8:] for path in tmp_path.rglob(f"*{full}/{ANN}")] == [f"{full:08d}"]
    assert (index.stats().prompts, index.stats().segments) == (COUNT, 2)
    found = index.nearest(queries, K).rows["seq"].tolist()
    true = exact.nearest(queries, K).rows["seq"].tolist()
    shared = sum(len(set(f) & set(t)) for f, t in zip(found, true, strict=True))
    recall = shared / (HELD_OUT * K)
    with capsys.disabled():
        print(f"\nrecall@{K} = {recall:.4f} at {COUNT} vectors ({engine.name})")
    assert recall >= 0.95
