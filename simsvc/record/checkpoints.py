"""Checkpoints of SQLite's write-ahead log beside the commits, not in them.

By itself SQLite copies the log into the database in the commit that makes it a thousand pages long.
In a large record a prompt touches pages all over its indexes: at a million prompts every fifth
batch was such a commit. A thread does it once a second instead, while commits go on; what was
written several times in that second is copied once.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import structlog

# A commit that finds so many pages (of 4 KiB) in the log still makes the checkpoint itself.
MOST_PAGES = 16_384
_PAUSE = 1.0
# The log begins anew with the first commit that finds all of it copied: what was written during a
# checkpoint is copied by another, which takes less time, until there is none between two.
_AT_MOST = 8
_log = structlog.get_logger()


class Checkpoints:
    """Makes checkpoints of a database file, from now until `stop`."""

    def __init__(self, file: Path, busy: float) -> None:
        self._file = file
        self._busy = busy
        self._written = threading.Event()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="checkpoint", daemon=True)
        self._thread.start()

    def note(self) -> None:
        """Say that something was written. Any thread."""
        self._written.set()

    def stop(self) -> None:
        """Wait for the one under way, and begin no more."""
        self._ending.set()
        self._written.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ending.wait(_PAUSE):
            self._written.wait()
            self._written.clear()
            try:
                self._checkpoint()
            except sqlite3.Error as error:
                # The log is longer for it: nothing is lost, and commits go on as before.
                _log.warning("checkpoint_failed", reason=f"{type(error).__name__}: {error}")

    def _checkpoint(self) -> None:
        with closing(sqlite3.connect(self._file, timeout=self._busy)) as connection:
            before = None
            for _ in range(_AT_MOST):
                # Never waits for anybody, and nobody for it. Says how many pages there were.
                pages = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                if pages == before:
                    break
                before = pages
