"""Embeddings of real prompts, computed once and kept."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import typer

from benchmarks.datasets import Share, read_shares
from simsvc.assembly import make_engine
from simsvc.domain.chunks import chunks
from simsvc.embed.passes import embed_texts
from simsvc.settings import Settings

CACHE = Path(tempfile.gettempdir()) / "simsvc-benchmark"
# All of each set, short questions and long prompts alike.
SHARES = [
    Share("sharegpt_v3", 60_000, by_group=True),
    Share("alpaca_en", 60_000),
    Share("miracl_mrtydi", 60_000),
    Share("t0_p3", 60_000),
    Share("cot_collection", 60_000),
    Share("clinc150", 60_000),
    Share("msmarco_queries", 60_000),
    Share("zero_shot_cot_sets", 60_000),
    Share("mmlu", 60_000),
    Share("banking77", 60_000),
    Share("quora", 60_000),
    Share("gsm8k_train", 60_000),
    Share("codealpaca", 60_000),
    Share("autoj_user_queries", 60_000),
    Share("instructionwild", 60_000),
]
_AT_ONCE = 2048
Vectors = npt.NDArray[np.float32]


def real_vectors(data: Path, count: int) -> Vectors:
    """Return unit vectors (n, d) of n = `count` distinct prompts, or of all that there are."""
    texts = list(dict.fromkeys(p.text for p in read_shares(data, SHARES, 1)))
    key = hashlib.sha256("\n".join(texts).encode(errors="surrogatepass")).hexdigest()[:16]
    texts = texts[:count]
    # Of more texts, the first are these.
    kept = {int(path.stem.split("-")[2]): path for path in CACHE.glob(f"vectors-{key}-*.npy")}
    path = next((kept[n] for n in sorted(kept) if n >= len(texts)), None)
    if path is None:
        path = CACHE / f"vectors-{key}-{len(texts)}.npy"
        CACHE.mkdir(parents=True, exist_ok=True)
        made = _embedded(sorted(texts, key=len))
        # In the order of the texts again, not by length.
        order = np.argsort(np.argsort([len(t) for t in texts], kind="stable"), kind="stable")
        np.save(path, made[order])
    loaded: Vectors = np.load(path, mmap_mode="r")[: len(texts)].astype(np.float32)
    return loaded


def _embedded(texts: list[str]) -> npt.NDArray[np.float16]:
    engine = make_engine(Settings())
    engine.use_this_thread()
    parts = []
    for done, part in enumerate(chunks(texts, _AT_ONCE)):
        made = embed_texts(engine, part)[0]
        parts.append(np.stack([e.vector for e in made]).astype(np.float16))
        if done % 10 == 0:
            typer.echo(f"embedded {done * _AT_ONCE:,} of {len(texts):,}", err=True)
    return np.concatenate(parts)


class Grown:
    """`count` unit vectors: the real ones, and beyond them mixtures of two real ones.

    A mixture keeps the density of the real ones, which independent noise in every dimension would
    not. Each is made when it is asked for: ten million would take 15 GB.
    """

    def __init__(self, real: Vectors, count: int, seed: int = 1) -> None:
        chosen = np.random.default_rng(seed)
        more = max(0, count - len(real))
        self._real = real
        self._first = chosen.integers(0, len(real), more)
        self._second = chosen.integers(0, len(real), more)
        self._share = chosen.uniform(0.6, 0.9, more).astype(np.float32)[:, None]

    def at(self, places: npt.NDArray[np.int64]) -> Vectors:
        """Return the vectors (n, d) at these places."""
        vectors: Vectors = self._real[places.clip(max=len(self._real) - 1)]
        mixed = np.flatnonzero(places >= len(self._real))
        drawn = places[mixed] - len(self._real)
        share = self._share[drawn]
        made = (
            share * self._real[self._first[drawn]] + (1 - share) * self._real[self._second[drawn]]
        )
        vectors[mixed] = made / np.linalg.norm(made, axis=1, keepdims=True)
        return vectors
