"""What a start need not wait for is not imported by it, and is there once the server serves."""

from __future__ import annotations

import subprocess
import sys

import pytest

from simsvc.later import LIBRARIES

ALREADY = "import sys; print(*(m for m in {names!r} if m in sys.modules))"


def modules_after(statements: str) -> set[str]:
    told = ALREADY.format(names=(*LIBRARIES, "torch"))
    command = [sys.executable, "-c", f"{statements}; {told}"]
    return set(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())


@pytest.mark.parametrize("module", ["simsvc.run", "simsvc.main", "simsvc.service"])
def test_start_does_not_import(module: str) -> None:
    assert modules_after(f"import {module}") == set()


def test_all_are_loaded() -> None:
    loaded = modules_after("from simsvc.later import load_libraries; load_libraries()")
    assert loaded == set(LIBRARIES)
