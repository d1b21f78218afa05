"""`simsvc-indexer import` into a real server: every format, rejects, kills and restarts."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from simsvc.client import Client, Connection, ObservedPrompt, PromptBuffer
from simsvc.core.access import token_hash
from simsvc.demo.server import free_port
from tests.integration.batch_jobs import Jobs, row_of, traffic, write_lines
from tests.process import ServerProcess


def wait_for_progress(jobs: Jobs) -> dict[str, object]:
    """Wait until an import has noted how far it is; return that."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for path in jobs.state.glob("*.json"):
            return json.loads(path.read_text())
        time.sleep(0.02)
    raise AssertionError("an import noted no progress")


def test_formats_rejects_and_rows_without_a_request_id(tmp_path: Path) -> None:
    rows = [row_of(event) for event in traffic(200, group_accounts=0)]
    for row in rows[100:]:
        del row["request_id"]
    hard = rows[3] | {"request_id": "hard"}
    hard["messages"] = [{"role": "user", "content": "one\u2028two\u0085three\0 \ud800 four"}]
    secret = "the text that no report may hold"
    bad: list[object] = [
        b'{"request_id": "x", ' + secret.encode(),
        rows[0] | {"request_id": "no-role", "messages": [{"role": "bot", "content": secret}]},
        rows[0] | {"request_id": "old", "observed_at": "1999-01-01T00:00:00Z"},
        rows[0] | {"request_id": "blank", "messages": [{"role": "user", "content": " "}]},
        rows[0] | {"messages": [{"role": "user", "content": secret}]},
    ]
    hard_line = json.dumps(hard).encode()
    lines = write_lines(tmp_path / "log.jsonl", [*rows, hard_line, *bad])
    packed = tmp_path / "again.parquet"
    shape = [{"organization_id": None, "request_id": None} | row for row in rows]
    pq.write_table(pa.Table.from_pylist(shape), packed)
    jobs, rejects = Jobs(tmp_path, tmp_path / "data"), tmp_path / "rejects.jsonl"
    with ServerProcess(tmp_path / "data") as server:
        command = jobs.importing(server.address(), lines)
        report = jobs.run(*command, "--rejects", str(rejects), code=1)
        assert (report["taken"], report["rejected"]) == (201, len(bad))
        named = [(r["row"], r["field"]) for r in report["files"][0]["rejects"]]
        assert named == [
            (202, ""),
            (203, "messages[0].role"),
            (204, "observed_at"),
            (205, "messages[0].content"),
            (206, "request_id"),
        ]
        written = [json.loads(line) for line in rejects.read_text().splitlines()]
        assert [(r["row"], r["field"]) for r in written] == named
        assert secret not in rejects.read_text() + json.dumps(report)
        second = jobs.run(*command, code=1)
        assert second["files"][0]["resumed_after_row"] == 206
        assert second["rejected"] == len(bad)
        assert jobs.run(*command, "--again", code=1)["files"][0]["resumed_after_row"] == 0
        # The same rows in another format are the same prompts.
        assert jobs.run(*jobs.importing(command[3], packed))["taken"] == 200
    found = jobs.exported(tmp_path / "all.parquet", "--text")
    assert len(found) == 201
    [kept] = [r for r in found if r["request_id"] == "hard"]
    assert kept["messages"][0]["content"] == "one\u2028two\u0085three\ufffd \ufffd four"


def test_a_row_put_right_and_a_log_that_grows(tmp_path: Path) -> None:
    rows = [row_of(event) for event in traffic(40, group_accounts=0)]
    for row in rows:
        del row["request_id"]
    wrong = [*rows[:10], rows[10] | {"account_id": ""}, *rows[11:30]]
    file = write_lines(tmp_path / "log.jsonl", wrong)
    jobs = Jobs(tmp_path, tmp_path / "data")
    with ServerProcess(tmp_path / "data") as server:
        command = jobs.importing(server.address(), file)
        report = jobs.run(*command, code=1)
        assert report["files"][0]["rejects"][0]["field"] == "account_id"
        write_lines(file, rows)
        whole = file.read_bytes()
        file.write_bytes(whole[:-30])
        begun = jobs.run(*command)
        assert (begun["taken"], begun["files"][0]["unfinished"]) == (39, True)
        file.write_bytes(whole)
        ended = jobs.run(*command)
        assert (ended["taken"], ended["files"][0]["resumed_after_row"]) == (40, 39)
    assert len(jobs.exported(tmp_path / "all.parquet")) == 40


def test_killed_midway_and_run_again(tmp_path: Path) -> None:
    events = traffic(2500, group_accounts=0)
    file = write_lines(tmp_path / "log.jsonl", map(row_of, events))
    jobs = Jobs(tmp_path, tmp_path / "data")
    with ServerProcess(tmp_path / "data") as server:
        command = jobs.importing(server.address(), file)
        first = jobs.start(*command)
        noted = wait_for_progress(jobs)
        first.kill()
        first.communicate()
        assert 0 < int(str(noted["row"])) < len(events), "it was to be killed on the way"
        report = jobs.run(*command)
        assert 0 < report["files"][0]["resumed_after_row"] < len(events)
        assert report["taken"] == len(events)
    found = jobs.exported(tmp_path / "all.parquet")
    assert sorted(r["request_id"] for r in found) == sorted(e.request_id for e in events)


def test_a_server_that_is_killed_and_started_again(tmp_path: Path) -> None:
    events = traffic(2500, group_accounts=0)
    file = write_lines(tmp_path / "log.jsonl", map(row_of, events))
    jobs, listen = Jobs(tmp_path, tmp_path / "data"), f"127.0.0.1:{free_port()}"
    with ServerProcess(tmp_path / "data", {"SIMSVC_LISTEN": listen}) as server:
        running = jobs.start(*jobs.importing(server.address(), file), "--json")
        noted = wait_for_progress(jobs)
        server.kill()
    assert int(str(noted["row"])) < len(events)
    with ServerProcess(tmp_path / "data", {"SIMSVC_LISTEN": listen}):
        out, errors = running.communicate(timeout=240)
        assert running.returncode == 0, errors
        assert json.loads(out)["taken"] == len(events)
    assert "waiting" in json.loads(errors.splitlines()[0])
    found = jobs.exported(tmp_path / "all.parquet")
    assert sorted(r["request_id"] for r in found) == sorted(e.request_id for e in events)


def test_a_server_with_narrow_limits_takes_smaller_batches(tmp_path: Path) -> None:
    rows = [row_of(event) for event in traffic(120, group_accounts=0)]
    rows[60]["messages"] = [{"role": "user", "content": "too long " * 20_000}]
    narrow = {
        "SIMSVC_LIMIT_BATCH_PROMPTS": "50",
        "SIMSVC_IN_FLIGHT_PROMPTS": "50",
        "SIMSVC_LIMIT_REQUEST_BYTES": "65536",
    }
    jobs = Jobs(tmp_path, tmp_path / "data")
    file = write_lines(tmp_path / "log.jsonl", rows)
    with ServerProcess(tmp_path / "data", narrow) as server:
        address = server.address()
        report = jobs.run(*jobs.importing(address, file), code=1)
        with Client(Connection(address)) as client, PromptBuffer(client) as buffer:
            for number in range(120):
                text = "too long " * 20_000 if number == 60 else "short"
                buffer.put(ObservedPrompt(f"b{number}", "a", [("user", text)]))
            assert buffer.flush(60)
            assert (buffer.stats().sent, buffer.stats().rejected) == (119, 1)
    assert report["taken"] == 119
    assert [(r["row"], r["field"]) for r in report["files"][0]["rejects"]] == [(61, "messages")]


def test_a_token_that_is_refused(tmp_path: Path) -> None:
    file = write_lines(tmp_path / "log.jsonl", [row_of(traffic(1, group_accounts=0)[0])])
    tokens = [{"name": "backend", "sha256": token_hash("right"), "roles": ["ingest"]}]
    jobs = Jobs(tmp_path, tmp_path / "data")
    with ServerProcess(tmp_path / "data", {"SIMSVC_TOKENS": json.dumps(tokens)}) as server:
        command = jobs.importing(server.address(), file)
        refused = jobs.start(*command, "--token", "wrong")
        _, errors = refused.communicate(timeout=60)
        assert refused.returncode == 2
        assert "UNAUTHENTICATED" in errors
        assert jobs.run(*command, "--token", "right")["taken"] == 1


def test_progress_does_not_hold_for_another_server_at_the_address(tmp_path: Path) -> None:
    events = traffic(30, group_accounts=0)
    file = write_lines(tmp_path / "log.jsonl", map(row_of, events))
    listen = {"SIMSVC_LISTEN": f"127.0.0.1:{free_port()}"}
    # Other prompts come first to the second server, so that its ids are others.
    before = write_lines(tmp_path / "before.jsonl", map(row_of, traffic(5, 2, group_accounts=0)))
    for name, files in (("one", [file]), ("two", [before, file])):
        jobs = Jobs(tmp_path, tmp_path / name)
        with ServerProcess(tmp_path / name, listen) as server:
            report = jobs.run(*jobs.importing(server.address(), *files))
            assert report["files"][-1]["taken"] == len(events)
        assert {e.request_id for e in events} <= {
            r["request_id"] for r in jobs.exported(tmp_path / f"{name}.parquet")
        }
        # Texts and vectors are nobody else's to read.
        assert (tmp_path / f"{name}.parquet").stat().st_mode & 0o077 == 0


def test_no_server_and_no_file(tmp_path: Path) -> None:
    file = write_lines(tmp_path / "log.jsonl", [row_of(traffic(1, group_accounts=0)[0])])
    sheet = write_lines(tmp_path / "log.csv", [])
    jobs, nowhere = Jobs(tmp_path, tmp_path), f"127.0.0.1:{free_port()}"
    for arguments, said in (
        ((*jobs.importing(nowhere, file), "--patience", "0"), "UNAVAILABLE"),
        (jobs.importing(nowhere, tmp_path / "none.jsonl"), "none.jsonl"),
        (jobs.importing(nowhere, sheet), "CSV is not read"),
    ):
        process = jobs.start(*arguments)
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 2
        assert said in errors
