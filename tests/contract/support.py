"""How the contract suites make records and the values that go into them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event, select
from sqlalchemy.exc import DBAPIError

from simsvc.domain.errors import SimsvcError
from simsvc.domain.prompt import Message, Role
from simsvc.domain.pseudonyms import Keyring
from simsvc.ports.embedder import ModelInfo
from simsvc.ports.record import NewPrompt, Owner, Record
from simsvc.record.sql import SqlRecord
from simsvc.record.tables import metadata
from simsvc.record.text import EncryptedText, NoText, PlainText, TextCodec
from tests.fakes.embedder import INFO
from tests.fakes.prompts import NOW, new_prompt, owner_key

TEXT_KEYS = {"t1": b"1" * 32, "t2": b"2" * 32}
CODECS: dict[str, TextCodec] = {
    "plain": PlainText(TEXT_KEYS),
    "encrypted": EncryptedText(TEXT_KEYS, "t1"),
    "off": NoText(TEXT_KEYS),
}
OLD_RING = Keyring({"k1": b"1" * 32}, "k1")
BOTH_RING = Keyring({"k1": b"1" * 32, "k2": b"2" * 32}, "k2")
NEW_RING = Keyring({"k2": b"2" * 32}, "k2")
# What a record may say to a request_id that it has: the port leaves the name open.
REFUSED = (ValueError, SimsvcError, DBAPIError)

HARD_TEXTS = {
    "line separators": "one\u2028two\u2029three\x85four\r\nfive",
    "beyond the BMP": "👩‍👩‍👧‍👦 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 \U0010fffd 🇩🇪",
    "right to left": "\u202bשלום עולם\u202c مرحبا \u200f!",
    "combining": "e\u0301 \u0065\u0301 é Å \u212b",
    "controls": "bell \x07 escape \x1b delete \x7f end",
    "quotes": "'; DROP TABLE prompts; -- \" \\ %s {x} :y ?",
}


@dataclass(frozen=True)
class Place:
    """Where a SQL record lies."""

    url: str

    @property
    def kind(self) -> str:
        """Say which database it is."""
        return self.url.partition(":")[0].partition("+")[0]

    def open(self, codec: str = "plain", model: ModelInfo = INFO, busy: float = 10.0) -> SqlRecord:
        """Open the record, as often as one likes."""
        return SqlRecord.open(self.url, model, CODECS[codec], busy)

    def read_with(self, codec: TextCodec) -> SqlRecord:
        """Open the record with a codec of other keys."""
        return SqlRecord.open(self.url, INFO, codec)


def sqlite_in(folder: Path) -> Place:
    """Return the place of a SQLite record in a folder."""
    return Place(f"sqlite:///{folder / 'record.db'}")


def open_sql(
    folder: Path, codec: str = "plain", model: ModelInfo = INFO, busy: float = 10.0
) -> SqlRecord:
    """Open the SQLite record that lies in a folder."""
    return sqlite_in(folder).open(codec, model, busy)


def owner_of(record: Record, account: str, organization: str = "", **how: Any) -> Owner:
    """Return the references of one account."""
    [owner] = record.owners([owner_key(account, organization, **how)])
    return owner


def fill(
    record: Record, texts: Sequence[str], account: str = "a", at: int = NOW, **how: Any
) -> list[NewPrompt]:
    """Record one prompt a text, one µs apart, and return what was written."""
    owner = owner_of(record, account)
    first = record.allot(len(texts))
    prompts = [new_prompt(first + i, owner, text, at=at + i, **how) for i, text in enumerate(texts)]
    record.append(prompts)
    return prompts


def said(seq: int, owner: Owner, text: str) -> NewPrompt:
    """Return a prompt that says a text wherever a caller may put one."""
    messages = (Message(Role.SYSTEM, text), Message(Role.USER, text))
    made = new_prompt(seq, owner, text, request_id=f"{text}-{seq}", messages=messages)
    return replace(made, model=text, attributes={text: text, "empty": ""})


@contextmanager
def disk(record: SqlRecord, fault: str) -> Iterator[None]:
    """Let every connection of a record meet a full disk ("full") or a "read-only" file."""
    pragmas = {
        "full": ("max_page_count = 1", "max_page_count = 1073741823"),
        "read-only": ("query_only = 1", "query_only = 0"),
    }
    state = {"pragma": pragmas[fault][0]}

    def apply(connection: Any, _entry: Any, _proxy: Any) -> None:
        connection.execute(f"PRAGMA {state['pragma']}")

    event.listen(record._engine, "checkout", apply)
    try:
        yield
    finally:
        state["pragma"] = pragmas[fault][1]


def bytes_on_disk(folder: Path) -> bytes:
    """Return the bytes of all files of a record, the write-ahead log included."""
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file())


def bytes_of_tables(record: SqlRecord) -> bytes:
    """Return all that the tables of a record hold, bytes as they are."""
    with record._engine.connect() as connection:
        return bytes_of(connection)


def bytes_of(connection: Connection) -> bytes:
    """Return all that the tables of a database hold, bytes as they are."""
    rows = [
        row for table in metadata.tables.values() for row in connection.execute(select(table)).all()
    ]
    return b"\n".join(
        value if isinstance(value, bytes) else str(value).encode() for row in rows for value in row
    )
