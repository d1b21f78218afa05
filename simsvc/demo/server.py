"""A server process of the demo's own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from simsvc.client import Client, Connection

_START_SECONDS = 180.0
_STOP_SECONDS = 60.0


class ServerFailedError(Exception):
    """The server ended, or did not begin to serve in time."""


@contextmanager
def running_server(data: Path, **settings: str) -> Iterator[str]:
    """Run a server on a free port of 127.0.0.1 with its data in a folder; yield its address.

    Further settings are those of the environment; without one, it has no metrics.
    """
    address = f"127.0.0.1:{free_port()}"
    environment = {
        "SIMSVC_LISTEN": address,
        "SIMSVC_METRICS_LISTEN": "",
        "SIMSVC_DATA_DIR": str(data),
        **settings,
    }
    data.mkdir(parents=True, exist_ok=True)
    log = data / "server.log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "simsvc.main", "serve"],
            stderr=errors,
            env=os.environ | environment,
            # Ctrl-C is for the demo, which then stops the server in good order.
            start_new_session=True,
        )
    try:
        _wait_until_serving(process, address, log)
        yield address
    finally:
        process.terminate()
        process.wait(_STOP_SECONDS)


def _wait_until_serving(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    with Client(Connection(address)) as client:
        while not client.is_serving():
            if process.poll() is not None or time.monotonic() > deadline:
                raise ServerFailedError(f"the server does not serve:\n{log.read_text()}")
            time.sleep(0.2)


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
