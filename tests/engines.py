"""The bundled model in each engine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from simsvc.embed.choice import EngineMissingError, EngineRule, Wanted, make
from simsvc.embed.engine import Engine, Format
from simsvc.embed.weights import model_source
from simsvc.settings import Settings

MAX_WINDOWS = 4


def rule(wanted: Wanted, cache: Path, max_windows: int = MAX_WINDOWS) -> EngineRule:
    return EngineRule(wanted, "float32", max_windows, threads=2, budget=1024, cache=cache)


def cached() -> Path:
    return Settings().model_cache.expanduser()


def openvino(numbers: Format) -> Engine:
    """Return the bundled model; what a processor cannot do is left out, and said so."""
    wanted = replace(rule("openvino", cached()), numbers=numbers)
    try:
        return make(model_source("all-MiniLM-L6-v2", ""), wanted)
    except EngineMissingError as error:
        pytest.skip(str(error))
