"""One campaign in each of the formats."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from simsvc.domain.sharing import SharedCase, Tlp
from simsvc.share import pack, sheet, stix
from simsvc.share.pack import PackWriter
from simsvc.share.sheet import write_sheet
from simsvc.share.stix import StixWriter


class ExportFormat(enum.IntEnum):
    """How an export is written; the numbers are those of the wire."""

    STIX = 1
    CSV = 2
    HTML = 3


@dataclass(frozen=True, slots=True)
class Export:
    """A file."""

    content: bytes
    media_type: str
    file_name: str


class Exporter:
    """Writes campaigns for others, under the name of this producer."""

    def __init__(self, producer: str, valid_days: int) -> None:
        self._stix = StixWriter(producer, valid_days)
        self._pack = PackWriter()

    def write(self, case: SharedCase, form: ExportFormat, tlp: Tlp, now: int) -> Export:
        """Return a campaign as a file, made at `now` (µs)."""
        match form:
            case ExportFormat.STIX:
                content = self._stix.write(case, tlp, now)
                return Export(content, stix.MEDIA_TYPE, f"{case.name}.stix.json")
            case ExportFormat.CSV:
                return Export(write_sheet(case, tlp), sheet.MEDIA_TYPE, f"{case.name}.csv")
            case ExportFormat.HTML:
                page = self._pack.write(case, tlp)
                return Export(page, pack.MEDIA_TYPE, f"{case.name}.html")
