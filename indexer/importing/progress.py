"""How far a file is acknowledged, on disk."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from indexer.importing.rows import Reject

_NAMED = 10_000


@dataclass(frozen=True, slots=True)
class Progress:
    """What became of the rows up to `row`, whose fingerprints are chained in `chain` (hex).

    `probe_row` is the last of them that was taken, as the prompt `probe_id`, by which it is known
    whether the server still is the one that took it. The first 10,000 rejects are named.
    """

    row: int = 0
    chain: str = ""
    taken: int = 0
    rejected: int = 0
    probe_row: int = 0
    probe_id: str = ""
    rejects: tuple[Reject, ...] = ()

    def after(
        self, row: int, chain: str, taken: Sequence[tuple[int, str]], rejects: Sequence[Reject]
    ) -> Progress:
        """Return the progress after more rows; `taken` are their numbers and prompt ids."""
        probe_row, probe_id = taken[-1] if taken else (self.probe_row, self.probe_id)
        room = max(0, _NAMED - len(self.rejects))
        return replace(
            self,
            row=row,
            chain=chain,
            taken=self.taken + len(taken),
            rejected=self.rejected + len(rejects),
            probe_row=probe_row,
            probe_id=probe_id,
            rejects=self.rejects + tuple(rejects[:room]),
        )


def chained(chain: str, fingerprint: bytes) -> str:
    """Return the chain after one more row."""
    return hashlib.blake2b(bytes.fromhex(chain) + fingerprint, digest_size=16).hexdigest()


class ProgressFile:
    """The progress of one file into one server.

    The file is known by its first row, so that it may be moved, packed, and grow.
    """

    def __init__(self, folder: Path, address: str, first: bytes) -> None:
        name = hashlib.blake2b(address.encode() + b"\0" + first, digest_size=16).hexdigest()
        self.path = folder / f"{name}.json"

    def load(self) -> Progress:
        """Return what was saved, nothing if that was never or cannot be read as progress."""
        try:
            values = json.loads(self.path.read_bytes())
            rejects = tuple(Reject(**reject) for reject in values.pop("rejects"))
            return Progress(**values, rejects=rejects)
        except FileNotFoundError:
            return Progress()
        except (ValueError, TypeError, KeyError, AttributeError):
            # Another version's, or somebody's own: the server knows what it has, from the start.
            return Progress()

    def save(self, progress: Progress) -> None:
        """Replace what was saved: a reader finds the one or the other. Raises OSError."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self.path, json.dumps(asdict(progress)).encode())

    def forget(self) -> None:
        """Delete what was saved."""
        self.path.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it appears at once, for its owner only. Raises OSError."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
