"""Reindexing 20,000 prompts to another model: under traffic, and killed at random points."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from simsvc.record.open import open_database
from simsvc.settings import Settings
from simsvc.v1 import reindex_pb2
from simsvc.v1 import search_pb2 as search
from tests.process import ServerProcess
from tests.reindexed import PROMPTS, Operator, Traffic, World, reason_of

SERVING = reindex_pb2.GENERATION_STATE_SERVING
SHADOW = reindex_pb2.GENERATION_STATE_SHADOW


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("reindex"))


@pytest.mark.timeout(600)
def test_another_model_takes_over_under_traffic(world: World, tmp_path: Path) -> None:
    with ServerProcess(world.copy(tmp_path / "data"), world.settings) as server:
        address = server.address()
        operator, traffic = Operator(address), Traffic(address)
        traffic.start()
        assert operator.planned(world.models[1]).dimension == 64
        assert len(operator.generations()) == 1

        shadow = operator.reindexed(world.models[1])
        check_progress(operator.told)
        assert (shadow.state, shadow.report.sample) == (SHADOW, 256)
        assert shadow.report.recall > 0.9
        assert 0 < shadow.report.neighbour_overlap < 1

        check_the_flip(operator, shadow.generation_id)
        assert operator.rolled_back().dimension == 96
        assert operator.rolled_back().generation_id == shadow.generation_id

        traffic.stop()
        assert traffic.failed == []
        assert traffic.searches > 50
        index = operator.server().index
        assert (index.prompts, index.lag) == (traffic.sent, 0)
        assert server.terminate() == 0
    check_complete(tmp_path / "data", traffic.sent)
    # The record says which model serves, whatever the setting is.
    with ServerProcess(tmp_path / "data", world.settings) as server:
        told = Operator(server.address()).server()
        assert told.generation.generation_id == shadow.generation_id
        assert told.index.prompts == traffic.sent


def check_progress(told: list[reindex_pb2.OperationMetadata]) -> None:
    """It never falls, and ends with all that there is."""
    done = [t.prompts_embedded + t.prompts_indexed for t in told]
    assert done == sorted(done)
    assert [t.phase for t in told] == sorted(t.phase for t in told)
    assert all(t.prompts_embedded <= t.prompts_total for t in told)
    assert done[-1] >= 2 * PROMPTS


def check_the_flip(operator: Operator, generation_id: str) -> None:
    """A page token of the former generation is refused by name."""
    request = search.SearchPromptsRequest(text="python code poem", page_size=2)
    request.page_token = operator.searching.SearchPrompts(request).next_page_token
    assert operator.searching.SearchPrompts(request).groups
    assert operator.activated(generation_id).state == SERVING
    assert operator.server().generation.generation_id == generation_id
    with pytest.raises(grpc.RpcError) as refused:
        operator.searching.SearchPrompts(request)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert reason_of(refused.value) == "OTHER_GENERATION"


def check_complete(data: Path, prompts: int) -> None:
    """Every prompt has a vector and a row in both generations."""
    settings = Settings(data_dir=data)
    database = open_database(settings)
    for generation in database.catalogue.generations():
        record = database.record(generation)
        batches = record.replay(0, 10**9, 4096, with_vectors=True)
        seqs = np.concatenate([batch.rows["seq"] for batch in batches])
        if generation.state == SERVING:
            assert seqs.tolist() == list(range(1, prompts + 1))
        else:
            assert seqs.tolist() == list(range(1, len(seqs) + 1))
            assert len(seqs) >= PROMPTS
    database.engine.dispose()


@pytest.mark.timeout(600)
def test_a_job_that_is_killed_three_times_ends_as_one_that_is_not(
    world: World, tmp_path: Path
) -> None:
    calm, rough = world.copy(tmp_path / "calm"), world.copy(tmp_path / "rough")
    model = str(world.models[1])
    plan = world.indexer(calm, "plan", "--model", model)
    assert plan["prompts"] == PROMPTS
    ended = world.indexer(calm, "run", "--local", "--workers", "2", "--lease", "2")
    assert (ended["state"], ended["embedded"], ended["indexed"]) == ("succeeded", PROMPTS, PROMPTS)

    world.indexer(rough, "plan", "--model", model)
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    points = sorted(random.Random(seed).choices(range(2 * PROMPTS), k=3))
    for point in points:
        kill_at(world, rough, point)
    ended = world.indexer(rough, "run", "--local", "--workers", "2", "--lease", "2")
    assert (ended["state"], ended["embedded"], ended["indexed"]) == ("succeeded", PROMPTS, PROMPTS)
    assert contents(rough, plan["generation"]) == contents(calm, plan["generation"])


def kill_at(world: World, data: Path, point: int) -> None:
    """Start the job and kill all of its processes when so much is done."""
    command = [sys.executable, "-m", "indexer.cli", "run", "--local", "--workers", "2"]
    database = open_database(Settings(data_dir=data))
    with subprocess.Popen(
        [*command, "--lease", "2"],
        env=world.environment(data),
        start_new_session=True,
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    ) as runner:
        while runner.poll() is None:
            [job] = database.jobs.jobs()
            if job.embedded + job.indexed >= point:
                os.killpg(runner.pid, signal.SIGKILL)
                break
            time.sleep(0.02)
        runner.wait()
    database.engine.dispose()


def contents(data: Path, generation_id: str) -> dict[str, Any]:
    """Return all that a generation consists of: rows, vectors, families, and its index's files."""
    database = open_database(Settings(data_dir=data))
    generation = database.catalogue.generation(generation_id)
    assert generation is not None
    batches = list(database.record(generation).replay(0, 10**9, 4096, with_vectors=True))
    database.engine.dispose()
    manifest = json.loads((data / "index" / generation_id / "manifest.json").read_text())
    return {
        "rows": b"".join(b.rows.tobytes() for b in batches),
        "vectors": b"".join(b.vectors.tobytes() for b in batches),
        "index": manifest,
        "report": generation.report,
    }
