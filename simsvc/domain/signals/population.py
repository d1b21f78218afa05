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
    `isolated` (n,): more than 15 minutes from its account's other prompts. `frames`, `families`
    and `seqs` (n,), 0 for none. `languages` (n,) numbers. `moved` (n,): its conversation came from
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
    languages: Ints
    moved: Flags
    volumes: Floats
    onsets: Floats
    isolation: Floats
    moves: Floats
    continued: Floats

    @property
    def items(self) -> Ints:
        """Return what each prompt asks for (n,): its family, or itself, which may lead one."""
        return np.where(self.families != 0, self.families, self.seqs)

    def without(self, gone: Flags) -> Population:
        """Return it without some prompts (n,); its actors stay."""
        kept = ~gone
        return replace(
            self,
            vectors=self.vectors[kept],
            owners=self.owners[kept],
            times=self.times[kept],
            isolated=self.isolated[kept],
            frames=self.frames[kept],
            families=self.families[kept],
            seqs=self.seqs[kept],
            languages=self.languages[kept],
            moved=self.moved[kept],
        )

    def centred(self) -> Vectors:
        """Return the vectors less the mean of their language, every account weighing alike.

        Without that, accounts that write one of the rarer languages would be twins. A language
        of fewer than three accounts has no mean of its own.
        """
        centred = self.vectors - _mean(self.vectors, self.owners)
        for code in np.unique(self.languages).tolist():
            mine = self.languages == code
            if len(np.unique(self.owners[mine])) >= 3:
                centred[mine] -= _mean(centred[mine], self.owners[mine])
        return centred.astype(np.float32)


def _mean(vectors: Vectors, owners: Owners) -> npt.NDArray[np.float32]:
    weights = (1.0 / np.bincount(owners)[owners]).astype(np.float32)
    mean: npt.NDArray[np.float32] = weights @ vectors / weights.sum()
    return mean
