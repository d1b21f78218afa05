"""`simsvc-indexer verify` beside a server: no false alarm, and no repair under its feet."""

from __future__ import annotations

import itertools
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from indexer.verifying.check import Checker
from simsvc.ports.generation import Generation
from simsvc.record.catalogue import SqlCatalogue
from simsvc.record.open import open_database
from simsvc.settings import Settings
from simsvc.v1 import ingest_pb2, ingest_pb2_grpc, types_pb2
from tests.contract.indexes import one_core
from tests.process import ServerProcess
from tests.verified import (
    MANIFEST,
    PROMPTS,
    World,
    assert_whole,
    faults_in,
    flip_a_bit,
    generation_of,
    make_world,
    run,
    verify,
)

# Different snapshots to be seen, and times to check, at least.
REPLACED, CHECKS = 4, 12


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as monkeypatch, one_core():
        yield make_world(tmp_path_factory.mktemp("verify"), monkeypatch)


@pytest.fixture
def world(made: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return made.copy(tmp_path / "copy", monkeypatch)


def test_beside_a_server(world: World) -> None:
    with ServerProcess(world.data, world.environment) as server:
        server.address()
        # What a server has sealed since its last snapshot.
        shutil.copytree(world.segment(world.old), world.index(world.old) / "sealed-99999999")
        shutil.copytree(world.segment(world.new), world.index(world.new) / "sealed-99999999")
        [fault] = faults_in(verify(code=1))
        assert (fault["generation"], fault["kind"]) == (world.new, "unknown_segment")
        segment = world.segment(world.old)
        flip_a_bit(segment / "rows.npy")
        told = run("verify", "--repair", code=1)
        assert f"{world.old}: a server has its index in use: stop the server" in told.stderr
        report = verify("--repair", code=1)
        [fault] = faults_in(report)
        assert (fault["generation"], fault["segment"]) == (world.old, segment.name)
        assert [refused.split(":")[0] for refused in report["refused"]] == [world.old]
        # Those that do not serve are mended beside it.
        assert not (world.index(world.new) / "sealed-99999999").exists()
        flip_a_bit(world.segment(world.new) / "rows.npy")
        rebuilt = verify("--repair", "--generation", world.new)["repaired"]
        assert rebuilt == [f"{world.new}: index rebuilt from {PROMPTS} prompts"]
        server.kill()
    assert faults_in(verify("--repair")) == []
    assert_whole()
    with ServerProcess(world.data, world.environment) as server:
        server.address()
        assert [e for e in server.log if e["event"] == "snapshot_discarded"] == []
        assert_whole()


def test_while_prompts_come_and_snapshots_are_replaced(world: World) -> None:
    settings = world.environment | {"SIMSVC_SNAPSHOT_EVERY": "0.25"}
    manifests, checks, over = set(), 0, threading.Event()
    with ServerProcess(world.data, settings) as server:
        with grpc.insecure_channel(server.address()) as channel, ThreadPoolExecutor(1) as pool:
            stub = ingest_pb2_grpc.IngestServiceStub(channel)
            sending = pool.submit(send_until, over, stub)
            try:
                # A slow machine seldom writes one: it is waited for, up to the time limit.
                while len(manifests) < REPLACED or checks < CHECKS:
                    manifests.add((world.index(world.old) / MANIFEST).read_bytes())
                    assert_whole()
                    checks += 1
            finally:
                over.set()
            assert sending.result() > 0
        assert server.terminate() == 0
    # What it sealed after its last snapshot stays, until the next start or repair.
    report = verify("--repair")
    assert all("unknown segments deleted" in done for done in report["repaired"])
    assert faults_in(report) == []
    assert_whole()


def send_until(over: threading.Event, stub: ingest_pb2_grpc.IngestServiceStub) -> int:
    """Send prompts, one after another, until it is over; return how many."""
    for n in itertools.count():
        if over.is_set():
            return n
        said = types_pb2.Message(role=types_pb2.ROLE_USER, content=f"answer {n // 3}, please")
        prompt = types_pb2.Prompt(request_id=f"live-{n}", account_id="a", messages=[said])
        stub.ObservePrompt(ingest_pb2.ObservePromptRequest(prompt=prompt))
    return 0


class _Meanwhile(SqlCatalogue):
    """A catalogue that something happens beside, when it is read between two looks."""

    happens: Callable[[], object]

    def generation(self, generation_id: str) -> Generation | None:
        self.happens()
        return super().generation(generation_id)


def test_a_snapshot_that_is_being_replaced_is_no_damage(world: World, tmp_path: Path) -> None:
    database = open_database(Settings())
    generation = generation_of(world.old)
    whole = shutil.copytree(world.index(world.old), tmp_path / "whole")
    shutil.rmtree(world.segment(world.old))

    def replace() -> None:
        shutil.copytree(whole, world.index(world.old), dirs_exist_ok=True)

    catalogue = _Meanwhile(database.engine)
    catalogue.happens = lambda: None
    checker = Checker(Settings(), catalogue, database.jobs, database.record)
    assert [f.kind for f in checker.check(generation).faults] == ["corrupt_segment"]
    catalogue.happens = replace
    assert checker.check(generation).faults == ()
    database.engine.dispose()
