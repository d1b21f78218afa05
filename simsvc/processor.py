"""What the processor can do, and a library that has to be told.

OpenBLAS chooses its code when it is loaded, by the processor's model. The one in FAISS's wheels
(0.3.15, of 2021) takes what it does not know for a Prescott of 2004: on an Intel Xeon of the years
since, matrix products take six times as long (github.com/OpenMathLib/OpenBLAS/pull/3485).
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from pathlib import Path

_INFO = Path("/proc/cpuinfo")
_CORE = "OPENBLAS_CORETYPE"
# The best first: what a processor must have, and OpenBLAS's name for such ones.
_CORES = (
    ({"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"}, "SkylakeX"),
    ({"avx2", "fma"}, "Haswell"),
)


def flags() -> set[str]:
    """Return the features of the processor by Linux's names; none elsewhere."""
    return set(_INFO.read_text().split()) if _INFO.is_file() else set()


def tell_openblas(environment: MutableMapping[str, str] = os.environ) -> None:
    """Name the kind of processor for OpenBLAS, unless somebody has; call it before FAISS loads."""
    there = flags()
    core = next((name for needed, name in _CORES if needed <= there), "")
    if core:
        environment.setdefault(_CORE, core)
