"""A demo that is ended from outside."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

SECONDS = 120


def test_a_demo_that_is_ended_ends_its_server(tmp_path: Path) -> None:
    data = tmp_path / "data"
    command = [sys.executable, "-m", "simsvc.main", "demo", "--data", str(data), "--keep"]
    demo = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    log, deadline = data / "server.log", time.monotonic() + SECONDS
    while not (log.is_file() and '"serving"' in log.read_text()):
        assert demo.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    demo.send_signal(signal.SIGTERM)
    assert demo.wait(SECONDS) == 128 + signal.SIGTERM
    assert '"stopped"' in log.read_text().splitlines()[-1]
