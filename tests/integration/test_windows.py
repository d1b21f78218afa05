"""`simsvc-indexer export` and `detect` over what a real server recorded."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from simsvc.client import Campaign, Client, Connection
from simsvc.demo.command import SOON, largest_campaign
from simsvc.demo.traffic import Event
from simsvc.record.reading import open_for_reading
from simsvc.settings import Settings
from tests.integration.batch_jobs import Jobs, row_of, traffic, write_lines
from tests.process import ServerProcess


class Served:
    """What a server made of planted traffic; it has stopped."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.jobs = Jobs(folder, self.data)
        self.events: list[Event] = traffic(1600, group_accounts=40, group_prompts=8)
        file = write_lines(folder / "log.jsonl", map(row_of, self.events))
        with ServerProcess(self.data, SOON) as server:
            address = server.address()
            assert self.jobs.run(*self.jobs.importing(address, file))["rejected"] == 0
            with Client(Connection(address)) as client:
                found = largest_campaign(client, 120.0)
                assert found is not None
                self.campaign: Campaign = found
                # While it runs beside.
                self.beside = self.jobs.exported(folder / "beside.parquet")
            server.terminate()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Served:
    return Served(tmp_path_factory.mktemp("served"))


def bytes_of(folder: Path) -> dict[str, str]:
    """Return what lies in a folder, less the empty files that SQLite makes to read."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(("-wal", "-shm"))
    }


def test_an_export_holds_what_the_record_does(served: Served, tmp_path: Path) -> None:
    rows = served.jobs.exported(tmp_path / "all.parquet")
    assert sorted(r["request_id"] for r in rows) == sorted(e.request_id for e in served.events)
    assert [r["seq"] for r in rows] == sorted(r["seq"] for r in rows)
    assert len(served.beside) == len(rows)
    event = {e.request_id: e for e in served.events}
    assert all(r["observed_at"] == event[r["request_id"]].observed_at for r in rows)
    names = {(event[r["request_id"]].account_id, r["account"]) for r in rows}
    assert len(names) == len({e.account_id for e in served.events})
    assert not any("messages" in r for r in rows)
    for row in rows:
        assert bool(row["organization"]) == bool(event[row["request_id"]].organization_id)
    members = {m.account: m.attribution_probability for m in served.campaign.members}
    told = {
        r["account"]: c["probability"]
        for r in rows
        for c in r["campaigns"]
        if c["campaign_id"] == served.campaign.campaign_id
    }
    assert told == pytest.approx(members)
    schema = pq.read_schema(tmp_path / "all.parquet")
    assert schema.field("observed_at").type == pa.timestamp("us", tz="UTC")
    with_model = open_for_reading(Settings(data_dir=served.data))
    assert schema.metadata[b"simsvc.generation"].decode() == with_model.generation.generation_id
    vector = with_model.vector(rows[7]["seq"])
    assert vector is not None
    np.testing.assert_array_equal(np.array(rows[7]["vector"], np.float32), vector)
    with_model.close()


def test_a_window_is_cut_at_its_times(served: Served, tmp_path: Path) -> None:
    times = sorted(e.observed_at for e in served.events)
    start, end = times[400], times[900]
    rows = served.jobs.exported(
        tmp_path / "some.parquet", "--start", start.isoformat(), "--end", end.isoformat()
    )
    wanted = {e.request_id for e in served.events if start <= e.observed_at < end}
    assert {r["request_id"] for r in rows} == wanted
    later = (times[-1] + timedelta(days=1)).isoformat()
    assert served.jobs.exported(tmp_path / "none.parquet", "--start", later) == []


def test_what_cannot_be_exported(served: Served, tmp_path: Path) -> None:
    out = tmp_path / "x.parquet"
    without = Jobs(tmp_path, served.data, SIMSVC_TEXT_STORAGE="off")
    nowhere = Jobs(tmp_path, tmp_path / "none")
    for jobs, more, said in (
        (without, ["--text"], "text_storage is off"),
        (nowhere, [], "no record"),
        (served.jobs, ["--start", "yesterday"], "ISO 8601"),
        (served.jobs, ["--generation", "gen-0"], "no such generation"),
    ):
        process = jobs.start("export", "--out", str(out), *more)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 2
        assert said in errors
    assert list(tmp_path.iterdir()) == []


def test_an_export_with_texts_goes_into_another_server(served: Served, tmp_path: Path) -> None:
    file = tmp_path / "all.parquet"
    rows = served.jobs.exported(file, "--text")
    said = {r["request_id"]: [(m["role"], m["content"]) for m in r["messages"]] for r in rows}
    assert said == {e.request_id: list(e.messages) for e in served.events}
    other = Jobs(tmp_path, tmp_path / "other")
    with ServerProcess(tmp_path / "other") as server:
        report = other.run(*other.importing(server.address(), file))
        assert report["taken"] == len(rows)
    again = other.exported(tmp_path / "again.parquet", "--text")
    # Not the tokens: which frames are cut off goes by hashes under a key of the server's own.
    same = ("request_id", "observed_at", "model", "messages", "attributes")
    assert sorted([r[k] for k in same] for r in again) == sorted([r[k] for k in same] for r in rows)
    second = {r["request_id"]: r for r in again}
    for name in ("account", "organization"):
        pairs = {(r[name], second[r["request_id"]][name]) for r in rows}
        assert len(pairs) == len({r[name] for r in rows}) == len({r[name] for r in again})


def test_detection_finds_the_recorded_campaign_again_and_changes_nothing(
    served: Served, tmp_path: Path
) -> None:
    before = bytes_of(served.data)
    report = served.jobs.run("detect", "--out", str(tmp_path / "report.json"))
    assert bytes_of(served.data) == before
    assert json.loads((tmp_path / "report.json").read_text()) == report
    assert report["prompts"] == len(served.events)
    assert report["vanished"] == []
    recorded = {m.account for m in served.campaign.members}
    [same] = [
        c
        for c in report["campaigns"]
        if c["recorded"] and c["recorded"]["id"] == served.campaign.campaign_id
    ]
    assert same["confidence"] in {"medium", "high"}
    found = {a["account"] for a in same["accounts"]}
    assert same["account_count"] == len(found)
    assert same["recorded"]["shared_accounts"] == len(found & recorded) >= 0.9 * len(recorded)
    assert same["recorded"]["overlap"] >= 0.9
    assert same["tactics"]


def test_detection_goes_by_the_settings_and_the_window(served: Served, tmp_path: Path) -> None:
    strict = {"SIMSVC_DETECTION_GROUP": "1000", "SIMSVC_DETECTION_MIN_ACCOUNTS": "1000"}
    report = Jobs(tmp_path, served.data, **strict).run("detect")
    assert report["campaigns"] == []
    assert served.campaign.campaign_id in [c["id"] for c in report["vanished"]]
    later = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    empty = served.jobs.run("detect", "--start", later)
    assert (empty["prompts"], empty["campaigns"], empty["vanished"]) == (0, [], [])


def test_tables_for_people(served: Served) -> None:
    process = served.jobs.start("detect")
    out, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors
    assert served.campaign.campaign_id in out
    assert "found again" in out
