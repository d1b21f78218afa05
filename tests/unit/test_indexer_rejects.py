"""How an import tells of rows that were refused."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import grpc
import pytest
from rich.console import Console

from indexer.importing.run import Imported, Job, import_file
from indexer.importing.sender import Sender
from indexer.importing.tell import show
from simsvc.client import Client
from simsvc.v1 import ingest_pb2
from tests.unit.test_client_support import serving, status

ROW = {
    "request_id": "r", "account_id": "a", "observed_at": "2026-11-02T03:04:05Z",
    "messages": [{"role": "user", "content": "hello"}],
}  # fmt: skip
INVALID, EXISTS = (code.value[0] for code in (
    grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.ALREADY_EXISTS
))  # fmt: skip


def imported(folder: Path, row: dict[str, Any], *refused: Any) -> Imported:
    """Import a row that the server refuses, if it is sent."""
    path = folder / "x.jsonl"
    path.write_text(json.dumps(row) + "\n")

    def refuse(request: Any, _: grpc.ServicerContext) -> Any:
        results = [ingest_pb2.ObserveResult(request_id="r", error=error) for error in refused]
        return ingest_pb2.BatchObservePromptsResponse(results=results)

    with serving() as script, Client(script.connection()) as client:
        script.steps["BatchObservePrompts"].append(refuse)
        sender = Sender(client, 60, lambda _: None)
        return import_file(path, Job(sender, script.address, folder), lambda _: None)


def line(done: Imported) -> str:
    out = io.StringIO()
    show([done], Console(file=out, width=200))
    return out.getvalue().splitlines()[1].strip()


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            status(INVALID, "prompt.account_id: must not be empty", field="prompt.account_id"),
            "row 1: account_id: must not be empty",
        ),
        (
            status(
                INVALID, "prompt.model: is long; prompt.messages: are many", field="prompt.model"
            ),
            "row 1: model: is long; messages: are many",
        ),
        (
            status(EXISTS, "request_id was used before with another account or other messages"),
            "row 1: request_id: was used before with another account or other messages",
        ),
    ],
)
def test_what_a_server_refuses_names_its_field_once(error: Any, told: str, tmp_path: Path) -> None:
    assert line(imported(tmp_path, ROW, error)) == told


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"observed_at": None}, "row 1: observed_at: is missing"),
        ({"account_id": 7}, "row 1: account_id: is not a string"),
        (
            {"messages": [{"role": "robot", "content": "x"}]},
            "row 1: messages[0].role: is unknown",
        ),
    ],
)
def test_what_cannot_be_sent_names_its_field_once(
    change: dict[str, Any], told: str, tmp_path: Path
) -> None:
    assert line(imported(tmp_path, ROW | change)) == told
