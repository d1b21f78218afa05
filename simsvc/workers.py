"""Workers of a reindex that the server starts, as a process of its own with the same settings."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import structlog

_STOP_SECONDS = 10.0
_log = structlog.get_logger()


class WorkerProcesses:
    """Runs `simsvc-indexer run` beside the server, once a job."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def launch(self, job_id: str) -> None:
        """Start the workers of a job; nothing, if the server is to have none."""
        if not self._workers:
            return
        options = ["run", job_id, "--local", "--workers", str(self._workers), "--json"]
        # A group of its own: a Ctrl+C is for the server, which ends them.
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", "indexer.cli", *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._processes[job_id] = process
        _log.info("reindex_started", job=job_id, workers=self._workers)
        threading.Thread(target=_note_end, args=(job_id, process), daemon=True).start()

    def stop(self) -> None:
        """End what runs. The job goes on when a server or `simsvc-indexer run` takes it up."""
        for process in self._processes.values():
            if process.poll() is None:
                _signal(process, signal.SIGTERM)
        for process in self._processes.values():
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                _signal(process, signal.SIGKILL)
                process.wait()


def _note_end(job_id: str, process: subprocess.Popen[bytes]) -> None:
    _log.info("reindex_ended", job=job_id, code=process.wait())


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return  # It has ended by itself.
