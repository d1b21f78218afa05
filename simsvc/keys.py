"""The secret keys: from the settings, or made once and kept in the data folder."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import os
import secrets
import tempfile
from pathlib import Path

from simsvc.domain.audit import AuditChain
from simsvc.domain.pseudonyms import Keyring
from simsvc.settings import Settings, decode_key

_FILE = "keys.json"
_MADE = "made"


def keyring(settings: Settings) -> Keyring:
    """Return the pseudonym keys of the settings, or one that this data folder keeps."""
    if settings.pseudonym_keys:
        keys = {key_id: decode_key(key) for key_id, key in settings.pseudonym_keys.items()}
        return Keyring(keys, settings.pseudonym_key_id)
    return Keyring({_MADE: _made_key(settings.data_dir)}, _MADE)


def will_make_key(settings: Settings) -> bool:
    """Return whether a pseudonym key is still to be made in this data folder."""
    return not settings.pseudonym_keys and not (settings.data_dir / _FILE).exists()


def token_key(settings: Settings) -> bytes:
    """Return the key of page tokens, derived so that it is the same after a restart."""
    if settings.pseudonym_keys:
        secret = decode_key(settings.pseudonym_keys[settings.pseudonym_key_id])
    else:
        secret = _made_key(settings.data_dir)
    return hmac.digest(secret, b"page tokens", hashlib.sha256)


def audit_chain(settings: Settings) -> AuditChain:
    """Return what links the audit log, by keys derived from all pseudonym keys.

    An entry stays checkable for as long as the key that was active then is still among them.
    """
    if settings.pseudonym_keys:
        keys = {key_id: decode_key(key) for key_id, key in settings.pseudonym_keys.items()}
        active = settings.pseudonym_key_id
    else:
        keys, active = {_MADE: _made_key(settings.data_dir)}, _MADE
    derived = {i: hmac.digest(key, b"audit log", hashlib.sha256) for i, key in keys.items()}
    return AuditChain(derived, active)


def _made_key(folder: Path) -> bytes:
    path = folder / _FILE
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        content = json.dumps({_MADE: base64.b64encode(secrets.token_bytes(32)).decode()})
        # NamedTemporaryFile is for its owner only; a link makes the whole file appear at once, and
        # of two processes that start together one wins.
        with tempfile.NamedTemporaryFile("w", dir=folder, prefix=f"{_FILE}.") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):
                os.link(file.name, path)
    return base64.b64decode(json.loads(path.read_text())[_MADE])
