"""A server's processor time by thread, as the system counts it.

py-spy names the threads of Python. Of the others, gRPC names its own; those without a name are the
workers of OpenVINO and of tokenizers.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

LIBRARIES = "workers of OpenVINO and tokenizers"
# Of one core's time, what a server at rest takes, in so many seconds.
_AT_REST, _LOOKED = 0.05, 3.0


def times(server: psutil.Process) -> Counter[int]:
    """Return the seconds of processor time of each thread."""
    return Counter({t.id: t.user_time + t.system_time for t in server.threads()})


def seconds_until_at_rest(server: psutil.Process) -> float:
    """Wait until what a server does after its start is done."""
    began = time.perf_counter()
    while server.cpu_percent(_LOOKED) > 100 * _AT_REST:
        pass
    return time.perf_counter() - began


def names(server: psutil.Process) -> dict[int, str]:
    """Return the names of the threads that have one."""
    return _native(server) | _of_python(server.pid)


def by_kind(spent: Mapping[int, float], named: Mapping[int, str]) -> Counter[str]:
    """Add up the seconds of threads that do the same."""
    kinds: Counter[str] = Counter()
    for thread, seconds in spent.items():
        kinds[_kind(named.get(thread))] += seconds  # type: ignore[assignment]
    return kinds


def _kind(name: str | None) -> str:
    if name is None:
        return LIBRARIES
    return "gRPC core" if name.startswith("gRPC") else name.split("_")[0]


def _of_python(pid: int) -> dict[int, str]:
    dumped = subprocess.run(
        ["py-spy", "dump", "--json", "--pid", str(pid)], capture_output=True, check=True
    )
    threads: list[dict[str, Any]] = json.loads(dumped.stdout)
    return {t["os_thread_id"]: t["thread_name"] or "" for t in threads}


def _native(server: psutil.Process) -> dict[int, str]:
    tasks = Path(f"/proc/{server.pid}/task")
    found = {t.id: (tasks / str(t.id) / "comm").read_text().strip() for t in server.threads()}
    mine = (tasks / str(server.pid) / "comm").read_text().strip()
    return {thread: f"gRPC {name}" for thread, name in found.items() if name != mine}
