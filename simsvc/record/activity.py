"""Accounts' prompts for analysts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, and_, func, select

from simsvc.domain.chunks import chunks
from simsvc.ports.activity import ACTIVITY_DTYPE, Activity, CutPrompt
from simsvc.record import tables
from simsvc.record.engine import reading
from simsvc.record.store import PARAMETERS, Store
from simsvc.record.text import StoredText

# A prime, and it over the golden ratio; their product with a seq fits 64 bits.
_CIRCLE = 2**31 - 1
_GOLDEN = 1_327_217_885


class ActivityStore(Store):
    """See `ReadsActivity`."""

    def activity(self, accounts: Sequence[int], limit: int) -> Activity:
        """See `ReadsActivity.activity`."""
        p, f = tables.prompts.c, tables.families.c
        placed = and_(f.seq == p.seq, f.generation_id == self._generation_id)
        family = func.coalesce(f.family, p.family)
        query = select(p.seq, p.account, p.observed_at, family, p.frame)
        query = query.select_from(tables.prompts.outerjoin(tables.families, placed))
        parts = list(chunks(list(accounts), PARAMETERS))
        count = select(func.count()).select_from(tables.prompts)
        with reading(self._engine) as connection:
            mine = (p.account.in_(part) for part in parts)
            total = sum(connection.execute(count.where(of)).scalar_one() for of in mine)
            if total > limit:
                share = max(_CIRCLE * limit // total, 1)
                query = query.where(_place_of(p.seq) < share)
            found: list[Sequence[Any]] = []
            for part in parts:
                found += connection.execute(query.where(p.account.in_(part))).all()
        return Activity(thinned(_rows(found), limit), total)

    def cut_prompts(self, seqs: Sequence[int]) -> dict[int, CutPrompt]:
        """See `ReadsActivity.cut_prompts`."""
        p = tables.prompts.c
        query = select(p.seq, p.text_key_id, p.text, p.cuts)
        found = {}
        with reading(self._engine) as connection:
            for chunk in chunks(list(seqs), PARAMETERS):
                for row in connection.execute(query.where(p.seq.in_(chunk))):
                    stored = StoredText(row.text_key_id, row.text)
                    messages, _ = self._codec.decode(row.seq, stored)
                    found[int(row.seq)] = CutPrompt(messages, bytes(row.cuts))
        return found


def _place_of(seq: ColumnElement[int]) -> ColumnElement[int]:
    """Return where a prompt lies on a circle, a step of the golden ratio from the one before.

    An arc of it is an even sample in time, also of accounts that send in turn, of which every n-th
    prompt would pick one.
    """
    return (seq % _CIRCLE) * _GOLDEN % _CIRCLE


def thinned(
    rows: np.ndarray[Any, np.dtype[np.void]], limit: int
) -> np.ndarray[Any, np.dtype[np.void]]:
    """Return at most so many rows, evenly."""
    if len(rows) <= limit:
        return rows
    return rows[np.linspace(0, len(rows) - 1, limit).astype(np.int64)]


def _rows(found: Sequence[Sequence[Any]]) -> np.ndarray[Any, np.dtype[np.void]]:
    rows = np.zeros(len(found), ACTIVITY_DTYPE)
    if found:
        names = ("seq", "account", "observed_at", "family", "frame")
        for name, column in zip(names, zip(*found, strict=True), strict=True):
            rows[name] = column
        rows["item"] = np.where(rows["family"] != 0, rows["family"], rows["seq"])
    return rows[np.lexsort((rows["seq"], rows["observed_at"]))]
