"""What a record is told and asked of prompts: to build a statement takes longer than to run it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, and_, bindparam, func, insert, select

from simsvc.record import tables

# The names of their parameters.
GENERATION, WANTED = "generation", "wanted"


def _answered() -> Select[Any]:
    p, v = tables.prompts.c, tables.vectors.c
    columns = (p.request_id, p.digest, p.seq, p.nearest_similarity, p.family_accounts)
    query = _joined(select(*columns, p.campaign_id, v.windows, v.capped))
    return query.where(p.request_id.in_(bindparam(WANTED, expanding=True)))


def _embedded() -> Select[Any]:
    p, v = tables.prompts.c, tables.vectors.c
    wanted = p.payload_hash.in_(bindparam(WANTED, expanding=True))
    # One prompt a payload: a viral one may have a million.
    seqs = select(func.min(p.seq)).where(wanted).group_by(p.payload_hash)
    columns = (p.payload_hash, v.vector, v.tokens, v.windows, v.capped)
    return _joined(select(*columns)).where(p.seq.in_(seqs))


def _joined(query: Select[Any]) -> Select[Any]:
    p, v = tables.prompts.c, tables.vectors.c
    on = and_(v.seq == p.seq, v.generation_id == bindparam(GENERATION))
    return query.select_from(tables.prompts.join(tables.vectors, on))


# The answers to requests by their ids, and the embeddings of texts by their hashes.
ANSWERED, EMBEDDED = _answered(), _embedded()

# A new prompt and its vector.
NEW_PROMPT, NEW_VECTOR = insert(tables.prompts), insert(tables.vectors)
