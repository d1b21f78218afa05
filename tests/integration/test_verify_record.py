"""`simsvc-indexer verify` finds what is wrong with vectors and families, and mends it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.contract.indexes import one_core
from tests.verified import (
    LATER,
    PROMPTS,
    World,
    assert_whole,
    faults_in,
    make_world,
    remember,
    run,
    unit_vector,
    verify,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as monkeypatch, one_core():
        yield make_world(tmp_path_factory.mktemp("verify"), monkeypatch)


@pytest.fixture
def world(made: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return made.copy(tmp_path / "copy", monkeypatch)


def vector_of(world: World, generation: str, seq: int) -> np.ndarray:
    query = "SELECT vector FROM vectors WHERE generation_id = ? AND seq = ?"
    [(data,)] = world.sql(query, generation, seq)
    return np.frombuffer(data, "<f2").astype(np.float32)


def store(world: World, generation: str, seq: int, vector: bytes) -> None:
    change = "UPDATE vectors SET vector = ? WHERE generation_id = ? AND seq = ?"
    world.sql(change, vector, generation, seq)


DELETE = {
    "vectors": "DELETE FROM vectors WHERE generation_id = ? AND seq = ?",
    "families": "DELETE FROM families WHERE generation_id = ? AND seq = ?",
}
ORPHANS = {
    "vectors": "SELECT seq FROM vectors WHERE seq = 99999",
    "families": "SELECT seq FROM families WHERE seq = 99999",
}


def delete(world: World, table: str, generation: str, *seqs: int) -> None:
    for seq in seqs:
        world.sql(DELETE[table], generation, seq)


def placed(world: World) -> list[Any]:
    return world.sql("SELECT generation_id, placed FROM generations ORDER BY 1")


def families(world: World) -> list[Any]:
    return world.sql("SELECT * FROM families ORDER BY generation_id, seq")


def test_nothing_is_wrong_with_what_was_written(world: World) -> None:
    old, new = assert_whole()["generations"]
    assert (old["generation"], old["state"]) == (world.old, "serving")
    assert (new["generation"], new["state"]) == (world.new, "shadow")
    assert old["prompts"] == new["prompts"] == PROMPTS + LATER
    assert old["checkpoint"] == new["checkpoint"] == PROMPTS
    told = run("verify").stdout.splitlines()
    head = f"{world.old} serving: {PROMPTS + LATER} prompts, index up to seq {PROMPTS}"
    assert told[0] == f"{head}: nothing found"
    [one] = verify("--generation", world.new)["generations"]
    assert one["generation"] == world.new


BAD = {
    "wrong length": lambda v: v.tobytes()[:-2],
    "no length": lambda v: b"",
    "not finite": lambda v: np.where(np.arange(len(v)) == 5, np.nan, v).astype("<f2").tobytes(),
    "not of unit length": lambda v: (1.01 * v.astype(np.float32)).astype("<f2").tobytes(),
}
TOLD = {"no length": "wrong length"}


@pytest.mark.parametrize("harm", BAD)
@pytest.mark.parametrize("which", ["old", "new"])
def test_a_bad_vector_is_named_and_embedded_again(world: World, harm: str, which: str) -> None:
    generation = getattr(world, which)
    before = vector_of(world, generation, 7)
    store(world, generation, 7, BAD[harm](before.astype("<f2")))
    [fault] = faults_in(verify(code=1))
    reason = fault.pop("reason")
    assert fault == {"generation": generation, "kind": "bad_vector", "count": 1, "seqs": [7]}
    assert TOLD.get(harm, harm) in reason
    assert faults_in(verify("--repair")) == []
    np.testing.assert_allclose(vector_of(world, generation, 7), before, atol=1e-3)
    assert_whole()


def test_prompts_without_a_vector_are_counted_and_embedded_again(world: World) -> None:
    gone = list(range(3, 3 + 25))
    before = vector_of(world, world.old, 20)
    delete(world, "vectors", world.old, *gone)
    [fault] = faults_in(verify(code=1))
    assert (fault["kind"], fault["count"], fault["seqs"]) == ("missing_vector", 25, gone[:20])
    assert fault["generation"] == world.old
    report = verify("--repair")
    assert report["repaired"] == [f"{world.old}: 25 prompts embedded again"]
    np.testing.assert_allclose(vector_of(world, world.old, 20), before, atol=1e-3)
    assert_whole()


def test_the_one_that_serves_needs_the_vectors_of_all_prompts(world: World) -> None:
    last = PROMPTS + LATER
    delete(world, "vectors", world.old, last)
    [fault] = faults_in(verify(code=1))
    assert (fault["generation"], fault["seqs"]) == (world.old, [last])


def test_a_repaired_prompt_keeps_its_family(world: World) -> None:
    before = families(world), placed(world)
    delete(world, "vectors", world.new, 5, 9)
    [fault] = faults_in(verify(code=1))
    assert (fault["generation"], fault["seqs"]) == (world.new, [5, 9])
    verify("--repair")
    # Neither its family nor how far the generation is placed.
    assert (families(world), placed(world)) == before
    assert_whole()


def test_a_prompt_that_lost_its_family_too_gets_none(world: World) -> None:
    before = placed(world)
    query = "SELECT family FROM families WHERE generation_id = ? AND seq = 6"
    assert world.sql(query, world.new) != [(0,)]
    delete(world, "vectors", world.new, 6)
    delete(world, "families", world.new, 6)
    kinds = [fault["kind"] for fault in faults_in(verify(code=1))]
    # What `prompts` says is a family of the generation that served then.
    assert kinds == ["missing_vector", "row_differs"]
    report = verify("--repair")
    assert report["repaired"] == [
        f"{world.new}: 1 prompts embedded again",
        f"{world.new}: index rebuilt from {PROMPTS} prompts",
    ]
    assert world.sql(query, world.new) == [(0,)]
    assert placed(world) == before
    assert_whole()


def test_a_prompt_of_the_first_generation_is_not_placed_again(world: World) -> None:
    before = families(world)
    delete(world, "vectors", world.old, 6)
    verify("--repair")
    assert families(world) == before


@pytest.mark.parametrize("table", ["vectors", "families"])
def test_rows_without_a_prompt_are_named_and_deleted(world: World, table: str) -> None:
    if table == "vectors":
        vector = unit_vector(len(vector_of(world, world.new, 1)))
        row = "INSERT INTO vectors VALUES (?, 99999, ?, 3, 1, 0)"
        world.sql(row, world.new, vector)
    else:
        world.sql("INSERT INTO families VALUES (?, 99999, 7)", world.new)
    [fault] = faults_in(verify(code=1))
    kind = {"vectors": "orphan_vector", "families": "orphan_family"}[table]
    assert (fault["kind"], fault["seqs"]) == (kind, [99999])
    assert fault["generation"] == world.new
    report = verify("--repair")
    assert report["repaired"] == [f"{world.new}: 1 rows without a prompt deleted"]
    assert world.sql(ORPHANS[table]) == []
    assert_whole()


def test_a_prompt_without_a_text_stays_a_fault(world: World) -> None:
    delete(world, "vectors", world.old, 4, 8)
    world.sql("UPDATE prompts SET text = NULL, text_key_id = NULL WHERE seq = 4")
    told = run("verify", "--repair", code=1)
    assert "1 prompts have no text that could be embedded" in told.stderr
    [fault] = faults_in(verify(code=1))
    assert (fault["kind"], fault["seqs"]) == ("missing_vector", [4])


def test_a_model_that_is_gone_is_told_and_the_rest_is_mended(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    world.sql("UPDATE generations SET source = ? WHERE generation_id = ?", str(tmp_path), world.new)
    delete(world, "vectors", world.new, 4)
    delete(world, "vectors", world.old, 4)
    report = verify("--repair", code=1)
    [fault] = faults_in(report)
    assert (fault["generation"], fault["kind"]) == (world.new, "missing_vector")
    assert report["repaired"] == [f"{world.old}: 1 prompts embedded again"]
    [refused] = report["refused"]
    assert refused.startswith(f"{world.new}: its model cannot be loaded")


def test_what_cannot_run(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert "no such generation" in run("verify", "--generation", "gen-0", code=2).stderr
    world.sql("UPDATE generations SET state = 1 WHERE generation_id = ?", world.new)
    told = run("verify", "--generation", world.new, code=2).stderr
    assert f"{world.new} is building" in told
    assert [g["generation"] for g in assert_whole()["generations"]] == [world.old]
    monkeypatch.setenv("SIMSVC_DATA_DIR", str(tmp_path / "nothing"))
    assert "there is no record" in run("verify", "--repair", code=2).stderr
    assert not (tmp_path / "nothing").exists()


def test_a_record_on_postgresql(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy import create_engine, text  # noqa: PLC0415

    world = make_world(tmp_path, monkeypatch, postgres_url, reindexed=False)
    assert_whole()
    engine = create_engine(postgres_url)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM vectors WHERE seq = 5"))
        connection.execute(text("UPDATE vectors SET vector = 'ab' WHERE seq = 6"))
        connection.execute(text("INSERT INTO families VALUES (:g, 99999, 7)"), {"g": world.old})
        connection.execute(text("UPDATE prompts SET family = 1 WHERE seq = 9"))
    kinds = [(fault["kind"], fault["seqs"]) for fault in faults_in(verify(code=1))]
    assert kinds == [
        ("missing_vector", [5]),
        ("bad_vector", [6]),
        ("orphan_family", [99999]),
        ("row_differs", [9]),
    ]
    assert faults_in(verify("--repair")) == []
    assert_whole()
    engine.dispose()
    remember(LATER)
    assert_whole()
