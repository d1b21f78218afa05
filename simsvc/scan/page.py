"""A scan's report as one self-contained page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape


def page_of(report: Mapping[str, Any], source: str) -> str:
    """Return the HTML of a report; `source` is the name of the file that was scanned."""
    pages = Environment(loader=PackageLoader("simsvc.scan"), autoescape=select_autoescape())
    return pages.get_template("report.html").render(report=report, source=source)
