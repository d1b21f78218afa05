"""How the command line tells of operations and generations."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import grpc
import pytest
from rich.console import Console

from simsvc.cli.following import line_of, progress, report_lines, to_json
from simsvc.client import GenerationState, Operation, OperationFailure, OperationPhase
from tests.unit.test_client_generations import GENERATION, NAME, REPORT, RUNNING

DONE = replace(RUNNING, done=True, phase=OperationPhase.DONE, remaining=None, generation=GENERATION)


def failed(code: grpc.StatusCode) -> Operation:
    error = OperationFailure(code, "out of luck")
    return replace(RUNNING, done=True, remaining=None, error=error)


def test_lines() -> None:
    counts = "7 embedded, 3 indexed of 400 prompts"
    running = f"{NAME} running: gen-2, embedding, {counts}, 12 prompts/s, 0:00:02 left"
    assert line_of(RUNNING) == running
    assert line_of(DONE) == f"{NAME} done: gen-2, {counts}"
    aborted = failed(grpc.StatusCode.ABORTED)
    assert line_of(aborted) == f"{NAME} failed: gen-2, {counts}, out of luck"
    assert line_of(failed(grpc.StatusCode.CANCELLED)).startswith(f"{NAME} cancelled: gen-2")
    cutover = replace(RUNNING, phase=OperationPhase.CATCHING_UP, prompts_total=0, remaining=None)
    assert line_of(cutover) == f"{NAME} running: gen-2, catching up, 12 prompts/s"


def test_json_is_plain() -> None:
    told = json.loads(to_json(DONE))
    assert told["generation"]["state"] == "shadow"
    assert told["generation"]["created_at"] == "2026-05-04T12:00:00+00:00"
    assert told["generation"]["report"]["missing_reference_sets"] == ["sums"]
    assert json.loads(to_json(RUNNING))["remaining"] == 1.5
    error = json.loads(to_json(failed(grpc.StatusCode.ABORTED)))["error"]
    assert error == {"code": "ABORTED", "message": "out of luck"}


def test_a_report() -> None:
    assert report_lines(GENERATION) == [
        "gen-2 compared, 256 of 400 prompts:",
        "  recall@10 of its index: 0.969",
        "  overlap: 50% of the ten nearest are those of the one that answers",
        "  campaigns kept: 1: cmp_1 (40 accounts)",
        "  campaigns appearing: 1: a group (12 accounts)",
        "  campaigns vanishing: 1: cmp_2 (11 accounts)",
        "  reference sets to load again: sums",
        "  thresholds: shipped default",
    ]
    bare = replace(REPORT, kept=(), missing_reference_sets=())
    lines = report_lines(replace(GENERATION, report=bare))
    assert "  campaigns kept: none" in lines
    assert "  reference sets to load again: none" in lines
    assert report_lines(replace(GENERATION, state=GenerationState.SERVING)) == []
    assert report_lines(replace(GENERATION, report=None)) == []


def test_a_bar_on_a_terminal() -> None:
    screen = io.StringIO()
    terminal = Console(file=screen, force_terminal=True, width=100)
    with progress(terminal, silent=False) as told:
        assert told is not None
        told(RUNNING)
    assert "embedding" in screen.getvalue()
    assert "7/400" in screen.getvalue()


def test_a_line_for_each_tenth_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    indexing = replace(RUNNING, phase=OperationPhase.INDEXING)
    with progress(Console(file=io.StringIO()), silent=False) as told:
        assert told is not None
        for step in (RUNNING, replace(RUNNING, prompts_embedded=39), indexing, indexing, DONE):
            told(step)
        told(replace(indexing, prompts_indexed=40))
    lines = capsys.readouterr().err.splitlines()
    assert lines == [line_of(s) for s in (RUNNING, indexing, replace(indexing, prompts_indexed=40))]


def test_silence() -> None:
    with progress(Console(), silent=True) as told:
        assert told is None
