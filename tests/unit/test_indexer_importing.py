"""What an import makes of rows, and its bookkeeping."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
import zstandard

from indexer.importing.progress import Progress, ProgressFile, chained, write_whole
from indexer.importing.rows import Reject, Row, rows_of
from indexer.importing.run import batches
from indexer.importing.sender import BATCH_CHARACTERS, BATCH_PROMPTS
from indexer.times import iso, parse_time
from simsvc.client import ObservedPrompt

GOOD = {
    "request_id": "r",
    "account_id": "a",
    "observed_at": "2026-11-02T03:04:05.678901+02:00",
    "messages": [{"role": "user", "content": "one\u2028two"}],
}
WRONG = [
    ({"observed_at": None}, "observed_at"),
    ({"observed_at": "2026-11-02"}, "observed_at"),
    ({"observed_at": "0001-01-01T00:00:00+14:00"}, "observed_at"),
    ({"account_id": 7}, "account_id"),
    ({"messages": "hello"}, "messages"),
    ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
    ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
    ({"attributes": [1, 2]}, "attributes"),
]


def read(path: Path, *rows: object) -> list[Row]:
    path.write_bytes(b"".join(json.dumps(row).encode() + b"\n" for row in rows))
    return list(rows_of(path))


def prompt_of(row: Row) -> ObservedPrompt:
    assert isinstance(row.prompt, ObservedPrompt)
    return row.prompt


def test_a_row_is_a_prompt(tmp_path: Path) -> None:
    [row] = read(tmp_path / "x.jsonl", GOOD)
    assert prompt_of(row) == ObservedPrompt(
        "r", "a", [("user", "one\u2028two")],
        observed_at=datetime(2026, 11, 2, 1, 4, 5, 678901, UTC),
    )  # fmt: skip


@pytest.mark.parametrize(("change", "field"), WRONG)
def test_what_is_wrong_is_named_by_its_field(change: dict, field: str, tmp_path: Path) -> None:
    [row] = read(tmp_path / "x.jsonl", GOOD | change)
    assert isinstance(row.prompt, Reject)
    assert (row.prompt.row, row.prompt.field) == (1, field)


def test_pseudonyms_of_an_export_stand_for_ids(tmp_path: Path) -> None:
    row = {k: v for k, v in GOOD.items() if k != "account_id"}
    [read_back] = read(tmp_path / "x.jsonl", row | {"account": "acct_1", "organization": "org_1"})
    found = prompt_of(read_back)
    assert (found.account_id, found.organization_id) == ("acct_1", "org_1")


def test_made_request_ids_stay_while_a_file_changes(tmp_path: Path) -> None:
    rows = [{k: v for k, v in GOOD.items() if k != "request_id"}] * 3
    first = [prompt_of(r).request_id for r in read(tmp_path / "a.jsonl", *rows)]
    assert len(set(first)) == 3, "rows that are alike are prompts of their own"
    other = rows[0] | {"account_id": "b"}
    changed = [prompt_of(r).request_id for r in read(tmp_path / "b.jsonl", other, *rows[1:], other)]
    assert changed[1:3] == first[1:]
    assert changed[0] not in first
    assert changed[3] not in first


def test_archives_of_several_parts_are_read_to_the_end(tmp_path: Path) -> None:
    line = json.dumps(GOOD).encode() + b"\n"
    for suffix, pack in (("gz", gzip.compress), ("zst", zstandard.compress)):
        path = tmp_path / f"x.jsonl.{suffix}"
        path.write_bytes(pack(line) + pack(line))
        assert [row.number for row in rows_of(path)] == [1, 2]
        path.write_bytes(b"no archive")
        with pytest.raises(OSError, match=r"unpacked|gzipped"):
            list(rows_of(path))


def test_a_last_line_that_is_cut_off_is_not_finished(tmp_path: Path) -> None:
    line = json.dumps(GOOD).encode() + b"\n"
    for content, unfinished in (
        (line + line[:-20], [False, True]),
        (line + line[:-20] + b"\n", [False, False]),
        (line + line[:-1], [False, False]),
    ):
        path = tmp_path / "x.jsonl"
        path.write_bytes(content)
        assert [row.unfinished for row in rows_of(path)] == unfinished
    packed = tmp_path / "x.jsonl.gz"
    packed.write_bytes(gzip.compress(line + line[:-20]))
    assert [row.unfinished for row in rows_of(packed)] == [False, False]


def test_a_parquet_row_that_cannot_be_read_stops_nothing(tmp_path: Path) -> None:
    count = 10
    ids = pa.array([b"\xff" if n == 6 else b"r%d" % n for n in range(count)]).view(pa.string())
    # In ns, which Python has no type for.
    times = pa.array(
        [1_700_000_000_000_000_000 + n for n in range(count)], pa.timestamp("ns", "UTC")
    )
    messages = [[{"role": "user", "content": "hello"}]] * count
    table = pa.table({
        "request_id": ids, "account_id": ["a"] * count, "observed_at": times, "messages": messages,
    })  # fmt: skip
    pq.write_table(table, tmp_path / "x.parquet")
    rows = list(rows_of(tmp_path / "x.parquet"))
    assert [row.number for row in rows] == list(range(1, count + 1))
    assert [n for n, row in enumerate(rows) if isinstance(row.prompt, Reject)] == [6]
    assert prompt_of(rows[9]).observed_at == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


def test_a_line_without_an_end_is_not_held_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simsvc.scan.events._LINE_BYTES", 512)
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"x" * 5000 + b"\n" + json.dumps(GOOD).encode() + b"\n" + b"y" * 5000)
    rows = list(rows_of(path))
    assert [row.number for row in rows] == [1, 2, 3]
    assert [isinstance(row.prompt, Reject) for row in rows] == [True, False, True]


def test_batches_are_cut_by_number_and_by_length(tmp_path: Path) -> None:
    short = [Row(i, b"", ObservedPrompt("r", "a", [("user", "x")])) for i in range(600)]
    assert [len(b) for b in batches(iter(short))] == [BATCH_PROMPTS, BATCH_PROMPTS, 88]
    content = "x" * (BATCH_CHARACTERS // 2)
    long = [Row(i, b"", ObservedPrompt("r", "a", [("user", content)])) for i in range(5)]
    assert [len(b) for b in batches(iter(long))] == [2, 2, 1]


def test_progress_is_read_back_and_adds_up(tmp_path: Path) -> None:
    file = ProgressFile(tmp_path / "state", "here:1", b"first")
    assert file.load() == Progress()
    progress = Progress().after(3, "ab", [(1, "p1"), (2, "p2")], [Reject(3, "model", "why")])
    progress = progress.after(5, "cd", [], [Reject(4, "", "x"), Reject(5, "", "y")])
    assert (progress.taken, progress.rejected, progress.probe_row) == (2, 3, 2)
    file.save(progress)
    assert file.load() == progress
    assert [p.name for p in file.path.parent.iterdir()] == [file.path.name]
    assert ProgressFile(tmp_path / "state", "there:1", b"first").load() == Progress()
    assert ProgressFile(tmp_path / "state", "here:1", b"other").load() == Progress()
    file.forget()
    assert file.load() == Progress()


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"rejects": [{"x": 1}]}', b"\xff"])
def test_progress_that_makes_no_sense_is_none(content: bytes, tmp_path: Path) -> None:
    file = ProgressFile(tmp_path, "here:1", b"first")
    file.path.write_bytes(content)
    assert file.load() == Progress()


def test_rejects_are_counted_beyond_those_named() -> None:
    progress = Progress()
    for start in range(0, 12_000, 3000):
        progress = progress.after(
            start + 3000, "", [], [Reject(start + i + 1, "", "x") for i in range(3000)]
        )
    assert (progress.rejected, len(progress.rejects)) == (12_000, 10_000)


def test_a_chain_tells_every_row_and_their_order() -> None:
    def chain(*prints: bytes) -> str:
        made = ""
        for one in prints:
            made = chained(made, one)
        return made

    assert len({chain(), chain(b"a"), chain(b"a", b"b"), chain(b"b", b"a")}) == 4


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    with pytest.raises(OSError, match="x"):
        write_whole(tmp_path / "x", b"content")
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_times() -> None:
    assert parse_time(None) is None
    assert parse_time("1970-01-01T00:00:01.5+00:00") == 1_500_000
    assert parse_time("1970-01-02") == 86_400_000_000
    assert parse_time("1970-01-01T02:00:00+02:00") == 0
    assert iso(1_500_000) == "1970-01-01T00:00:01.500000Z"
    with pytest.raises(typer.BadParameter):
        parse_time("soon")
