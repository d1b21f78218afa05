"""Reference sets and calibration over a real server and the command line."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from simsvc.client import Client, Connection, ReferenceSetKind, SimsvcRpcError
from simsvc.demo.command import observed
from simsvc.demo.traffic import TrafficPlan, generate
from simsvc.domain.chunks import chunks
from tests.process import ServerProcess


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with ServerProcess(tmp_path_factory.mktemp("data"), {}) as running:
        yield running.address()


@pytest.fixture
def client(address: str) -> Iterator[Client]:
    with Client(Connection(address)) as client:
        yield client


def cli(address: str, *words: str) -> str:
    command = [sys.executable, "-m", "simsvc.main", *words, "--address", address]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_load_list_delete(client: Client) -> None:
    made = client.load_reference_set("sums", [f"What is {i} plus {i}?" for i in range(300)])
    assert (made.reference_set_id, made.items) == ("sums", 300)
    assert made.kind == ReferenceSetKind.REFERENCE_SET_KIND_DATA_SET
    # A call may be repeated.
    assert client.load_reference_set("sums", ["What is 3 plus 3?"]).items == 300
    client.load_reference_set("app", ["You are the help desk of a bank."], allowed_template=True)
    assert [s.reference_set_id for s in client.list_reference_sets()] == ["app", "sums"]
    client.delete_reference_set("sums")
    client.delete_reference_set("app")
    assert list(client.list_reference_sets()) == []
    deleted, _ = client.audit_entries(action="delete_set")
    assert (deleted.subject, '"allowed_template"' in deleted.before) == ("app", True)
    # One for each call: the first set takes two.
    assert len(list(client.audit_entries(action="load_set"))) == 4


@pytest.mark.parametrize(
    ("name", "texts", "field"),
    [("", ["a text"], "reference_set_id"), ("x", [], "texts"), ("x", ["  "], "texts[0]")],
)
def test_what_is_wrong_is_named(client: Client, name: str, texts: list[str], field: str) -> None:
    with pytest.raises(SimsvcRpcError) as caught:
        client.load_reference_set(name, texts)
    assert [v.field for v in caught.value.violations] == [field]


def test_a_set_keeps_its_kind(client: Client) -> None:
    client.load_reference_set("kind", ["a text"])
    with pytest.raises(SimsvcRpcError) as caught:
        client.load_reference_set("kind", ["a text"], allowed_template=True)
    assert [v.field for v in caught.value.violations] == ["kind"]
    client.delete_reference_set("kind")
    with pytest.raises(SimsvcRpcError) as missing:
        client.delete_reference_set("kind")
    assert missing.value.code.name == "NOT_FOUND"


def test_on_the_command_line(address: str, tmp_path: Path) -> None:
    file = tmp_path / "set.jsonl"
    rows = [json.dumps({"text": f"question {i}\u2028of many"}) for i in range(12)]
    file.write_text("\n".join([*rows, "a bare line"]), "utf-8")
    assert "13 items" in cli(address, "reference-sets", "load", "mine", str(file))
    assert "mine" in cli(address, "reference-sets", "list")
    assert "deleted mine" in cli(address, "reference-sets", "delete", "mine")


def test_calibrate_stores_what_a_server_then_says(tmp_path: Path) -> None:
    events = generate(TrafficPlan(accounts=60, prompts=500, group_accounts=0))
    settings = {"SIMSVC_RETENTION": "315360000"}
    with (
        ServerProcess(tmp_path, settings) as server,
        Client(Connection(server.address())) as client,
    ):
        before = client.server_info().detection
        assert before.shadow
        assert before.calibration.source == "shipped default"
        assert "insufficient data" in before.calibration.remark
        client.observe_batch([observed(e) for e in events])
    command = [sys.executable, "-m", "simsvc.main", "calibrate", "--out", str(tmp_path / "c.json")]
    environment = {"SIMSVC_DATA_DIR": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert "only 500 prompts" in done.stdout
    unknown = subprocess.run(
        [*command, "--dismissed", "cmp_none"],
        capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip
    assert (unknown.returncode, "cmp_none" in unknown.stderr) == (2, True)
    with (
        ServerProcess(tmp_path, settings) as server,
        Client(Connection(server.address())) as client,
    ):
        after = client.server_info().detection.calibration
    assert (after.source, after.prompts, after.sufficient) == ("calibrated", 500, False)


def test_a_dismissed_campaign_moves_the_thresholds_and_says_so(tmp_path: Path) -> None:
    events = generate(TrafficPlan(accounts=160, prompts=900, group_accounts=30))
    settings = {
        "SIMSVC_RETENTION": "315360000",
        "SIMSVC_DETECTION_TICK": "0.2",
        "SIMSVC_DETECTION_LOOK": "1",
    }
    with (
        ServerProcess(tmp_path, settings) as server,
        Client(Connection(server.address())) as client,
    ):
        for batch in chunks(list(events), 256):
            client.observe_batch([observed(e) for e in batch])
        campaign = _first_campaign(client)
        client.dismiss_campaign(client.get_campaign(campaign), "shared_app")
    environment = {"SIMSVC_DATA_DIR": str(tmp_path), "PATH": "/usr/bin:/bin"}
    made = {}
    # What reviewers have said needs no option; an option is above it.
    for judged, words in {
        "--confirmed": ["--confirmed", campaign],
        "--dismissed": ["--dismissed", campaign],
        "reviewed": [],
    }.items():
        out = tmp_path / f"{judged}.json"
        done = subprocess.run(
            [sys.executable, "-m", "simsvc.main", "calibrate", *words, "--out", out],
            capture_output=True, text=True, check=False, env=environment,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "log_p_high" in done.stdout
        made[judged] = json.loads(out.read_text())
    # Its accounts are no measure of what is ordinary if it was one, and are if it was none.
    assert made["reviewed"] == made["--dismissed"]
    assert (made["--confirmed"]["confirmed"], made["--dismissed"]["dismissed"]) == (1, 1)
    high = {k: m["thresholds"]["log_p_high"] for k, m in made.items()}
    assert high["--dismissed"] < high["--confirmed"]
    with (
        ServerProcess(tmp_path, settings) as server,
        Client(Connection(server.address())) as client,
    ):
        after = client.server_info().detection.calibration
    assert (after.source, after.confirmed, after.dismissed) == ("calibrated", 0, 1)


def _first_campaign(client: Client) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for campaign in client.list_campaigns():
            return campaign.campaign_id
        time.sleep(0.2)
    raise AssertionError("no campaign was reported")
