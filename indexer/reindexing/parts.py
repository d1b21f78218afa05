"""What every process of a reindex is made of."""

from __future__ import annotations

import os
import secrets
import socket
from dataclasses import dataclass

from simsvc.assembly import discard_index, make_engine
from simsvc.core.clock import SystemClock
from simsvc.core.reindex import Reindexing
from simsvc.domain.errors import InvalidError, Violation
from simsvc.domain.generation import Job
from simsvc.domain.prompt import MICROSECONDS
from simsvc.embed.choice import LOAD_ERRORS
from simsvc.embed.engine import Engine
from simsvc.embed.weights import WrongWeightsError
from simsvc.ports.embedder import ModelInfo
from simsvc.ports.generation import Generation
from simsvc.record.open import (
    Database,
    model_location,
    open_database,
    open_present_database,
    settings_of,
)
from simsvc.record.sql import SqlRecord
from simsvc.settings import Settings


@dataclass(frozen=True, slots=True)
class Workshop:
    """The record of the settings, as those see it who work on a job."""

    settings: Settings
    database: Database

    @classmethod
    def open(cls, settings: Settings) -> Workshop:
        """Open the record. RecordNotOpenedError if that cannot be."""
        return cls(settings, open_database(settings))

    @classmethod
    def open_present(cls, settings: Settings) -> Workshop:
        """Open a record that must be there already. RecordNotOpenedError if that cannot be."""
        return cls(settings, open_present_database(settings))

    def reindexing(self) -> Reindexing:
        """Return the use case over this record."""
        catalogue = self.database.catalogue
        return Reindexing(
            catalogue, self.database.jobs, self.database.record, self._describe, SystemClock(),
            self._discard,
        )  # fmt: skip

    def generation_of(self, job: Job) -> Generation:
        """Return the generation that a job makes. LookupError if it was deleted."""
        generation = self.database.catalogue.generation(job.generation_id)
        if generation is None:
            raise LookupError(f"the generation of {job.job_id} is not there any more")
        return generation

    def record(self, generation: Generation) -> SqlRecord:
        """Return the record as a generation sees it."""
        return self.database.record(generation)

    def settings_of(self, generation: Generation) -> Settings:
        """Return the settings with a generation's model and index parameters."""
        return settings_of(self.settings, generation)

    def engine(self, generation: Generation, threads: int) -> Engine:
        """Load a generation's model; WrongWeightsError if it has changed meanwhile."""
        settings = self.settings_of(generation).model_copy(update={"model_threads": threads})
        engine = make_engine(settings)
        if engine.info.sha256 != generation.model.sha256:
            raise WrongWeightsError(f"the weights of {engine.info.model} have changed")
        return engine

    def close(self) -> None:
        """Let go of the record."""
        self.database.engine.dispose()

    def _describe(self, model: str) -> tuple[str, ModelInfo]:
        source = located(model)
        changed = {"model": source, "model_sha256": ""}
        try:
            return source, make_engine(self.settings.model_copy(update=changed)).info
        except LOAD_ERRORS as error:
            raise InvalidError([Violation("model", "NOT_LOADED", str(error))]) from error

    def _discard(self, generation_id: str) -> None:
        discard_index(self.settings, generation_id)


def located(model: str) -> str:
    """Return a model's name so that every process finds it."""
    return model_location(model) if model else ""


def new_owner() -> str:
    """Return a name that no other worker has."""
    return f"{socket.gethostname()[:24]}:{os.getpid()}:{secrets.token_hex(4)}"


def micros(seconds: float) -> int:
    """Return seconds in µs."""
    return int(seconds * MICROSECONDS)
