"""`simsvc` commands as a person types them, against one server."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any


class Shell:
    """Runs commands against one server."""

    def __init__(self, address: str, token: str = "") -> None:
        self._options = ["--address", address, *(["--token", token] if token else [])]

    def run(self, *words: str, code: int = 0, said: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "simsvc.main", *words, *self._options]
        done = subprocess.run(command, capture_output=True, text=True, check=False, input=said)
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def json(self, *words: str, code: int = 0) -> list[Any]:
        told = self.run(*words, "--json", code=code).stdout
        return [json.loads(line) for line in told.splitlines()]

    def one(self, *words: str, code: int = 0) -> Any:
        [value] = self.json(*words, code=code)
        return value
