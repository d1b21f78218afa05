"""A reindex on a Ray cluster of several nodes, all of them on this machine."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text, update
from typer.testing import CliRunner

from indexer.cli import app
from indexer.reindexing import ray_pool
from indexer.reindexing.parts import Workshop
from indexer.reindexing.pool import LocalPool
from indexer.reindexing.ray_cluster import connected
from indexer.reindexing.ray_pool import RayPool
from indexer.reindexing.run import Runner
from simsvc.domain.generation import Job, JobState
from simsvc.record import tables
from simsvc.record.engine import writing
from simsvc.settings import Settings
from tests.integration.batch_jobs import Jobs
from tests.models import small_model
from tests.reindexing import Planned, a_job, same

pytest.importorskip("ray", reason="ray is not installed: pip install 'simsvc[ray]'")

_SECRET = "f00dfeedf00dfeedf00dfeedf00dfeed"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head that computes nothing, and three nodes of one CPU. It asks for no token."""
    with pytest.MonkeyPatch.context() as patch:
        # Read when Ray is loaded.
        patch.setenv("RAY_AUTH_MODE", "disabled")
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        # Other tests have the cores too.
        patch.setenv("RAY_gcs_server_port_wait_time_s", "120")
        # Nodes that stop answering are given up soon.
        patch.setenv("RAY_health_check_period_ms", "2000")
        from ray.cluster_utils import Cluster  # noqa: PLC0415

        head = {"num_cpus": 0, "include_dashboard": False}
        made = Cluster(initialize_head=True, head_node_args=head)
        for _ in range(3):
            made.add_node(num_cpus=1)
        yield made
        made.shutdown()


@pytest.fixture(scope="module")
def address(cluster: Any) -> str:
    return f"127.0.0.1:{cluster.address.rpartition(':')[2]}"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_model(tmp_path_factory.mktemp("models") / "made-up", 48)


def settings_in(folder: Path, url: str = "") -> Settings:
    return Settings(data_dir=folder, record_url=SecretStr(url))


def until(true: Callable[[], object]) -> None:
    """Wait until something is so; the test's own time limit ends a wait that is in vain."""
    while not true():
        time.sleep(0.02)


def test_a_node_dies_and_the_vectors_are_those_of_a_local_run(
    tmp_path: Path, cluster: Any, address: str, model: Path
) -> None:
    (tmp_path / "ray").mkdir()
    planned = a_job(settings_in(tmp_path / "ray"), model, 2400)
    job_id = planned.job.job_id
    shutil.copytree(tmp_path / "ray", tmp_path / "local")
    jobs = Jobs(tmp_path, tmp_path / "ray")
    run = jobs.start("run", "--ray", address, "--workers", "2", "--json")
    until(lambda: planned.done > 5 or run.poll() is not None)
    # Nobody writes while the node dies, so all of its ranges are in flight.
    lock = sqlite3.connect(tmp_path / "ray" / "record.db", timeout=10, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    assert planned.done < len(planned.ranges)
    cluster.remove_node(a_busy_node(cluster), allow_graceful=False)
    lock.execute("ROLLBACK")
    lock.close()
    out, errors = run.communicate()
    assert run.returncode == 0, errors
    told = json.loads(out)
    assert (told["state"], told["embedded"]) == ("succeeded", 2400)
    there = settings_in(tmp_path / "local")
    local = Planned(Workshop.open(there), planned.job, planned.ranges)
    held = local.shop.database.jobs
    LocalPool(there, 1, 15.0).run(job_id, lambda: held.unfinished(job_id), lambda: None)
    assert len(planned.vectors) == 2400
    assert same(planned.vectors, local.vectors)


def a_busy_node(cluster: Any) -> Any:
    free = cluster.global_state.available_resources_per_node()
    return next(n for n in cluster.worker_nodes if not free[n.node_id].get("CPU"))


def test_two_runners_share_a_record_in_postgresql(
    tmp_path: Path, postgres_url: str, address: str, model: Path
) -> None:
    planned = a_job(settings_in(tmp_path, postgres_url), model, 2000)
    jobs = Jobs(tmp_path, tmp_path, SIMSVC_RECORD_URL=postgres_url)
    runs = [
        jobs.start("run", "--ray", address, "--json"),
        jobs.start("run", "--local", "--json"),
    ]
    told = [run.communicate() for run in runs]
    assert [run.returncode for run in runs] == [0, 0], told
    assert all('"state": "succeeded"' in out for out, _ in told)
    assert same(planned.vectors, planned.expected())
    assert not any(postgres_url in errors for _, errors in told)
    planned.shop.close()


def run_here(
    planned: Planned, address: str, tell: Callable[[Job, Any], None], workers: int = 1
) -> Job:
    shop = planned.shop
    with connected(address, workers) as ray:
        pool = RayPool(ray, shop.settings, shop.database.jobs, workers, 15.0)
        runner = Runner(shop, planned.job.job_id, pool, lambda job: tell(job, ray))
        ended = runner.run()
        # Killed, and not just left to end with this process: their CPUs are free again.
        total = ray.cluster_resources()["CPU"]
        until(lambda: ray.available_resources().get("CPU", 0) == total)
    return ended


def quiet(_job: Job, _ray: Any) -> None:
    """Tell nobody."""


def test_a_text_that_cannot_be_read_fails_the_job(
    tmp_path: Path, address: str, model: Path
) -> None:
    planned = a_job(settings_in(tmp_path), model, 200)
    seq = planned.ranges[3].first
    gone = update(tables.prompts).where(tables.prompts.c.seq == seq).values(text_key_id="gone")
    with writing(planned.shop.database.engine) as connection:
        connection.execute(gone)
    ended = run_here(planned, address, quiet)
    assert ended.state is JobState.FAILED
    assert ended.error == f"prompt {seq} has no text that could be embedded"


def test_a_model_that_is_not_there_fails_the_job(tmp_path: Path, address: str, model: Path) -> None:
    planned = a_job(settings_in(tmp_path), shutil.copytree(model, tmp_path / "model"), 200)
    shutil.rmtree(tmp_path / "model")
    ended = run_here(planned, address, quiet)
    assert ended.state is JobState.FAILED
    assert "could not be fetched" in ended.error
    assert planned.done == 0


@contextmanager
def refusing(planned: Planned) -> Iterator[Callable[[], None]]:
    """Let the record refuse the first range; yield what makes it take the range."""
    seq = planned.ranges[0].first
    with sqlite3.connect(planned.shop.settings.data_dir / "record.db") as record:
        record.execute(
            f"CREATE TRIGGER refuse BEFORE INSERT ON vectors WHEN NEW.seq = {seq} "
            f"BEGIN SELECT RAISE(ABORT, 'refused'); END"
        )
        record.commit()

        def take() -> None:
            record.execute("DROP TRIGGER IF EXISTS refuse")
            record.commit()

        yield take


def test_a_range_that_always_fails_is_tried_a_few_times(
    tmp_path: Path, address: str, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_pool, "_PAUSE", 0.1)
    planned = a_job(settings_in(tmp_path), model, 100)
    with refusing(planned):
        ended = run_here(planned, address, quiet)
    assert ended.state is JobState.FAILED
    assert ended.error == "a worker failed with IntegrityError, see Ray's logs (3 tries)"
    assert planned.done == len(planned.ranges) - 1


def test_a_range_that_failed_is_done_again(tmp_path: Path, address: str, model: Path) -> None:
    planned = a_job(settings_in(tmp_path), model, 100)
    with refusing(planned) as take:
        # One actor does the ranges in their order: when another is done, the first has failed.
        ended = run_here(planned, address, lambda job, _: take() if job.embedded else None)
    assert (ended.state, ended.error) == (JobState.SUCCEEDED, "")
    assert same(planned.vectors, planned.expected())


def test_a_cancelled_job_leaves_no_actor(
    tmp_path: Path, postgres_url: str, address: str, model: Path
) -> None:
    """Not even one that hangs: what it waits for does not come before it is gone."""
    planned = a_job(settings_in(tmp_path, postgres_url), model, 200)
    engine = planned.shop.database.engine
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )

    def cancel(job: Job, _ray: Any) -> None:
        with engine.connect() as connection:
            stuck = connection.execute(waiting).scalar_one()
        if stuck:
            planned.shop.reindexing().cancel(job.job_id)

    with engine.begin() as held:
        held.execute(text("LOCK TABLE prompts IN ACCESS EXCLUSIVE MODE"))
        assert run_here(planned, address, cancel).state is JobState.CANCELLED
        assert planned.done == 0
    planned.shop.close()


def test_a_cluster_that_asks_for_no_token_is_refused(
    tmp_path: Path, cluster: Any, model: Path
) -> None:
    """Even if this process has a token: the cluster would let in others that have none."""
    planned = a_job(settings_in(tmp_path), model, 20)
    beyond = ["run", "--ray", cluster.address]
    jobs = Jobs(tmp_path, tmp_path)
    for mode, said in (("disabled", "not on this machine's loopback"), ("token", "for no token")):
        jobs.environment |= {"RAY_AUTH_MODE": mode, "RAY_AUTH_TOKEN": _SECRET}
        run = jobs.start(*beyond)
        _, errors = run.communicate()
        assert run.returncode == 2
        assert said in errors
        assert "ray get-auth-token --generate" in errors
        assert _SECRET not in errors
    assert planned.done == 0


def test_without_ray_one_line_says_what_to_install(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_job(settings_in(tmp_path), model, 20).shop.close()
    for name in [name for name in os.environ if name.startswith("SIMSVC_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SIMSVC_DATA_DIR", str(tmp_path))
    monkeypatch.setitem(sys.modules, "ray", None)
    told = CliRunner().invoke(app, ["run", "--ray", "local"])
    assert told.exit_code == 2
    assert told.stderr == "error: ray is not installed: pip install 'simsvc[ray]'\n"
