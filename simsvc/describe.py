"""`python -m simsvc.describe MODEL`: load a model in a process of its own and say what it is.

Loading takes seconds in which a server's own threads would answer late, and memory.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict

from simsvc import niceness
from simsvc.domain.errors import InvalidError, Violation
from simsvc.embed.choice import LOAD_ERRORS
from simsvc.ports.embedder import ModelInfo
from simsvc.record.open import model_location
from simsvc.settings import Settings

_CANNOT = 2


def describe(model: str) -> tuple[str, ModelInfo]:
    """Return where a model is and what it is, by its setting. InvalidError if it is not there."""
    command = [sys.executable, "-m", "simsvc.describe", model]
    done = subprocess.run(  # noqa: S603 - our own interpreter and module
        command, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        told = done.stderr.strip().splitlines()
        reason = told[-1] if told else "it cannot be loaded"
        raise InvalidError([Violation("model", "NOT_LOADED", reason)])
    return model_location(model), ModelInfo(**json.loads(done.stdout.splitlines()[-1]))


def _main(model: str) -> None:
    from simsvc.assembly import make_engine  # noqa: PLC0415 - the caller does without PyTorch

    # Beside a server, whose cores it must not take.
    niceness.yield_to_all()
    changed = {"model": model_location(model), "model_sha256": ""}
    try:
        info = make_engine(Settings().model_copy(update=changed)).info
    except LOAD_ERRORS as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(_CANNOT)
    print(json.dumps(asdict(info)))


if __name__ == "__main__":
    _main(sys.argv[1])
