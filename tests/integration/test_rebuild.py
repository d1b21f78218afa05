"""The index rebuilt from the record: by the function, and by the command."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from indexer.cli import app
from indexer.rebuild import rebuild
from simsvc.assembly import make_engine, make_index
from simsvc.index.segmented import SegmentedIndex
from simsvc.index.segments import SegmentRule
from simsvc.ports.embedder import Embedding, ModelInfo
from simsvc.ports.record import Record
from simsvc.record.open import open_record
from simsvc.settings import Settings
from tests.contract.indexes import (
    BUCKET,
    NO_FILTER,
    Inline,
    one_core,
    segmented,
    time_of,
    vectors_of,
)
from tests.contract.support import open_sql, owner_of
from tests.fakes.prompts import new_prompt
from tests.fakes.record import MemoryRecord

RULE = SegmentRule(BUCKET, 48, 48, 1.0)
BUCKETS = 5


@pytest.fixture(autouse=True, scope="module")
def _one_core() -> Iterator[None]:
    with one_core():
        yield


@pytest.fixture(params=["memory", "sqlite"])
def record(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Record]:
    made = MemoryRecord() if request.param == "memory" else open_sql(tmp_path)
    yield made
    made.close()


def remember(record: Record, count: int, dimension: int = 32, family: int = 7) -> list[int]:
    """Record prompts of three accounts in five buckets; return their seqs."""
    owners = [owner_of(record, f"a{i}", "org" if i else "") for i in range(3)]
    first = record.allot(count)
    vectors = vectors_of(range(first, first + count), dimension)
    prompts = [
        replace(
            new_prompt(first + i, owners[i % 3], at=time_of(first + i), family=family),
            embedding=Embedding(vectors[i], 3, 1, False),
        )
        for i in range(count)
    ]
    record.append(prompts)
    return list(range(first, first + count))


def assert_equals_record(index: SegmentedIndex, record: Record) -> None:
    """Check every row and vector of an index against the record, and that there are no others."""
    last = record.last_seq()
    batches = list(record.replay(0, last, 10_000, with_vectors=True))
    count = sum(len(batch.rows) for batch in batches)
    assert index.stats().prompts == count
    assert index.checkpoint == index.stats().last_seq == last
    for batch in batches:
        np.testing.assert_array_equal(index.vectors(batch.rows["seq"]), batch.vectors)
        hits = np.sort(index.over(batch.vectors[0], -1.0, NO_FILTER), order="seq")
        for name in ("seq", "account", "organization", "observed_at"):
            np.testing.assert_array_equal(hits[name], batch.rows[name])
        nearest = index.nearest(batch.vectors[:50], 1)
        np.testing.assert_array_equal(nearest.rows[:, 0], batch.rows[:50])


def restored(folder: Path) -> SegmentedIndex:
    index = segmented(folder, RULE)
    assert index.restore() == ""
    return index


def test_a_rebuilt_index_equals_the_record(record: Record, tmp_path: Path) -> None:
    seqs = remember(record, 400)
    told: list[tuple[int, int]] = []
    index = segmented(tmp_path / "index", RULE)
    assert rebuild(record, index, lambda done, last: told.append((done, last))) == len(seqs)
    assert told == [(seqs[-1], seqs[-1])]
    assert_equals_record(index, record)
    assert_equals_record(restored(tmp_path / "index"), record)
    assert index.stats().segments == 2 * BUCKETS


def test_a_rebuilt_index_replaces_one_that_was_lost(record: Record, tmp_path: Path) -> None:
    folder = tmp_path / "index"
    remember(record, 200)
    rebuild(record, segmented(folder, RULE), lambda *_: None)
    remember(record, 200)
    before = restored(folder)
    shutil.rmtree(folder)
    index = segmented(folder, RULE)
    assert rebuild(record, index, lambda *_: None) == 400
    assert before.stats().prompts == 200
    assert_equals_record(restored(folder), record)


def test_a_rebuilt_index_leaves_out_what_was_purged(record: Record, tmp_path: Path) -> None:
    remember(record, 300)
    gone = record.purge(2 * BUCKET)
    assert 0 < gone < 300
    index = segmented(tmp_path / "index", RULE)
    assert rebuild(record, index, lambda *_: None) == 300 - gone
    assert_equals_record(restored(tmp_path / "index"), record)


def test_an_empty_record_gives_an_empty_index(record: Record, tmp_path: Path) -> None:
    told: list[int] = []
    index = segmented(tmp_path / "index", RULE)
    assert rebuild(record, index, lambda done, _: told.append(done)) == 0
    assert told == []
    assert restored(tmp_path / "index").stats().prompts == 0


def test_progress_comes_after_each_batch(
    record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.rebuild._BATCH", 150)
    remember(record, 400)
    told: list[tuple[int, int]] = []
    rebuild(record, segmented(tmp_path / "i", RULE), lambda *at: told.append(at))
    assert told == [(150, 400), (300, 400), (400, 400)]
    assert_equals_record(restored(tmp_path / "i"), record)


def settings_of(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Set the environment of a server whose data lie in a folder."""
    environment = {
        "DATA_DIR": str(folder),
        "SEGMENT_SPAN": str(BUCKET / 1_000_000),
        "SEGMENT_PROMPTS": "64",
        "ANN_PROMPTS": "64",
        "RECALL": "1.0",
        "TEXT_STORAGE": "off",
    }
    for name, value in environment.items():
        monkeypatch.setenv(f"SIMSVC_{name}", value)
    return Settings()


def index_of(settings: Settings, model: ModelInfo) -> SegmentedIndex:
    return make_index(settings, model, Inline())


def run_command() -> Sequence[str]:
    """Run `simsvc-indexer rebuild` and return what it said."""
    result = CliRunner().invoke(app, ["rebuild"], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output.strip().splitlines()


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(tmp_path, monkeypatch)
    model = make_engine(settings).info
    record = open_record(settings, model)
    remember(record, 400, model.dimension)
    record.close()
    shutil.rmtree(tmp_path / "index", ignore_errors=True)
    # Of five that are full four become one; the rest of each bucket is hot.
    assert run_command()[-1] == "400 prompts in 7 segments"
    first = index_of(settings, model)
    assert first.restore() == ""
    record = open_record(settings, model)
    assert_equals_record(first, record)
    # More prompts, and files that are damaged: the command does not look at the old snapshot.
    remember(record, 100, model.dimension)
    for path in (tmp_path / "index").rglob("rows.npy"):
        path.write_bytes(b"damaged")
    assert run_command()[-1] == "500 prompts in 4 segments"
    second = index_of(settings, model)
    assert second.restore() == ""
    assert_equals_record(second, record)
    record.close()


def test_not_beside_a_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(tmp_path, monkeypatch)
    record = open_record(settings, make_engine(settings).info)
    record.claim_writer()
    done = CliRunner().invoke(app, ["rebuild"])
    record.close()
    assert done.exit_code == 2
    assert done.stderr.startswith("error: another server writes to ")
