"""A worker on a Ray cluster: it embeds the ranges that it is given, in a model loaded once."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import make_url

from indexer.reindexing.parts import Workshop, located
from indexer.reindexing.worker import TextMissingError, embed_sources
from simsvc import niceness
from simsvc.core.clock import SystemClock
from simsvc.domain.errors import SimsvcError
from simsvc.embed.choice import EngineMissingError
from simsvc.embed.converted import ConversionError
from simsvc.embed.engine import Engine
from simsvc.embed.fidelity import UnfaithfulEngineError
from simsvc.embed.weights import ModelNotFoundError, WrongWeightsError
from simsvc.ports.jobs import Lease
from simsvc.record.backend import RecordNotOpenedError
from simsvc.record.sql import SqlRecord
from simsvc.settings import Settings

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_SQLITE = "sqlite"
_CANNOT_START = (
    SimsvcError, ModelNotFoundError, WrongWeightsError, EngineMissingError, ConversionError,
    UnfaithfulEngineError, LookupError, OSError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a range: it was done, taken by another (`lost`), or failed (`error`).

    Where that is `final`, another try would fail too.
    """

    prompts: int = 0
    lost: bool = False
    error: str = ""
    final: bool = False


class Embedder:
    """The actor. Its errors are values: an exception would travel with whatever it quotes.

    The range that it is given is leased by the run that gave it, which extends the lease.
    """

    _record: SqlRecord
    _engine: Engine

    def __init__(self, settings: Settings, job_id: str, threads: int, machine: str) -> None:
        self._settings = settings
        self._job_id = job_id
        self._threads = threads
        self._machine = machine

    def start(self) -> str:
        """Open the record and load the model; return what is wrong, "" if nothing is."""
        niceness.yield_to_all()
        try:
            shop = shop_of(self._settings, self._job_id, self._machine)
            generation = shop.generation_of(shop.reindexing().job(self._job_id))
            self._record = shop.record(generation)
            self._engine = shop.engine(generation, self._threads)
        except _CANNOT_START as error:
            return f"the worker on {socket.gethostname()} cannot work: {error}"
        self._engine.use_this_thread()
        return ""

    def embed(self, lease: Lease) -> Outcome:
        """Embed a range and write what came of it."""
        held = lease.range
        try:
            made = embed_sources(self._engine, self._record.sources(held.first, held.last))
            finished = self._record.finish_range(lease, made, SystemClock().now())
        except TextMissingError as error:
            return Outcome(error=str(error), final=True)
        except SimsvcError as error:
            return Outcome(error=str(error))
        return Outcome(len(made)) if finished else Outcome(lost=True)


def shop_of(settings: Settings, job_id: str, driver: str) -> Workshop:
    """Open the record that a job is in, on `driver`'s `machine` or another one.

    RecordNotOpenedError if it is not there, is another one, or cannot be shared.
    """
    shop = Workshop.open_present(settings)
    # Processes share a SQLite file's log through memory, which ends at the machine's edge.
    if shop.database.engine.dialect.name == _SQLITE and machine() != driver:
        raise RecordNotOpenedError(
            "a record in SQLite can only be written on the machine that it lies on; "
            "workers on other machines need PostgreSQL"
        )
    if shop.database.jobs.job(job_id) is None:
        raise RecordNotOpenedError("the record that is there is another one: no such job in it")
    return shop


def machine() -> str:
    """Return what all processes under one kernel have in common, whatever container they are in."""
    return _BOOT.read_text().strip() if _BOOT.is_file() else socket.gethostname()


def travelling(settings: Settings) -> Settings:
    """Return settings that mean the same in any folder, without secrets that no worker needs."""
    url = settings.record_url.get_secret_value()
    changes: dict[str, object] = {
        "data_dir": settings.data_dir.resolve(),
        "model": located(settings.model),
        "pseudonym_keys": {},
        "pseudonym_key_id": "",
        "tokens": [],
    }
    parsed = make_url(url) if url else None
    if parsed is not None and parsed.get_backend_name() == _SQLITE and parsed.database:
        file = str(Path(parsed.database).resolve())
        made = parsed.set(database=file).render_as_string(hide_password=False)
        changes["record_url"] = type(settings.record_url)(made)
    return settings.model_copy(update=changes)
