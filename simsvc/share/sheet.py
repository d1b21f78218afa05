"""A campaign's accounts as a table (RFC 4180)."""

from __future__ import annotations

import csv
import io

from simsvc.domain.sharing import SharedCase, Tlp
from simsvc.share.inert import cell

MEDIA_TYPE = "text/csv;charset=utf-8"
_HEAD = ("campaign", "account", "attribution_probability", "prompts_at_most", "confidence", "tlp")


def write_sheet(case: SharedCase, tlp: Tlp) -> bytes:
    """Return the table; prompts are rounded up to a power of two."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(_HEAD)
    for member in case.members:
        row = (case.name, member.account, member.probability, member.prompts,
               case.confidence.name.lower(), tlp.label)  # fmt: skip
        writer.writerow([cell(value) for value in row])
    return text.getvalue().encode()
