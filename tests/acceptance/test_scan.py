"""`simsvc scan` over exports of made-up traffic: every format, bad lines, and a second run."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from simsvc.demo.traffic import Event, TrafficPlan, generate

PLAN = TrafficPlan(
    accounts=160, prompts=1600, group_accounts=40, group_prompts=8, span=timedelta(days=3)
)


def row(event: Event) -> dict[str, object]:
    messages = [{"role": role, "content": content} for role, content in event.messages]
    found = {
        "request_id": event.request_id,
        "account_id": event.account_id,
        "observed_at": event.observed_at.isoformat(),
        "messages": messages,
        "model": event.model,
    }
    return found | ({"organization_id": event.organization_id} if event.organization_id else {})


@pytest.fixture(scope="module")
def events() -> list[Event]:
    return generate(PLAN)


@pytest.fixture(scope="module")
def lines(events: list[Event]) -> bytes:
    return b"".join(json.dumps(row(e), ensure_ascii=False).encode() + b"\n" for e in events)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def scan(file: Path, cache: Path, *more: str) -> tuple[dict, subprocess.CompletedProcess[str]]:
    report = file.with_suffix(".report.json")
    command = [sys.executable, "-m", "simsvc.main", "scan", str(file), "--report", str(report)]
    done = subprocess.run(
        [*command, "--cache", str(cache), *more], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(report.read_text()), done


def planted(events: list[Event]) -> set[str]:
    return {e.account_id for e in events if e.group}


def without_times(report: dict) -> str:
    return json.dumps(report["campaigns"], sort_keys=True)


@pytest.fixture(scope="module")
def plain(lines: bytes, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> dict:
    file = tmp_path_factory.mktemp("plain") / "events.jsonl"
    file.write_bytes(lines)
    return scan(file, cache)[0]


def test_the_planted_group_is_found_and_nobody_else(plain: dict, events: list[Event]) -> None:
    [campaign] = [c for c in plain["campaigns"] if c["confidence"] in {"medium", "high"}]
    accounts = set(campaign["accounts"])
    assert len(accounts & planted(events)) >= 0.9 * len(planted(events))
    assert len(accounts & planted(events)) >= 0.95 * len(accounts)


def test_the_report_has_what_it_should(plain: dict) -> None:
    assert set(plain) == {"campaigns", "calibration", "counts"}
    campaign = plain["campaigns"][0]
    assert {
        "id", "confidence", "tactics", "accounts", "first_seen", "last_seen", "first_reported_at",
        "prompts", "evidence", "coverage", "representative_prompts",
    } <= set(campaign)  # fmt: skip
    assert campaign["first_seen"] <= campaign["first_reported_at"] <= campaign["last_seen"]
    for evidence in campaign["evidence"]:
        assert evidence["log_p_value"] <= 0
        assert evidence["description"]
    for member in campaign["members"]:
        assert 0 <= member["attribution_probability"] <= 1
        assert member["evidence"]
    assert plain["counts"]["events"] == PLAN.prompts + PLAN.group_accounts * PLAN.group_prompts
    assert not plain["calibration"]["sufficient"]
    assert "insufficient data" in plain["calibration"]["remark"]


@pytest.mark.parametrize("form", ["gz", "zst", "parquet"])
def test_the_same_from_every_format(
    form: str, plain: dict, lines: bytes, events: list[Event], cache: Path, tmp_path: Path
) -> None:
    file = tmp_path / f"events.{'parquet' if form == 'parquet' else f'jsonl.{form}'}"
    if form == "gz":
        file.write_bytes(gzip.compress(lines))
    elif form == "zst":
        file.write_bytes(zstandard.compress(lines))
    else:
        # The first row says what columns there are.
        rows = [{"organization_id": None} | row(e) for e in events]
        pq.write_table(pa.Table.from_pylist(rows), file)
    report, _ = scan(file, cache)
    assert without_times(report) == without_times(plain)


def test_bad_lines_are_counted_and_named_and_cost_nothing_else(
    plain: dict, lines: bytes, cache: Path, tmp_path: Path
) -> None:
    file, page = tmp_path / "events.jsonl", tmp_path / "page.html"
    good = json.loads(lines.split(b"\n")[0])
    bad = [
        b"{not json",
        b'"a string"',
        json.dumps(good | {"request_id": "x1", "account_id": ""}).encode(),
        json.dumps(good | {"request_id": "x2", "observed_at": "yesterday"}).encode(),
        json.dumps(good | {"request_id": "x3", "observed_at": "2026-01-01T00:00:00"}).encode(),
        json.dumps(good | {"request_id": "x4", "messages": []}).encode(),
        json.dumps(
            good | {"request_id": "x5", "messages": [{"role": "bot", "content": "x"}]}
        ).encode(),
        b"\xff\xfe",
    ]  # fmt: skip
    repeated = lines.split(b"\n")[5]
    file.write_bytes(b"\n".join([*bad, repeated, lines]))
    report, done = scan(file, cache, "--html", str(page))
    assert without_times(report) == without_times(plain)
    counts = report["counts"]
    assert (counts["bad_lines"], counts["repeated_requests"]) == (len(bad), 1)
    reasons = {b["line"]: b["reason"] for b in counts["bad"]}
    assert set(reasons) == set(range(1, len(bad) + 1))
    assert "JSON" in reasons[1]
    assert "account_id" in reasons[3]
    assert "observed_at" in reasons[4]
    assert "role" in reasons[7]
    assert "line 3" in done.stdout
    html = page.read_text()
    assert report["campaigns"][0]["id"] in html
    assert "<script" not in html


def test_a_second_run_embeds_nothing(
    lines: bytes, plain: dict, cache: Path, tmp_path: Path
) -> None:
    file = tmp_path / "events.jsonl"
    file.write_bytes(lines)
    stamps = {p: p.stat().st_mtime_ns for p in cache.glob("*.sqlite")}
    assert stamps
    _, done = scan(file, cache)
    assert {p: p.stat().st_mtime_ns for p in cache.glob("*.sqlite")} == stamps
    said = [line for line in done.stderr.splitlines() if line.startswith("Embedding")]
    # Its first word on embedding is that all is done.
    assert len(said) == 1


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "simsvc.main", "scan", str(tmp_path / "none.jsonl")]
    done = subprocess.run(
        [*command, "--report", str(tmp_path / "r.json")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "none.jsonl" in done.stderr.replace("\n", "")
