"""The prompts of a pool of accounts, as arrays: what the group signals are computed on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from simsvc.domain.signals.twins import Floats, Owners, Vectors

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Population:
    """n sampled prompts of m actors, in order of time.

    `vectors` (n, d) unit vectors; `owners` (n,) places in `actors` (m,); `times` (n,) seconds;
    `isolated` (n,): more than 15 minutes from its account's other prompts. `stands_for` (n,): how
    many prompts of its account each is a sample of, see `sampled_from`. `frames`, `families`
    and `seqs` (n,), 0 for none. `moved` (n,): its conversation came from
    another account. Of each actor in all, not only in the sample: `volumes` (m,) prompts, `onsets`
    (m,) seconds, `isolation` (m,) share of isolated prompts, `moves` and `continued` (m,) prompts.
    """

    actors: Ints
    vectors: Vectors
    owners: Owners
    times: Floats
    isolated: Flags
    frames: Ints
    families: Ints
    seqs: Ints
    moved: Flags
    volumes: Floats
    onsets: Floats
    isolation: Floats
    moves: Floats
    continued: Floats
    stands_for: Floats

    @property
    def items(self) -> Ints:
        """Return what each prompt asks for (n,): its family, or itself, which may lead one."""
        return np.where(self.families != 0, self.families, self.seqs)

    def asked(self, chosen: Flags) -> list[tuple[int, int]]:
        """Return who asked for what, of some prompts (n,): owners with items."""
        return list(zip(self.owners[chosen].tolist(), self.items[chosen].tolist(), strict=True))

    def sent(self, chosen: Flags) -> Floats:
        """Estimate how many prompts like the chosen ones (n,) each actor sent (m,), kept or not."""
        stood_for = np.where(chosen, self.stands_for, 0.0)
        return np.bincount(self.owners, stood_for, minlength=len(self.actors)).astype(np.float64)

    def without(self, gone: Flags) -> Population:
        """Return it without some prompts (n,); its actors stay."""
        if not gone.any():
            return self
        kept = ~gone
        return replace(
            self,
            vectors=self.vectors[kept],
            owners=self.owners[kept],
            times=self.times[kept],
            isolated=self.isolated[kept],
            stands_for=self.stands_for[kept],
            frames=self.frames[kept],
            families=self.families[kept],
            seqs=self.seqs[kept],
            moved=self.moved[kept],
        )

    def centred(self) -> Vectors:
        """Return the vectors less their mean, every account weighing alike.

        Accounts that write one of the rarer languages are twins by that; they remain so, since a
        campaign in such a language would vanish with it. What tells them apart is the rest.
        """
        weights = (1.0 / np.bincount(self.owners)[self.owners]).astype(np.float32)
        mean = weights @ self.vectors / weights.sum()
        centred: Vectors = (self.vectors - mean).astype(np.float32)
        return centred


def sampled_from(isolated: Flags, owners: Owners, volumes: Floats, isolation: Floats) -> Floats:
    """Return how many prompts sent each sampled one (n,) stands for.

    Isolated prompts are kept longer than those in bursts: each kept one stands for as many as its
    account (`volumes` and `isolation` (m,)) sent of its kind (the weights of Horvitz and Thompson
    1952, JASA 47, 663–685).
    """
    alone = volumes * isolation
    weights = np.zeros(len(owners))
    for chosen, sent in ((isolated, alone), (~isolated, volumes - alone)):
        kept = np.maximum(np.bincount(owners[chosen], minlength=len(volumes)), 1)
        weights[chosen] = (sent / kept)[owners[chosen]]
    return weights
