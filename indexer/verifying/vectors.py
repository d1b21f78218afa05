"""Checks of the vectors and families that the record holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from indexer.verifying.faults import Fault, Kind, Tally
from simsvc.domain.generation import GenerationState
from simsvc.index.inspection import UNIT_TOLERANCE
from simsvc.ports.generation import Generation
from simsvc.record.checks import RecordChecks, StoredVectors

_WIDTH = 2
_LENGTH, _FINITE, _UNIT = "is of the wrong length", "is not finite", "is not of unit length"


def check_vectors(checks: RecordChecks, generation: Generation) -> list[Fault]:
    """Return what is wrong with a generation's vectors and families."""
    missing, vectors, families = Tally(), Tally(), Tally()
    for gap in checks.without_vector(complete_to(generation)):
        missing.add(gap)
    bad = {reason: Tally() for reason in (_LENGTH, _FINITE, _UNIT)}
    for page in checks.vectors():
        for reason, seqs in _bad_in(page, generation.model.dimension).items():
            bad[reason].add(seqs)
    for orphans in checks.orphan_vectors():
        vectors.add(orphans)
    for orphans in checks.orphan_families():
        families.add(orphans)
    return [
        *missing.faults(Kind.MISSING_VECTOR, "the prompt has no vector"),
        *(
            f
            for reason, t in bad.items()
            for f in t.faults(Kind.BAD_VECTOR, f"the vector {reason}")
        ),
        *vectors.faults(Kind.ORPHAN_VECTOR, "the vector's prompt is gone"),
        *families.faults(Kind.ORPHAN_FAMILY, "the family's prompt is gone"),
    ]


def bad_vectors(checks: RecordChecks, generation: Generation) -> Iterator[list[int]]:
    """Yield the seqs of vectors that are not what a vector must be, ascending."""
    for page in checks.vectors():
        found = _bad_in(page, generation.model.dimension)
        if seqs := sorted(seq for some in found.values() for seq in some):
            yield seqs


def complete_to(generation: Generation) -> int | None:
    """Return the seq up to which a generation must have vectors; None: all of them."""
    return None if generation.state is GenerationState.SERVING else generation.placed


def _bad_in(page: StoredVectors, dimension: int) -> dict[str, Sequence[int]]:
    """Return the seqs of bad vectors by what is wrong with them."""
    fits = np.array([len(data) == _WIDTH * dimension for data in page.data])
    seqs = np.array(page.seqs, np.int64)
    data = b"".join(d for d, fit in zip(page.data, fits.tolist(), strict=True) if fit)
    vectors: npt.NDArray[np.float32] = np.frombuffer(data, "<f2").astype(np.float32)
    vectors = vectors.reshape(-1, dimension)
    finite = np.asarray(np.isfinite(vectors).all(axis=1))
    norms = np.linalg.norm(np.where(finite[:, None], vectors, 0.0), axis=1)
    unit = np.abs(norms - 1.0) <= UNIT_TOLERANCE
    held = seqs[fits]
    return {
        _LENGTH: seqs[~fits].tolist(),
        _FINITE: held[~finite].tolist(),
        _UNIT: held[finite & ~unit].tolist(),
    }
