"""Which accounts belong to a group, and how surely: the part two accounts share, behind cover.

A member's prompts are a mixture: a share π from the source that the group draws on, the rest cover.
Whether a prompt is the source's is told by a linear discriminant of the members' prompts against
all others' (Fisher 1936, with a ridge as in Friedman 1989, JASA 84, 165–175), trained without the
account that it judges (cross-fitting by account), and turned into a likelihood ratio r by isotonic
regression (Zadrozny and Elkan 2002, KDD). An account's weight of evidence is
max over π of Σ ln(1 − π + π r): mean 1 in its exponential if the account's prompts are ordinary.
Prompts of one account that are more alike to each other than the group's are to one another count
as fewer: such an account has a habit, not a task.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from simsvc.domain.signals.robust import weighted_median
from simsvc.domain.signals.twins import (
    Floats,
    Owners,
    Vectors,
    cohesion_of,
    self_similarity,
    sums_by_owner,
    sums_of,
    within_noise,
)

Flags = npt.NDArray[np.bool_]
_SHARES = (0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9)
_FOLDS = 8
_RIDGE = 0.2
_HEAVIEST = 30.0
_LEAST, _MOST = -3.0, 4.0
# More than one prompt says beside one that is not the source's.
_ENOUGH = 3.0
# Above this weight of evidence (natural logarithm) a prompt counts as the source's.
SOURCE = 1.0
_ALIKE_FLOOR = 0.01
_ROUNDS = 4
_LEAST_MEMBERS = 5
_PRIOR_ACCOUNTS = 10
_LEAST_SPREAD = 0.25


@dataclass(frozen=True, slots=True)
class Attribution:
    """A group: members (m,) of m accounts, the log odds (m,) of each, the prompts' evidence (n,).

    Evidence and odds are natural logarithms. The prompts are in the order of `Attributor.order`.
    """

    members: Flags
    log_odds: Floats
    evidence: Floats

    def probability(self, account: int) -> float:
        """Return the chance that an account belongs to the group."""
        return 1.0 / (1.0 + math.exp(-min(max(float(self.log_odds[account]), -50.0), 50.0)))


class Attributor:
    """Attributes the accounts that sent vectors (n, d), by owner (n,) out of `count`."""

    def __init__(self, vectors: Vectors, owners: Owners, count: int) -> None:
        # An owner's fold hangs on its place alone, so that the same traffic gives the same result.
        folds = (np.arange(count) * 2654435761 >> 7) % _FOLDS
        # Fold by fold, so that each is one piece of memory.
        self.order = np.argsort(folds[owners], kind="stable")
        self.owners = owners[self.order]
        ends = np.searchsorted(folds[self.owners], np.arange(_FOLDS + 1))
        self._folds = [slice(int(a), int(b)) for a, b in pairwise(ends)]
        self.count = count
        self.prompts = np.bincount(owners, minlength=count).astype(np.float64)
        self._weights = np.minimum(1.0, _HEAVIEST / np.maximum(self.prompts, 1))[self.owners]
        share = (1.0 / np.maximum(self.prompts, 1)[owners]).astype(np.float32)
        mean = share @ vectors / max(float(share.sum()), 1e-12)
        self.vectors = (vectors[self.order] - mean).astype(np.float32)
        self.sums = sums_of(self.vectors, self.owners, count)
        self.noise = within_noise(self.vectors, self.owners, self.sums)
        self._whitening = self._whiten()

    def attribute(self, seed: npt.NDArray[np.int64], least_log_odds: float) -> Attribution | None:
        """Start from some accounts, take those in that fit and let go of those that do not.

        Returns None where the group falls apart.
        """
        members = np.zeros(self.count, np.bool_)
        members[seed] = True
        members &= self.prompts > 0
        result = None
        for _ in range(_ROUNDS):
            evidence = self._evidence(members)
            weight = self._weight_of(members, evidence)
            share = max(int(members.sum()), _PRIOR_ACCOUNTS) / max(int((self.prompts > 0).sum()), 1)
            log_odds = weight + math.log(share / max(1 - share, 1e-9))
            # However many members there are, nobody is named on the strength of one prompt.
            fit = (log_odds > least_log_odds) & (weight > _ENOUGH) & (self.prompts > 0)
            if fit.sum() < _LEAST_MEMBERS:
                return None
            result = Attribution(fit, log_odds, evidence)
            if bool((fit == members).all()):
                break
            members = fit
        return result

    def _whiten(self) -> list[npt.NDArray[np.float64]]:
        """Return (covariance + ridge)⁻¹ of the prompts outside each fold."""
        weighted = self.vectors * np.sqrt(self._weights)[:, None].astype(np.float32)
        products = [(weighted[f].T @ weighted[f]).astype(np.float64) for f in self._folds]
        totals = [float(self._weights[f].sum()) for f in self._folds]
        inverses = []
        for product, total in zip(products, totals, strict=True):
            covariance = (sum(products) - product) / max(sum(totals) - total, 1e-9)
            ridge = _RIDGE * max(float(np.trace(covariance)), 1e-6) / len(covariance)
            whole = covariance + ridge * np.eye(len(covariance))
            inverses.append(np.linalg.inv(whole).astype(np.float64))
        return inverses

    def _evidence(self, members: Flags) -> Floats:
        """Return ln r of every prompt."""
        mine = members[self.owners]
        # A group is a small part of all.
        rows = [f.start + np.flatnonzero(mine[f]) for f in self._folds]
        weights = [self._weights[r].astype(np.float32) for r in rows]
        sums = [w @ self.vectors[r] for w, r in zip(weights, rows, strict=True)]
        totals = [float(w.sum()) for w in weights]
        scores = np.zeros(len(self.owners))
        for fold, inverse, own, weight in zip(
            self._folds, self._whitening, sums, totals, strict=True
        ):
            total = sum(totals) - weight
            if total > 0:
                mean = (sum(sums) - own) / total
                direction = inverse @ mean
                direction /= max(math.sqrt(float(direction @ mean)), 1e-9)
                scores[fold] = self.vectors[fold] @ direction.astype(np.float32)
        weight_in = float(self._weights[mine].sum())
        weight_out = max(float(self._weights[~mine].sum()), 1e-9)
        balance = np.where(mine, 0.5 / max(weight_in, 1e-9), 0.5 / weight_out) * self._weights
        # A start need not wait for it: see `simsvc.later`.
        from sklearn.isotonic import IsotonicRegression  # noqa: PLC0415

        rising = IsotonicRegression(out_of_bounds="clip")
        chance = rising.fit(scores, mine, sample_weight=balance).predict(scores)
        chance = (chance * weight_in + 0.5) / (weight_in + 1.0)
        ratio = np.log(chance / np.maximum(1 - chance, 1e-9))
        return np.asarray(np.clip(ratio, _LEAST, _MOST), np.float64)

    def _weight_of(self, members: Flags, evidence: Floats) -> Floats:
        """Return every account's weight of evidence, habits taken off."""
        ratio = np.exp(evidence)
        best = np.zeros(self.count)
        for share in _SHARES:
            terms = np.log(1 - share + share * ratio)
            best = np.maximum(best, np.bincount(self.owners, terms, minlength=self.count))
        source = evidence > SOURCE
        places, sums = sums_by_owner(self.vectors[source], self.owners[source])
        inside = source & members[self.owners]
        _, group = sums_by_owner(self.vectors[inside], self.owners[inside])
        cross = max(cohesion_of(group).cross, _ALIKE_FLOOR)
        error = self.noise / np.sqrt(np.maximum(sums.n * (sums.n - 1) / 2, 0.5))
        excess = np.where(sums.n >= 2, (self_similarity(sums) - error) / cross, 1.0)
        best[places] /= np.minimum(np.maximum(excess, 1.0), np.maximum(sums.n, 1.0))
        return best


def shortfall(asked: Floats) -> Floats:
    """Return how much less sure each account is (m,), as log odds, for the prompts it sent (m,).

    A pool shares its jobs out: whoever sent far fewer of the source's prompts than the others
    stands by. On the logarithm of the counts, −z²/2 below the middle, z by the median absolute
    deviation (Hampel 1974, JASA 69, 383–393), of no less than chance makes and a quarter: where
    volumes spread, as they may, little follows from one. The middle and the deviation are those of
    the prompts, not of the accounts: those who do the work say how much that is, however many
    stand by.
    """
    logs = np.log(np.maximum(asked, 0.5))
    middle = weighted_median(logs, asked)
    # Counts dealt at random vary by their root: 1/√n on the logarithm.
    chance = math.sqrt(_LEAST_SPREAD**2 + math.exp(-middle))
    spread = max(1.4826 * weighted_median(np.abs(logs - middle), asked), chance)
    below = np.minimum((logs - middle) / spread, 0.0)
    penalty: Floats = -(below**2) / 2
    return penalty
