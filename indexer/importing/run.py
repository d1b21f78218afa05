"""One file into the server, from where it was left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from indexer.importing.progress import Progress, ProgressFile, chained
from indexer.importing.rows import Reject, Row, rows_of
from indexer.importing.sender import BATCH_CHARACTERS, BATCH_PROMPTS, Sender
from simsvc.client import ItemError, ObservedPrompt

_SAVE_SECONDS = 1.0
_PREFIX = "prompt."


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a file: all of its rows, of which those up to `resumed` were so before.

    `unfinished`: a last row that was left for the next time, as its end was not written yet.
    """

    path: Path
    progress: Progress
    resumed: int
    unfinished: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """How files are imported. `parquet` as in `read_rows`; `again`: forget earlier progress."""

    sender: Sender
    address: str
    state: Path
    parquet: bool | None = None
    again: bool = False


def import_file(path: Path, job: Job, told: Callable[[Progress], None]) -> Imported:
    """Send the rows of a file that are not acknowledged; `told` how far that is.

    Raises OSError and ValueError for a file that cannot be read, or progress that cannot be
    written, and CannotSendError. Progress is kept in any case.
    """
    first = next(rows_of(path, parquet=job.parquet), None)
    if first is None or first.unfinished:
        return Imported(path, Progress(), 0, unfinished=first is not None)
    file = ProgressFile(job.state, job.address, first.fingerprint)
    if job.again:
        file.forget()
    progress = file.load()
    rows = rows_of(path, parquet=job.parquet)
    if progress.row and not _still_so(rows, progress, job.sender):
        progress, rows = Progress(), rows_of(path, parquet=job.parquet)
    resumed, saved, unfinished = progress.row, time.monotonic(), False
    try:
        for read in batches(rows):
            batch = [row for row in read if not row.unfinished]
            unfinished = len(batch) < len(read)
            if not batch:
                break
            progress = _sent(batch, progress, job.sender)
            told(progress)
            if time.monotonic() - saved >= _SAVE_SECONDS:
                file.save(progress)
                saved = time.monotonic()
    finally:
        file.save(progress)
    return Imported(path, progress, resumed, unfinished)


def batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    """Yield rows together that make one call: by number, and by the length of their texts."""
    batch: list[Row] = []
    length = 0
    for row in rows:
        batch.append(row)
        if isinstance(row.prompt, ObservedPrompt):
            length += sum(len(content) for _, content in row.prompt.messages)
        if len(batch) >= BATCH_PROMPTS or length >= BATCH_CHARACTERS:
            yield batch
            batch, length = [], 0
    if batch:
        yield batch


def _still_so(rows: Iterator[Row], progress: Progress, sender: Sender) -> bool:
    """Read past what is done; return whether both the file and the server are what they were.

    Whether the server is, only a prompt tells that it has had: an empty one may have its address.
    """
    chain, probe = "", None
    for row in rows:
        chain = chained(chain, row.fingerprint)
        if row.number == progress.probe_row and isinstance(row.prompt, ObservedPrompt):
            probe = row.prompt
        if row.number >= progress.row:
            break
    if chain != progress.chain:
        return False
    if probe is None:
        return True
    [taken] = sender.send([probe])
    # Refused it is when it has become too old meanwhile.
    return isinstance(taken, ItemError) or taken == progress.probe_id


def _sent(batch: list[Row], progress: Progress, sender: Sender) -> Progress:
    prompts = [row.prompt for row in batch if isinstance(row.prompt, ObservedPrompt)]
    results = iter(sender.send(prompts))
    chain, taken, rejects = progress.chain, [], []
    for row in batch:
        chain = chained(chain, row.fingerprint)
        if isinstance(row.prompt, Reject):
            rejects.append(row.prompt)
            continue
        result = next(results)
        if isinstance(result, ItemError):
            rejects.append(_reject(row.number, result))
        else:
            taken.append((row.number, result))
    return progress.after(batch[-1].number, chain, taken, rejects)


def _reject(number: int, error: ItemError) -> Reject:
    """Return what is wrong with a row: the server names fields of requests, in its words too."""
    reused = error.code.name == "ALREADY_EXISTS"
    field = "request_id" if reused else error.field.removeprefix(_PREFIX)
    reason = "; ".join(part.removeprefix(_PREFIX) for part in error.message.split("; "))
    return Reject(number, field, reason.removeprefix(f"{field}: ").removeprefix(f"{field} "))
