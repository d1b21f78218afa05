"""S3: accounts whose prompts come from the same distribution.

With x the centred vectors of an account's n prompts, s = Σ x and q = Σ ‖x‖², its self-similarity is
S_ii = (‖s‖² − q)/(n (n − 1)), two accounts' is S_ij = s_i·s_j/(n_i n_j), and
ρ_ij = S_ij/√(S_ii S_jj). Pairs of a prompt with itself are left out, so each S is free of the noise
of sampling (the U-statistic of Gretton et al. 2012, JMLR 13, 723–773, with a linear kernel): two
random shares of one data set have ρ ≈ 1 whatever the set, accounts with habits of their own ≈ 0.

Null for a pair: S_ij has mean 0 and standard deviation τ/√(n_i n_j), τ² = tr(Σ²) of the covariance
Σ within accounts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy

Floats = npt.NDArray[np.float64]
Vectors = npt.NDArray[np.float32]
Owners = npt.NDArray[np.int64]

_FLOOR = 0.003
_HEAVIEST = 10.0
_ROWS = 512


@dataclass(frozen=True, slots=True)
class Sums:
    """For each of m owners: prompts n (m,), s (m, d) and q (m,)."""

    n: Floats
    s: Floats
    q: Floats


def sums_of(vectors: Vectors, owners: Owners, count: int) -> Sums:
    """Add up vectors (n, d) by owner, of which there are `count`."""
    n = np.bincount(owners, minlength=count).astype(np.float64)
    places = (owners, np.arange(len(owners)))
    belongs = scipy.sparse.csr_array(
        (np.ones(len(owners), np.float32), places), (count, len(owners))
    )
    s = np.asarray(belongs @ vectors, np.float64)
    squares = np.einsum("ij,ij->i", vectors, vectors)
    q = np.bincount(owners, squares, minlength=count).astype(np.float64)
    return Sums(n, s, q)


def sums_by_owner(vectors: Vectors, owners: Owners) -> tuple[Owners, Sums]:
    """Add up vectors (n, d) by owner; return those that have any (m,), and their sums."""
    places, local = np.unique(owners, return_inverse=True)
    return places, sums_of(vectors, local, len(places))


def self_similarity(sums: Sums) -> Floats:
    """Return S_ii (m,); 0 for fewer than two prompts."""
    pairs = sums.n * (sums.n - 1)
    raw = np.einsum("ij,ij->i", sums.s, sums.s) - sums.q
    return np.where(pairs > 0, raw / np.maximum(pairs, 1), 0.0)


def within_noise(vectors: Vectors, owners: Owners, sums: Sums) -> float:
    """Return τ, each account weighing as ten prompts at the most.

    Σ (x − s/n)(x − s/n)ᵀ over an account's prompts is Σ x xᵀ − s sᵀ/n.
    """
    weight = np.where(sums.n > 1, np.minimum(1, _HEAVIEST / np.maximum(sums.n, 1)), 0.0)
    inflated = weight * sums.n / np.maximum(sums.n - 1, 1)
    total = float((weight * sums.n).sum())
    if not total:
        return 0.0
    # A product with its own transpose takes BLAS half the time.
    weighted = vectors * np.sqrt(inflated).astype(np.float32)[owners][:, None]
    means = sums.s * np.sqrt(inflated / np.maximum(sums.n, 1))[:, None]
    covariance = ((weighted.T @ weighted).astype(np.float64) - means.T @ means) / total
    return float(np.sqrt((covariance**2).sum()))


@dataclass(frozen=True, slots=True)
class TwinRule:
    """What makes an edge: the least ρ and S_ij over its noise, and the neighbours looked at."""

    rho: float = 0.5
    noise: float = 3.0
    neighbours: int = 10


def twin_edges(sums: Sums, noise: float, rule: TwinRule) -> list[tuple[int, int, float]]:
    """Return pairs of owners (i < j) that are among each other's nearest by ρ, and their ρ ≤ 1."""
    n = np.maximum(sums.n, 1)
    means = sums.s / n[:, None]
    error = noise * np.sqrt(2 / np.maximum(n * (n - 1), 1))
    # No account is more alike to itself than can be told from noise.
    alike = np.maximum(self_similarity(sums), np.maximum(error, _FLOOR))
    best: list[dict[int, float]] = []
    for start in range(0, len(n), _ROWS):
        rows = np.arange(start, min(start + _ROWS, len(n)))
        cross = means[rows] @ means.T
        rho = cross / np.sqrt(alike[rows, None] * alike)
        strong = cross * np.sqrt(n[rows, None] * n) > rule.noise * noise
        rho[~strong | (rho <= rule.rho)] = -1.0
        rho[rows - start, rows] = -1.0
        best += [_best(row, rule.neighbours) for row in rho]
    return [
        (i, j, rho) for i, near in enumerate(best) for j, rho in near.items()
        if i < j and i in best[j]
    ]  # fmt: skip


def _best(rho: Floats, count: int) -> dict[int, float]:
    found = np.flatnonzero(rho > 0)
    top = found[np.argsort(-rho[found], kind="stable")[:count]]
    return {int(j): min(float(rho[j]), 1.0) for j in top}


@dataclass(frozen=True, slots=True)
class Cohesion:
    """How alike a group's prompts are: S between its accounts, and within them.

    `exchangeability` is their ratio: 1 if the accounts are random shares of one source, little if
    each has habits of its own, over 1 if they ask the very same items.
    """

    cross: float
    within: float

    @property
    def exchangeability(self) -> float:
        """Return cross/within; 0 where neither can be told from nothing."""
        return self.cross / self.within if self.within > 0 else float(self.cross > 0)


def cohesion_of(sums: Sums) -> Cohesion:
    """Measure a group by the sums of its accounts, every pair of prompts weighing alike."""
    total = sums.s.sum(axis=0)
    own = np.einsum("ij,ij->i", sums.s, sums.s)
    pairs_within = float((sums.n * (sums.n - 1)).sum())
    pairs_cross = float(sums.n.sum() ** 2 - (sums.n**2).sum())
    cross = (float(total @ total) - float(own.sum())) / max(pairs_cross, 1.0)
    within = float((own - sums.q).sum()) / max(pairs_within, 1.0)
    return Cohesion(cross, within)
