"""What a record is told and asked of prompts: to build a statement takes longer than to run it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Select, and_, bindparam, column, insert, select, text

from simsvc.domain.chunks import chunks
from simsvc.record import tables
from simsvc.record.metadata import Bytes

# The names of their parameters.
GENERATION, WANTED = "generation", "wanted"
# How many texts a statement asks for.
_SIZES = (1, 8, 64, 512)
# What both databases call the column of a list of values.
_VALUE = "column1"


def _asked() -> Select[Any]:
    p = tables.prompts.c
    columns = (p.request_id, p.digest, p.seq, p.nearest_similarity, p.family_accounts)
    query = select(*columns, p.campaign_id)
    return query.where(p.request_id.in_(bindparam(WANTED, expanding=True)))


def _windows() -> Select[Any]:
    v = tables.vectors.c
    mine = v.generation_id == bindparam(GENERATION)
    query = select(v.seq, v.windows, v.capped)
    return query.where(mine, v.seq.in_(bindparam(WANTED, expanding=True)))


def _embedded(size: int) -> Select[Any]:
    """Ask for the first prompt of each text, whose row alone is read: a viral one has a million."""
    p, v = tables.prompts.c, tables.vectors.c
    names = [f"{WANTED}{i}" for i in range(size)]
    listed = text("VALUES " + ", ".join(f"(:{name})" for name in names))
    typed = listed.bindparams(*(bindparam(name, type_=Bytes(16)) for name in names))
    wanted = typed.columns(column(_VALUE, Bytes(16))).subquery("wanted")
    payload_hash = wanted.c[_VALUE]
    # Were they equated, PostgreSQL might go through all prompts by seq until one has a text that it
    # takes for a frequent one.
    same = p.payload_hash.between(payload_hash, payload_hash)
    first = select(p.seq).where(same).order_by(p.payload_hash, p.seq).limit(1).scalar_subquery()
    on = and_(v.generation_id == bindparam(GENERATION), v.seq == first)
    columns = (payload_hash.label("payload_hash"), v.vector, v.tokens, v.windows, v.capped)
    return select(*columns).select_from(wanted.join(tables.vectors, on))


# What is known of requests by their ids, and of prompts by their seqs. Were they one statement,
# SQLite would go through all vectors of the generation, of which it expects ten.
ASKED, WINDOWS = _asked(), _windows()

_EMBEDDED = {size: _embedded(size) for size in _SIZES}


def embedded(
    generation_id: str, payload_hashes: Sequence[bytes]
) -> Iterator[tuple[Select[Any], dict[str, Any]]]:
    """Yield what to run, with its parameters, for the embeddings of texts by their hashes."""
    for chunk in chunks(payload_hashes, _SIZES[-1]):
        size = next(size for size in _SIZES if size >= len(chunk))
        padded = [*chunk, *[chunk[-1]] * (size - len(chunk))]
        values = {f"{WANTED}{i}": value for i, value in enumerate(padded)}
        yield _EMBEDDED[size], {GENERATION: generation_id, **values}


# A new prompt and its vector.
NEW_PROMPT, NEW_VECTOR = insert(tables.prompts), insert(tables.vectors)
