"""OpenBLAS is told which code to run, before FAISS loads it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from simsvc import processor

XEON = "flags: fpu avx2 fma avx512f avx512cd avx512bw avx512dq avx512vl amx_bf16"
CORE = "OPENBLAS_CORETYPE"


@pytest.mark.parametrize(
    ("info", "told"),
    [(XEON, {CORE: "SkylakeX"}), ("flags: fma avx2", {CORE: "Haswell"}), ("flags: sse3", {})],
)
def test_the_best_that_it_knows(
    info: str, told: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpuinfo").write_text(info)
    monkeypatch.setattr(processor, "_INFO", tmp_path / "cpuinfo")
    environment: dict[str, str] = {}
    processor.tell_openblas(environment)
    assert environment == told


def test_what_somebody_chose_stays() -> None:
    environment = {CORE: "Zen"}
    processor.tell_openblas(environment)
    assert environment == {CORE: "Zen"}


def test_faiss_multiplies_with_what_the_processor_has() -> None:
    script = (
        "import json, simsvc, faiss, threadpoolctl\n"
        "print(json.dumps([(i['filepath'], i['architecture']) for i in"
        " threadpoolctl.threadpool_info() if i['internal_api'] == 'openblas']))"
    )
    plain = {k: v for k, v in os.environ.items() if k != CORE}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, env=plain
    )
    libraries = dict(json.loads(done.stdout))
    if not processor.flags() >= {"avx2", "fma"}:
        pytest.skip("this processor has no AVX2")
    [faiss] = [path for path in libraries if "faiss" in path]
    assert libraries[faiss] in {"Haswell", "SkylakeX"}
