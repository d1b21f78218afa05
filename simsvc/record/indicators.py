"""Partners' indicators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sqlalchemy import Row, delete, insert, select

from simsvc.domain.chunks import chunks
from simsvc.domain.sharing import Indicator, IndicatorKind, Tlp
from simsvc.domain.sketch import Sketch
from simsvc.record import tables
from simsvc.record.engine import reading, writing
from simsvc.record.store import PARAMETERS, Store

_COLUMNS = (
    "indicator_id", "name", "producer", "key_id", "valid_from", "valid_until", "confidence",
    "imported_at", "modified",
)  # fmt: skip


class IndicatorStore(Store):
    """See `KeepsIndicators`."""

    def save_indicators(self, indicators: Sequence[Indicator]) -> None:
        """See `KeepsIndicators.save_indicators`."""
        table = tables.indicators
        with writing(self._engine) as connection:
            for chunk in chunks(list(indicators), PARAMETERS // 16):
                ids = [i.indicator_id for i in chunk]
                connection.execute(delete(table).where(table.c.indicator_id.in_(ids)))
                connection.execute(insert(table), [_values(i) for i in chunk])

    def indicators(self) -> list[Indicator]:
        """See `KeepsIndicators.indicators`."""
        table = tables.indicators.c
        query = select(tables.indicators).order_by(table.imported_at.desc(), table.indicator_id)
        with reading(self._engine) as connection:
            return [_indicator(row) for row in connection.execute(query)]

    def delete_indicator(self, indicator_id: str) -> bool:
        """See `KeepsIndicators.delete_indicator`."""
        table = tables.indicators
        where = table.c.indicator_id == indicator_id
        with writing(self._engine) as connection:
            return bool(connection.execute(delete(table).where(where)).rowcount)


def _values(indicator: Indicator) -> dict[str, Any]:
    return {name: getattr(indicator, name) for name in _COLUMNS} | {
        "kind": indicator.kind,
        "tlp": indicator.tlp,
        "size": indicator.sketch.size,
        "sketch": indicator.sketch.array().astype("<u8").tobytes(),
    }


def _indicator(row: Row[Any]) -> Indicator:
    values = tuple(np.frombuffer(row.sketch, "<u8").tolist())
    return Indicator(
        **{name: getattr(row, name) for name in _COLUMNS},
        kind=IndicatorKind(row.kind),
        tlp=Tlp(row.tlp),
        sketch=Sketch(values, row.size),
    )
