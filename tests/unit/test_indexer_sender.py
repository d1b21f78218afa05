"""How many prompts an import puts into a call."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import grpc
import pytest
from typer.testing import CliRunner

from indexer.cli import app
from indexer.importing.sender import BATCH_PROMPTS, Sender
from simsvc.client import Client, ItemError, ObservedPrompt
from tests.unit.test_client_support import fail, serving, taken

LONG = "x" * 50_000
PROMPTS = 16 * BATCH_PROMPTS


def refused_if_long(request: Any, context: grpc.ServicerContext) -> Any:
    """Refuse a call for what one of its prompts holds, as a limit of bytes does."""
    long = any(len(m.content) >= len(LONG) for p in request.prompts for m in p.messages)
    return (fail(grpc.StatusCode.INVALID_ARGUMENT) if long else taken)(request, context)


def test_one_long_prompt_does_not_make_all_later_calls_small() -> None:
    prompts = [ObservedPrompt(f"r{n}", "a", [("user", "short")]) for n in range(PROMPTS)]
    prompts[100] = ObservedPrompt("r100", "a", [("user", LONG)])
    with serving() as script, Client(script.connection()) as client:
        script.steps["BatchObservePrompts"] += [refused_if_long] * PROMPTS
        results = Sender(client, 60, lambda _: None).send(prompts)
        sizes = [len(request.prompts) for request in script.requests("BatchObservePrompts")]
    assert [n for n, one in enumerate(results) if isinstance(one, ItemError)] == [100]
    assert results[99:102:2] == ["id-r99", "id-r101"]
    assert 1 in sizes
    assert BATCH_PROMPTS in sizes[-2:]


def test_a_limit_of_prompts_is_kept_to_in_most_calls() -> None:
    def refused_if_many(request: Any, context: grpc.ServicerContext) -> Any:
        many = len(request.prompts) > 100
        return (fail(grpc.StatusCode.INVALID_ARGUMENT) if many else taken)(request, context)

    prompts = [ObservedPrompt(f"r{n}", "a", [("user", "short")]) for n in range(PROMPTS)]
    with serving() as script, Client(script.connection()) as client:
        script.steps["BatchObservePrompts"] += [refused_if_many] * PROMPTS
        results = Sender(client, 60, lambda _: None).send(prompts)
        sizes = [len(request.prompts) for request in script.requests("BatchObservePrompts")]
    assert results == [f"id-r{n}" for n in range(PROMPTS)]
    assert sum(size > 100 for size in sizes) <= len(sizes) / 5


def test_a_limit_of_rates_on_the_way_rejects_nothing() -> None:
    """A proxy's, which does not say what simsvc would of an overload."""
    prompts = [ObservedPrompt(f"r{n}", "a", [("user", "short")]) for n in range(4)]
    with serving() as script, Client(script.connection()) as client:
        script.steps["BatchObservePrompts"] += [fail(grpc.StatusCode.RESOURCE_EXHAUSTED)] * 2
        told: list[str] = []
        results = Sender(client, 60, told.append).send(prompts)
    assert results == [f"id-r{n}" for n in range(4)]
    assert told == ["RESOURCE_EXHAUSTED: no"]


def test_a_reason_to_wait_is_told_once_until_all_is_well_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("indexer.importing.sender.retry_delay", lambda *_: 0.0)
    away, slow = fail(grpc.StatusCode.RESOURCE_EXHAUSTED), fail(grpc.StatusCode.DEADLINE_EXCEEDED)
    prompts = [ObservedPrompt("r", "a", [("user", "short")])]
    told: list[str] = []
    with serving() as script, Client(script.connection()) as client:
        sender = Sender(client, 60, told.append)
        script.steps["BatchObservePrompts"] += [away, away, slow, away]
        sender.send(prompts)
        script.steps["BatchObservePrompts"] += [away]
        sender.send(prompts)
        assert told == ["RESOURCE_EXHAUSTED: no", "DEADLINE_EXCEEDED: no"]
        sender.send(prompts)
        script.steps["BatchObservePrompts"] += [away]
        sender.send(prompts)
    assert told == ["RESOURCE_EXHAUSTED: no", "DEADLINE_EXCEEDED: no", "", "RESOURCE_EXHAUSTED: no"]


ROW = {
    "request_id": "r", "account_id": "a", "observed_at": "2026-11-02T03:04:05Z",
    "messages": [{"role": "user", "content": "hello"}],
}  # fmt: skip


def told_in_json(folder: Path, address: str, content: str) -> list[Any]:
    """Run an import that fails with --json; return what it tells on standard error."""
    file = folder / "x.jsonl"
    file.write_text(content)
    words = ["import", str(file), "--address", address, "--state", str(folder), "--json"]
    done = CliRunner().invoke(app, [*words, "--patience", "0"])
    assert (done.exit_code, done.stdout) == (2, "")
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_a_failed_call_is_told_as_json(tmp_path: Path) -> None:
    with serving() as script:
        script.steps["BatchObservePrompts"] += [
            fail(grpc.StatusCode.PERMISSION_DENIED, "no " * 99, reason="ROLE", field="token")
        ]
        [told] = told_in_json(tmp_path, script.address, json.dumps(ROW))
    assert told["error"]["code"] == "PERMISSION_DENIED"
    assert (told["error"]["message"], told["error"]["reason"]) == ("no " * 99, "ROLE")
    assert [v["field"] for v in told["error"]["violations"]] == ["token", "other"]


def test_nobody_there_and_no_file_are_told_as_json(tmp_path: Path) -> None:
    *waits, last = told_in_json(tmp_path, "127.0.0.1:1", json.dumps(ROW))
    assert all(set(wait) == {"waiting"} for wait in waits)
    assert last["error"]["code"] == "UNAVAILABLE"
    assert last["error"]["message"].startswith("nothing was taken for 0 s: ")
    (tmp_path / "x.jsonl").unlink()
    words = ["import", str(tmp_path / "x.jsonl"), "--json", "--state", str(tmp_path)]
    error = json.loads(CliRunner().invoke(app, words).stderr)["error"]
    assert (error["code"], error["violations"]) == (None, [])
    assert "x.jsonl" in error["message"]
