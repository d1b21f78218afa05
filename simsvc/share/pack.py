"""A campaign's evidence as one page that needs nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import math
from dataclasses import replace
from datetime import UTC, datetime
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from simsvc.domain.sharing import SharedCase, SharedClaim, Tlp
from simsvc.share.inert import visible

MEDIA_TYPE = "text/html;charset=utf-8"
_MICRO = 1_000_000
_BAR = 400


class PackWriter:
    """Writes pages."""

    def __init__(self) -> None:
        loader = PackageLoader("simsvc.share")
        self._environment = Environment(
            loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )
        self._style = files("simsvc.share").joinpath("templates/pack.css").read_text("utf-8")

    def write(self, case: SharedCase, tlp: Tlp) -> bytes:
        """Return the page."""
        digest = hashlib.sha256(self._style.encode()).digest()
        text = self._environment.get_template("pack.html").render(
            case=replace(
                case,
                name=visible(case.name),
                members=tuple(replace(m, account=visible(m.account)) for m in case.members),
            ),
            style=Markup(self._style),  # noqa: S704 - our own file
            style_hash=base64.b64encode(digest).decode(),
            tlp=tlp.label,
            tlp_class=tlp.name.split("_")[0].lower(),
            first=_day(case.first_day),
            last=_day(case.last_day),
            confidence=case.confidence.name.lower(),
            tactics=[visible(t.replace("_", " ")) for t in case.tactics],
            claims=[_claim(c) for c in case.claims],
            unseen=f"{100 * case.coverage.unseen:.0f}%" if case.coverage else "",
            bar=_bar(case),
        )
        return text.encode()


def _claim(claim: SharedClaim) -> dict[str, str]:
    chance = f"10^{claim.log_p / math.log(10):.1f}" if claim.log_p < 0 else "–"
    return {
        "signal": visible(claim.signal.replace("_", " ")),
        "description": visible(claim.description),
        "value": f"{claim.value:.4g}",
        "expected": f"{claim.expected:.4g}",
        "chance": chance,
    }


def _bar(case: SharedCase) -> int:
    if case.coverage is None or not case.coverage.size:
        return 0
    return round(_BAR * min(case.coverage.distinct / case.coverage.size, 1.0))


def _day(micros: int) -> str:
    return datetime.fromtimestamp(micros / _MICRO, UTC).strftime("%Y-%m-%d")
