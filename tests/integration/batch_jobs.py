"""Traffic as files, and the commands of `simsvc-indexer` as processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from simsvc.demo.traffic import Event, TrafficPlan, generate


def traffic(prompts: int, seed: int = 1, **plan: Any) -> list[Event]:
    """Make up traffic of the last two days."""
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(days=2)
    return generate(TrafficPlan(prompts=prompts, seed=seed, start=start, **plan))


def row_of(event: Event) -> dict[str, Any]:
    made = {
        "request_id": event.request_id,
        "account_id": event.account_id,
        "observed_at": event.observed_at.isoformat(),
        "model": event.model,
        "attributes": event.attributes,
        "messages": [{"role": role, "content": content} for role, content in event.messages],
    }
    return made | ({"organization_id": event.organization_id} if event.organization_id else {})


def write_lines(path: Path, rows: Iterable[Any]) -> Path:
    """Write rows as JSONL; bytes as they are."""
    lines = (
        r if isinstance(r, bytes) else json.dumps(r, ensure_ascii=False).encode() for r in rows
    )
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


class Jobs:
    """Runs commands with a folder for progress, on the data of one server."""

    def __init__(self, folder: Path, data: Path, **settings: str) -> None:
        self.state = folder / "state"
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("SIMSVC_")}
        self.environment |= {"SIMSVC_DATA_DIR": str(data), **settings}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "indexer.cli", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
        )

    def run(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        """Run a command with --json; return its report."""
        process = self.start(*arguments, "--json")
        out, errors = process.communicate(timeout=240)
        assert process.returncode == code, errors
        return json.loads(out)

    def importing(self, address: str, *files: Path) -> list[str]:
        paths = [str(file) for file in files]
        return ["import", *paths, "--address", address, "--state", str(self.state)]

    def exported(self, out: Path, *more: str) -> list[dict[str, Any]]:
        report = self.run("export", "--out", str(out), *more)
        rows = pq.read_table(out).to_pylist()
        assert report["prompts"] == len(rows)
        return rows
