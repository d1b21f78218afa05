"""The real server as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from queue import Empty, Queue

_START_SECONDS = 120


class ServerProcess:
    """Starts `simsvc serve` on a free port of 127.0.0.1 and reads its log."""

    def __init__(self, data: Path, settings: Mapping[str, str] | None = None) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("SIMSVC_")}
        environment |= {
            "SIMSVC_LISTEN": "127.0.0.1:0",
            "SIMSVC_METRICS_LISTEN": "",
            "SIMSVC_DATA_DIR": str(data),
            "SIMSVC_DETECTION_TICK": "0.5",
            # No rest after a look: it is nine times as long, which may be minutes.
            "SIMSVC_DETECTION_SHARE": "1",
            **(settings or {}),
        }
        self.log: list[dict[str, object]] = []
        self.raw_log = ""
        self._lines: Queue[dict[str, object]] = Queue()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "simsvc.main", "serve"],
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_for(self, event: str) -> dict[str, object]:
        """Return the next log line of this event; fail if the process ends before."""
        while True:
            try:
                line = self._lines.get(timeout=_START_SECONDS)
            except Empty:
                raise AssertionError(f"no {event!r} in the log:\n{self.raw_log}") from None
            if line.get("event") == event:
                return line
            if line.get("event") == "(end of log)":
                raise AssertionError(f"the server ended before {event!r}:\n{self.raw_log}")

    def logged(self, event: str) -> dict[str, object]:
        """Return the line of an event that was logged already."""
        return next(line for line in self.log if line["event"] == event)

    def wait_for_end(self) -> None:
        """Wait until all of the log was read."""
        self._reader.join(timeout=_START_SECONDS)

    def address(self) -> str:
        """Wait until the server serves; return where."""
        return str(self.wait_for("serving")["address"])

    def kill(self) -> None:
        """End it as a power failure would."""
        self.process.kill()
        self.process.wait()

    def terminate(self) -> int:
        """Ask it to stop; return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)

    def __enter__(self) -> ServerProcess:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.kill()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for text in self.process.stderr:
            self.raw_log += text
            try:
                line = json.loads(text)
            except json.JSONDecodeError:
                line = {"event": "(text)", "text": text}
            self.log.append(line)
            self._lines.put(line)
        self._lines.put({"event": "(end of log)"})
