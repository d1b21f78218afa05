"""Lists that a server answers with, on a terminal of 80 columns: ids are whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console
from typer.testing import CliRunner

from simsvc.cli import generations, review, sharing, webhooks
from simsvc.cli.app import app
from simsvc.cli.connect import Server
from simsvc.client import (
    AuditEntry,
    Delivery,
    DeliveryState,
    Generation,
    GenerationState,
    IndexOptions,
    Indicator,
    IndicatorKind,
)

AT = Timestamp(seconds=1_780_000_000)
DELIVERY, CAMPAIGN = "msg_" + "0123456789ab" * 2, "cmp_077b4e0123456789"
INDICATOR = "indicator--01234567-89ab-cdef-0123-456789abcdef"
GENERATION = "gen-0123456789abcdef"
ANSWERS: dict[str, Any] = {
    "deliveries": lambda *_: iter([Delivery(
        delivery_id=DELIVERY, webhook="security-operations", campaign_id=CAMPAIGN,
        change="membership_changed", state=DeliveryState.DELIVERY_STATE_DEAD, attempts=12,
        status=503, problem="the receiver has closed the connection", create_time=AT,
    )]),
    "list_indicators": lambda: SimpleNamespace(indicators=[Indicator(
        indicator_id=INDICATOR, kind=IndicatorKind.INDICATOR_KIND_FRAME, key_id="pair",
        name="Instructions that a campaign's prompts share", producer="A partner",
    )]),
    "generations": lambda: [Generation(
        GENERATION, GenerationState.SERVING, "sentence-transformers/all-MiniLM-L6-v2", "0" * 64,
        384, GENERATION, IndexOptions(segment_prompts=65536, recall=0.97), None, None,
    )],
    "audit_entries": lambda **_: iter([AuditEntry(
        entry_id="1234567", time=AT, principal="anna", action="dismiss", campaign_id=CAMPAIGN,
        comment="a remark that goes on for longer than any line of a terminal has room",
    )]),
}  # fmt: skip


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("webhooks deliveries", (DELIVERY, "dead", "tries")),
        ("indicators list", (INDICATOR, "name", "Instructions")),
        ("generations list", (GENERATION, "serving", "model")),
        ("audit list", ("1234567", CAMPAIGN, "anna", "dismiss", "terminal")),
    ],
)
def test_ids_are_whole(words: str, told: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def client(_: Server) -> Iterator[Any]:
        yield SimpleNamespace(**ANSWERS)

    monkeypatch.setattr(Server, "client", client)
    for module in (generations, review, sharing, webhooks):
        monkeypatch.setattr(module, "console", lambda: Console(width=80))
    done = CliRunner().invoke(app, words.split())
    assert done.exit_code == 0, done.exception
    for word in told:
        assert word in done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
