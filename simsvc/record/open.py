"""The record that the settings ask for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from simsvc.ports.embedder import ModelInfo
from simsvc.ports.generation import Generation
from simsvc.record.catalogue import SqlCatalogue
from simsvc.record.engine import open_engine, open_present
from simsvc.record.jobs import SqlJobs
from simsvc.record.sql import OtherGenerationError, SqlRecord, claim
from simsvc.record.text import EncryptedText, NoText, PlainText, TextCodec
from simsvc.settings import Settings, decode_key


@dataclass(frozen=True, slots=True)
class Database:
    """A record of which it is not known yet which model answers."""

    engine: Engine
    codec: TextCodec

    @property
    def catalogue(self) -> SqlCatalogue:
        """Return its generations."""
        return SqlCatalogue(self.engine)

    @property
    def jobs(self) -> SqlJobs:
        """Return its jobs."""
        return SqlJobs(self.engine)

    def claim(self, model: ModelInfo, source: str) -> SqlRecord:
        """Return the record for this model, which a new one is made for. See `claim`."""
        return SqlRecord(self.engine, claim(self.engine, model, source), self.codec)

    def record(self, generation: Generation) -> SqlRecord:
        """Return the record as a generation sees it."""
        return SqlRecord(self.engine, generation, self.codec)


def open_database(settings: Settings) -> Database:
    """Open the record with its schema up to date."""
    return Database(open_engine(record_url(settings), settings.record_busy), text_codec(settings))


def open_present_database(settings: Settings) -> Database:
    """Open a record that is there, with its schema as it is. See `open_present`."""
    return Database(open_present(record_url(settings), settings.record_busy), text_codec(settings))


def record_url(settings: Settings) -> str:
    """Return where the record is, as SQLAlchemy writes it."""
    return settings.record_url.get_secret_value() or f"sqlite:///{settings.data_dir / 'record.db'}"


def open_record(settings: Settings, model: ModelInfo) -> SqlRecord:
    """Open the record for the vectors of this model."""
    return open_database(settings).claim(model, model_location(settings.model))


def model_location(model: str) -> str:
    """Return a model's setting so that it means the same from any folder."""
    path = Path(model).expanduser()
    return str(path.resolve()) if path.is_dir() else model


def settings_of(settings: Settings, generation: Generation) -> Settings:
    """Return the settings with the model and the index parameters of a generation.

    What the catalogue does not say is as it is set.
    """
    chosen = generation.index.chosen()
    if generation.source:
        chosen |= {
            "model": generation.source,
            "model_dtype": generation.model.dtype,
            "max_windows": generation.model.max_windows,
        }
        if generation.source != model_location(settings.model):
            chosen["model_sha256"] = ""
    return settings.model_copy(update=chosen)


def serving_settings(settings: Settings, database: Database) -> Settings:
    """Return the settings with what the record says about the generation that answers.

    Raises OtherGenerationError if the model that is set, or its preprocessing, never was one of the
    record's.
    """
    catalogue = database.catalogue
    serving = catalogue.serving()
    if serving is None or catalogue.is_bare(serving):
        return settings
    known = {(g.source, g.model.dtype, g.model.max_windows) for g in catalogue.generations()}
    wanted = (model_location(settings.model), settings.model_dtype, settings.max_windows)
    if wanted not in known and all(source for source, _, _ in known):
        raise OtherGenerationError(
            f"the record was made with {serving.model.model} ({serving.generation_id}), not "
            f"{Path(settings.model).name} in {settings.model_dtype} with up to "
            f"{settings.max_windows} windows; set what it was, reindex to this, or set another "
            "data_dir"
        )
    return settings_of(settings, serving)


def text_codec(settings: Settings) -> TextCodec:
    """Return how texts are stored, able to read what any of the keys wrote."""
    keys = {key_id: decode_key(key) for key_id, key in settings.text_keys.items()}
    if settings.text_storage == "off":
        return NoText(keys)
    if settings.text_storage == "plain":
        return PlainText(keys)
    return EncryptedText(keys, settings.text_key_id)
