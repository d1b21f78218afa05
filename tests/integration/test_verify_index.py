"""`simsvc-indexer verify` finds what is wrong with index snapshots, and rebuilds them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from simsvc.record.open import open_database
from simsvc.settings import Settings
from tests.contract.indexes import one_core
from tests.verified import (
    LATER,
    MANIFEST,
    PROMPTS,
    SPAN,
    World,
    assert_whole,
    faults_in,
    flip_a_bit,
    generation_of,
    make_world,
    run,
    serve,
    verify,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as monkeypatch, one_core():
        yield make_world(tmp_path_factory.mktemp("verify"), monkeypatch)


@pytest.fixture
def world(made: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return made.copy(tmp_path / "copy", monkeypatch)


Harm = Callable[[Path], object]
FILES: dict[str, tuple[str, Harm, str]] = {
    "flipped rows": ("rows.npy", flip_a_bit, "content"),
    "flipped vectors": ("vectors.npy", flip_a_bit, "content"),
    "flipped lists": ("ann.faiss", flip_a_bit, "content"),
    "cut off": ("vectors.npy", lambda p: p.write_bytes(p.read_bytes()[:-1]), "content"),
    "deleted": ("vectors.npy", Path.unlink, "missing"),
    "added": ("more.npy", lambda p: p.write_bytes(b"x"), "does not know the file"),
    "added folder": ("more", Path.mkdir, "does not know the file"),
}


@pytest.mark.parametrize("harm", FILES)
@pytest.mark.parametrize("which", ["old", "new"])
def test_a_file_of_a_segment(world: World, harm: str, which: str) -> None:
    generation = getattr(world, which)
    segment = world.segment(generation)
    file, do, reason = FILES[harm]
    do(segment / file)
    [fault] = faults_in(verify(code=1))
    assert reason in fault.pop("reason")
    place = {"segment": segment.name, "file": file, "count": 1}
    assert fault == {"generation": generation, "kind": "corrupt_segment"} | place
    report = verify("--repair")
    total = PROMPTS if which == "new" else PROMPTS + LATER
    assert report["repaired"] == [f"{generation}: index rebuilt from {total} prompts"]
    assert_whole()


def test_all_that_is_damaged_is_named(world: World) -> None:
    flip_a_bit(world.segment(world.old) / "rows.npy")
    (world.segment(world.old) / "ann.faiss").unlink()
    hot = world.segment(world.old, hot=True)
    shutil.rmtree(hot)
    found = {(f["segment"], f.get("file", "")) for f in faults_in(verify(code=1))}
    sealed = world.segment(world.old).name
    assert found == {(sealed, "rows.npy"), (sealed, "ann.faiss"), (hot.name, "")}
    told = run("verify", code=1).stdout
    assert f"corrupt_segment: {sealed}/rows.npy: the content is not what was written" in told


MANIFESTS: dict[str, tuple[Callable[[World], object], str]] = {
    "edited": (
        lambda w: (w.index(w.new) / MANIFEST).write_text(
            (w.index(w.new) / MANIFEST).read_text().replace('"checkpoint": 1', '"checkpoint": 2')
        ),
        "not what was written",
    ),
    "unreadable": (lambda w: (w.index(w.new) / MANIFEST).write_bytes(b"\xff{"), "Error"),
    "another version": (lambda w: w.change_manifest(w.new, lambda m: m.update(version=1)), "vers"),
    "another generation": (
        lambda w: shutil.copy(w.index(w.old) / MANIFEST, w.index(w.new) / MANIFEST),
        "generation",
    ),
}


@pytest.mark.parametrize("harm", MANIFESTS)
def test_a_manifest(world: World, harm: str) -> None:
    do, reason = MANIFESTS[harm]
    do(world)
    [fault] = faults_in(verify(code=1))
    assert (fault["generation"], fault["kind"]) == (world.new, "manifest")
    assert reason in fault["reason"]
    assert faults_in(verify("--repair")) == []
    assert_whole()


@pytest.mark.parametrize("which", ["old", "new"])
def test_a_folder_that_the_manifest_does_not_know(world: World, which: str) -> None:
    generation = getattr(world, which)
    before = (world.index(generation) / MANIFEST).read_bytes()
    shutil.copytree(world.segment(generation), world.index(generation) / "sealed-99999999")
    [fault] = faults_in(verify(code=1))
    assert (fault["generation"], fault["kind"]) == (generation, "unknown_segment")
    assert fault["segment"] == "sealed-99999999"
    assert verify("--repair")["repaired"] == [f"{generation}: 1 unknown segments deleted"]
    assert not (world.index(generation) / "sealed-99999999").exists()
    # All the rest was left as it is.
    assert (world.index(generation) / MANIFEST).read_bytes() == before
    assert_whole()


def set_family(world: World) -> None:
    world.sql("UPDATE prompts SET family = 3 WHERE seq = 50")


def set_placed_family(world: World) -> None:
    world.sql("UPDATE families SET family = 9 WHERE seq = 50")


def set_account(world: World) -> None:
    world.sql("UPDATE prompts SET account = account + 50 WHERE seq = 50")


def set_time(world: World) -> None:
    world.sql("UPDATE prompts SET observed_at = observed_at + 1 WHERE seq = 50")


@pytest.mark.parametrize(
    ("harm", "column", "whose"),
    [
        (set_family, "family", ["old"]),
        (set_placed_family, "family", ["new"]),
        (set_account, "account", ["old", "new"]),
        (set_time, "observed_at", ["old", "new"]),
    ],
)
def test_a_row_that_differs(
    world: World, harm: Callable[[World], None], column: str, whose: list[str]
) -> None:
    harm(world)
    found = faults_in(verify(code=1))
    assert [f["generation"] for f in found] == [getattr(world, which) for which in whose]
    for fault in found:
        assert (fault["kind"], fault["seqs"]) == ("row_differs", [50])
        assert fault["reason"] == f"{column} differs from the record"
    assert faults_in(verify("--repair")) == []
    assert_whole()


def test_a_prompt_that_the_index_does_not_have(world: World) -> None:
    world.sql("CREATE TABLE kept AS SELECT * FROM prompts WHERE seq = 50")
    world.sql("DELETE FROM prompts WHERE seq = 50")
    run("rebuild")
    world.sql("INSERT INTO prompts SELECT * FROM kept")
    [fault] = faults_in(verify(code=1))
    assert (fault["generation"], fault["kind"]) == (world.old, "not_in_index")
    assert fault["seqs"] == [50]
    assert faults_in(verify("--repair")) == []
    assert_whole()


def test_a_prompt_that_the_record_does_not_have(world: World) -> None:
    world.sql("DELETE FROM prompts WHERE seq = 50")
    world.sql("DELETE FROM vectors WHERE seq = 50")
    world.sql("DELETE FROM families WHERE seq = 50")
    found = faults_in(verify(code=1))
    assert [(f["generation"], f["kind"], f["seqs"]) for f in found] == [
        (generation, "not_in_record", [50]) for generation in (world.old, world.new)
    ]
    assert faults_in(verify("--repair")) == []
    assert_whole()


def test_what_retention_dropped_is_no_fault(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    [(first,)] = world.sql("SELECT min(observed_at) FROM prompts")
    record = open_database(Settings()).record(generation_of(world.old))
    assert record.purge(first + SPAN * 1_000_000) > 0
    record.close()
    # Of a bucket that is not due yet, it is one.
    assert {f["kind"] for f in faults_in(verify(code=1))} == {"not_in_record"}
    monkeypatch.setenv("SIMSVC_RETENTION", str(86_400))
    assert_whole()


def test_an_index_made_of_bad_vectors(world: World) -> None:
    """A server that starts takes in what the record has, whatever it is."""
    query = "SELECT vector FROM vectors WHERE generation_id = ? AND seq = 50"
    [(vector,)] = world.sql(query, world.old)
    change = "UPDATE vectors SET vector = ? WHERE generation_id = ? AND seq = 50"
    longer = 1.01 * np.frombuffer(vector, "<f2").astype(np.float32)
    world.sql(change, longer.astype("<f2").tobytes(), world.old)
    run("rebuild")
    kinds = [(f["generation"], f["kind"], f.get("file")) for f in faults_in(verify(code=1))]
    assert kinds == [
        (world.old, "bad_vector", None),
        (world.old, "corrupt_segment", "vectors.npy"),
    ]
    assert faults_in(verify("--repair")) == []
    assert_whole()


def test_no_index_is_made_of_vectors_that_stay_bad(world: World) -> None:
    world.sql("UPDATE prompts SET text = NULL, text_key_id = NULL WHERE seq = 50")
    world.sql("UPDATE vectors SET vector = X'6162' WHERE generation_id = ? AND seq = 50", world.old)
    flip_a_bit(world.segment(world.old) / "rows.npy")
    report = verify("--repair", code=1)
    assert [f["kind"] for f in faults_in(report)] == ["bad_vector", "corrupt_segment"]
    assert report["repaired"] == []
    assert "its index cannot be rebuilt from bad vectors" in report["refused"][1]


def test_without_a_snapshot(world: World) -> None:
    shutil.rmtree(world.index(world.old))
    [old, new] = assert_whole()["generations"]
    assert (old["notes"], new["notes"]) == (["no snapshot yet"], [])
    assert old["checkpoint"] is None
    assert "no snapshot yet: nothing found" in run("verify").stdout
    assert not world.index(world.old).exists()
    # One that is ready to take over was built with its index.
    shutil.rmtree(world.index(world.new))
    [fault] = faults_in(verify(code=1))
    assert (fault["generation"], fault["kind"]) == (world.new, "no_snapshot")
    assert faults_in(verify("--repair")) == []
    assert_whole()


def test_a_former_generation_is_checked_up_to_where_it_ended(world: World) -> None:
    record = open_database(Settings()).record(generation_of(world.old))
    serve(record, world.new)
    record.close()
    world.sql("DELETE FROM vectors WHERE seq = ? AND generation_id = ?", PROMPTS, world.old)
    found = [(f["generation"], f["kind"], f["seqs"]) for f in faults_in(verify(code=1))]
    later = list(range(PROMPTS + 1, PROMPTS + LATER + 1))
    assert found == [
        (world.old, "missing_vector", [PROMPTS]),
        (world.new, "missing_vector", later),
    ]
    assert faults_in(verify("--repair")) == []
    states = [g["state"] for g in assert_whole()["generations"]]
    assert states == ["retired", "serving"]


def test_nothing_that_is_secret_is_told(world: World) -> None:
    world.sql("UPDATE prompts SET account = account + 50 WHERE seq = 50")
    world.sql("DELETE FROM vectors WHERE seq = 9")
    told = run("verify", code=1).output + json.dumps(verify(code=1))
    assert "question" not in told
    assert "coffee" not in told
