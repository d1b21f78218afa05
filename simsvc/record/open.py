"""The record that the settings ask for."""

from __future__ import annotations

from simsvc.ports.embedder import ModelInfo
from simsvc.record.sql import SqlRecord
from simsvc.record.text import EncryptedText, NoText, PlainText, TextCodec
from simsvc.settings import Settings, decode_key


def open_record(settings: Settings, model: ModelInfo) -> SqlRecord:
    """Open the record for the vectors of this model, with its schema up to date."""
    url = settings.record_url.get_secret_value() or f"sqlite:///{settings.data_dir / 'record.db'}"
    return SqlRecord.open(url, model, text_codec(settings), settings.record_busy)


def text_codec(settings: Settings) -> TextCodec:
    """Return how texts are stored, able to read what any of the keys wrote."""
    keys = {key_id: decode_key(key) for key_id, key in settings.text_keys.items()}
    if settings.text_storage == "off":
        return NoText(keys)
    if settings.text_storage == "plain":
        return PlainText(keys)
    return EncryptedText(keys, settings.text_key_id)
