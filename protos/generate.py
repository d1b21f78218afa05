"""Generates simsvc/v1 from the protos, or checks that it is up to date (`--check`)."""

from __future__ import annotations

import filecmp
import os
import subprocess
import sys
import tempfile
from pathlib import Path

_PROTOS = Path(__file__).parent
_ROOT = _PROTOS.parent
_PLUGINS = ("python", "mypy", "grpc_python", "mypy_grpc")


def generate(target: Path) -> None:
    """Write the generated code below a folder."""
    files = sorted(str(p) for p in _PROTOS.glob("simsvc/v1/*.proto"))
    outputs = [f"--{plugin}_out={target}" for plugin in _PLUGINS]
    # The plugins lie beside this interpreter, which need not be on PATH.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    subprocess.run(
        [sys.executable, "-m", "grpc_tools.protoc", f"-I{_PROTOS}", *outputs, *files],
        check=True,
        capture_output=True,
        env=os.environ | {"PATH": path},
    )


def stale() -> list[str]:
    """Return the generated files that differ from what the protos give."""
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        fresh = Path(folder) / "simsvc" / "v1"
        made = _ROOT / "simsvc" / "v1"
        names = {p.name for p in (*fresh.iterdir(), *made.glob("*_pb2*"))}
        return [n for n in sorted(names) if not _same(fresh / n, made / n)]


def _same(first: Path, second: Path) -> bool:
    return first.exists() and second.exists() and filecmp.cmp(first, second, shallow=False)


def main() -> None:
    """Generate, or check."""
    if "--check" not in sys.argv:
        generate(_ROOT)
        return
    old = stale()
    if old:
        sys.exit(f"simsvc/v1 is not up to date ({', '.join(old)}): run `make proto`")


if __name__ == "__main__":
    main()
