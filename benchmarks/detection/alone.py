"""Baselines that look at one account at a time: a score for each, more suspicious if higher.

All three were made for one client that sends thousands of queries, hidden or not among others. They
are run as published as far as accounts of a few dozen prompts allow, and are also read without
their thresholds: area under the curve, and recall where 1% of innocent accounts are flagged.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from benchmarks.detection.runner import Traffic

Scores = npt.NDArray[np.float64]
Vectors = npt.NDArray[np.float32]
_WINDOW = 100
_DRAWS = 400
_P = 0.01
_PRADA_LEAST = 10
_PRADA_W = 0.95
_SEAT_COSINE = 0.85
_SEAT_SHARE = 0.05
_INNOCENT_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class Alone:
    """A detector of single accounts: its score (m,), and from which score on it flags."""

    scores: Callable[[Traffic], Scores]
    threshold: float


def mmd(traffic: Traffic) -> Scores:
    """Return 1 − p of each actor's window against all traffic (the test of arXiv 2606.05725).

    Statistic: the squared MMD with a linear kernel (Gretton et al. 2012, JMLR 13, 723–773), here
    ‖mean of the window − mean of all‖². Null: windows of as many prompts drawn from all traffic.
    The window is the actor's first 100 prompts. Ties in p are broken by the size of the excess.
    """
    rng = np.random.default_rng(0)
    mean = traffic.vectors.mean(axis=0)
    nulls: dict[int, Scores] = {}
    scores = np.zeros(len(traffic.actors))
    for place, rows in enumerate(_rows(traffic)):
        window = rows[:_WINDOW]
        n = len(window)
        if n not in nulls:
            drawn = rng.integers(0, len(traffic.vectors), (_DRAWS, n))
            nulls[n] = np.array([_distance(traffic.vectors[d], mean) for d in drawn])
        seen = _distance(traffic.vectors[window], mean)
        p = (1 + (nulls[n] >= seen).sum()) / (1 + _DRAWS)
        excess = seen / float(nulls[n].mean())
        scores[place] = 1 - p + 1e-6 * excess / (1 + excess)
    return scores


def prada(traffic: Traffic) -> Scores:
    """Return 1 − W of each actor's distances to its nearest earlier prompt (PRADA).

    Juuti et al. 2019 (EuroS&P, 512–527): benign queries have normal distances, so Shapiro-Wilk's W
    falls below δ under attack; values beyond three deviations are left out, δ = 0.95. The paper
    waits for 100 queries; ten distances must do here. Fewer score 0.
    """
    scores = np.zeros(len(traffic.actors))
    for place, rows in enumerate(_rows(traffic)):
        vectors = traffic.vectors[rows]
        cosine = np.tril(vectors @ vectors.T, -1) - 2 * np.triu(np.ones((len(rows),) * 2))
        distance = np.sqrt(np.maximum(2 - 2 * cosine[1:].max(axis=1, initial=-2), 0))
        if len(distance) < _PRADA_LEAST:
            continue
        kept = distance[np.abs(distance - distance.mean()) <= 3 * distance.std()]
        if np.ptp(kept) > 0:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                scores[place] = 1 - float(stats.shapiro(kept).statistic)
    return scores


def seat(traffic: Traffic) -> Scores:
    """Return the share of near-duplicate pairs among each actor's own prompts (SEAT).

    Zhang, Chen, Wagner 2021 (AISec, 37–48): an account that asks for many similar pairs is building
    a surrogate. The encoder is the detector's; near is a cosine of 0.85.
    """
    scores = np.zeros(len(traffic.actors))
    for place, rows in enumerate(_rows(traffic)):
        if len(rows) > 1:
            cosine = traffic.vectors[rows] @ traffic.vectors[rows].T
            near = (cosine >= _SEAT_COSINE).sum() - len(rows)
            scores[place] = near / (len(rows) * (len(rows) - 1))
    return scores


ALONE: Mapping[str, Alone] = {
    "MMD window test": Alone(mmd, 1 - _P),
    "PRADA": Alone(prada, 1 - _PRADA_W),
    "SEAT": Alone(seat, _SEAT_SHARE),
}


def read_scores(scores: Scores, threshold: float, guilty: Collection[int]) -> dict[str, Any]:
    """Return what the threshold flags, the area under the curve, and recall at 1% of innocents."""
    bad = np.isin(np.arange(len(scores)), list(guilty))
    flagged = scores > threshold
    ranks = stats.rankdata(scores)
    pairs = max(int(bad.sum()) * int((~bad).sum()), 1)
    area = (ranks[bad].sum() - bad.sum() * (bad.sum() + 1) / 2) / pairs
    cut = np.quantile(scores[~bad], 1 - _INNOCENT_SHARE) if (~bad).any() else 0.0
    return {
        "flagged": np.flatnonzero(flagged).tolist(),
        "area": float(area),
        "recall_at_1_percent": float((scores[bad] > cut).mean()) if bad.any() else 0.0,
    }


def _rows(traffic: Traffic) -> list[npt.NDArray[np.int64]]:
    """Return the rows of each actor, in order of time."""
    order = np.argsort(traffic.owners, kind="stable")
    ends = np.cumsum(np.bincount(traffic.owners, minlength=len(traffic.actors)))
    return np.split(order, ends[:-1])


def _distance(window: Vectors, mean: Vectors) -> float:
    return float(((window.mean(axis=0) - mean) ** 2).sum())
