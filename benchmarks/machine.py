"""What a figure was measured on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

from simsvc.processor import flags

# Of Linux's names, what matrix products go by; the best first.
_PRODUCTS = ("amx_bf16", "avx512_bf16", "avx512f", "avx2")
_PACKAGES = ("simsvc", "torch", "sentence-transformers", "faiss-cpu", "grpcio", "numpy")


def machine() -> dict[str, object]:
    """Return the processor and what it multiplies with, cores, memory, and versions."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cpu": _cpu(),
        "products": next((name for name in _PRODUCTS if name in flags()), "none of these"),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory, 1),
        "python": platform.python_version(),
        **{name: version(name) for name in _PACKAGES},
    }


def _cpu() -> str:
    """Name the processor. Many have one name in clouds, and are told apart by their family."""
    first, _, _ = Path("/proc/cpuinfo").read_text().partition("\n\n")
    pairs = (line.partition(":") for line in first.splitlines())
    told = {name.strip(): value.strip() for name, _, value in pairs}
    name = told.get("model name", platform.processor())
    return f"{name} family {told['cpu family']} model {told['model']}" if "model" in told else name
