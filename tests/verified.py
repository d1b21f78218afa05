"""A record with two generations and their indexes, for tests that damage it and look at it."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from typer.testing import CliRunner

from indexer.cli import app
from indexer.reindexing.parts import Workshop
from indexer.reindexing.run import Runner
from indexer.reindexing.worker import Worked, embed_ranges
from simsvc.assembly import make_engine
from simsvc.core.embedding import as_stored
from simsvc.core.reindex import ReindexSpec
from simsvc.domain.generation import GenerationState, IndexParameters, JobState
from simsvc.embed.passes import embed_texts
from simsvc.ports.generation import Generation
from simsvc.record.open import open_database, open_record
from simsvc.record.sql import SqlRecord
from simsvc.settings import Settings
from tests.contract.support import owner_of
from tests.fakes.prompts import new_prompt
from tests.models import small_model

PROMPTS, LATER = 120, 4
SPAN = 1000
_SECOND = 1_000_000
MANIFEST = "manifest.json"


@dataclass
class World:
    """A data folder: the generation `old` serves, `new` is its shadow, up to seq PROMPTS."""

    data: Path
    environment: dict[str, str]
    old: str = ""
    new: str = ""

    def copy(self, data: Path, monkeypatch: pytest.MonkeyPatch) -> World:
        """Copy all of it, and set the environment for commands to find the copy."""
        shutil.copytree(self.data, data)
        made = replace(self, data=data)
        made.environment = self.environment | {"SIMSVC_DATA_DIR": str(data)}
        made.enter(monkeypatch)
        return made

    def enter(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Set the environment for commands to find it."""
        for name, value in self.environment.items():
            monkeypatch.setenv(name, value)

    def sql(self, statement: str, *values: object) -> list[Any]:
        """Run a statement in the record behind everybody's back."""
        connection = sqlite3.connect(self.data / "record.db")
        with connection:
            rows = connection.execute(statement, values).fetchall()
        connection.close()
        return rows

    def index(self, generation: str) -> Path:
        return self.data / "index" / generation

    def segment(self, generation: str, *, hot: bool = False) -> Path:
        """Return a segment's folder; a sealed one may have been merged since."""
        folders = [p for p in self.index(generation).iterdir() if p.is_dir()]
        return min(p for p in folders if p.name.startswith("hot-") == hot)

    def change_manifest(self, generation: str, edit: Callable[[dict[str, Any]], object]) -> None:
        """Edit a manifest, and give it the checksum that belongs to what it says then."""
        path = self.index(generation) / MANIFEST
        manifest = json.loads(path.read_text())
        del manifest["sha256"]
        edit(manifest)
        text = json.dumps(manifest, sort_keys=True).encode()
        path.write_text(json.dumps(manifest | {"sha256": hashlib.sha256(text).hexdigest()}))


def make_world(
    folder: Path, monkeypatch: pytest.MonkeyPatch, record_url: str = "", *, reindexed: bool = True
) -> World:
    """Record prompts over three buckets, index them, and reindex them to another model."""
    data = folder / "data"
    models = [small_model(folder / f"model-{seed}", seed=seed) for seed in (7, 8)]
    environment = {
        "SIMSVC_DATA_DIR": str(data),
        "SIMSVC_MODEL": str(models[0]),
        "SIMSVC_SEGMENT_SPAN": str(SPAN),
        "SIMSVC_SEGMENT_PROMPTS": "16",
        "SIMSVC_ANN_PROMPTS": "16",
        "SIMSVC_TEXT_STORAGE": "plain",
        "SIMSVC_RECORD_BUSY": "2",
    }
    environment |= {"SIMSVC_RECORD_URL": record_url} if record_url else {}
    world = World(data, environment)
    world.enter(monkeypatch)
    world.old = remember(PROMPTS)
    run("rebuild")
    if reindexed:
        world.new = _reindexed(str(models[1]))
        # The shadow need not have what came after it was made.
        remember(LATER)
    return world


def remember(count: int) -> str:
    """Record prompts of three accounts with their vectors; return the generation."""
    settings = Settings()
    engine = make_engine(settings)
    engine.use_this_thread()
    record = open_record(settings, engine.info)
    record.claim_writer()
    first = record.allot(count)
    # Each text some times, so that there are families.
    texts = [f"question {n // 4} about {'tea' if n % 8 < 4 else 'coffee'}" for n in range(count)]
    start = time.time_ns() // 1000 // (SPAN * _SECOND) * SPAN * _SECOND - 2 * 86_400 * _SECOND
    made = as_stored(embed_texts(engine, texts)[0])
    prompts = []
    for i, (text, embedding) in enumerate(zip(texts, made, strict=True)):
        seq, owner = first + i, owner_of(record, f"a{i % 3}")
        at = start + (3 * SPAN * _SECOND * i) // count
        prompts.append(replace(new_prompt(seq, owner, text, at, seq), embedding=embedding))
    record.append(prompts)
    record.close()
    return record.generation.generation_id


@dataclass
class _Inline:
    """Works on ranges in this process."""

    shop: Workshop
    worked: list[Worked] = field(default_factory=list)

    def run(self, job_id: str, unfinished: Callable[[], int], tell: Callable[[], None]) -> Worked:
        job = self.shop.reindexing().job(job_id)
        engine = self.shop.engine(self.shop.generation_of(job), 1)
        engine.use_this_thread()
        return embed_ranges(self.shop, job, engine, 30.0, lambda: False)


def _reindexed(model: str) -> str:
    shop = Workshop.open(Settings())
    reindexing = shop.reindexing()
    job = reindexing.start(reindexing.plan(ReindexSpec(model, IndexParameters())))
    ended = Runner(shop, job.job_id, _Inline(shop), lambda _: None).run()
    assert ended.state is JobState.SUCCEEDED, ended.error
    shop.close()
    return job.generation_id


def run(*arguments: str, code: int = 0) -> Result:
    """Run a command of the indexer in this process."""
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


def verify(*arguments: str, code: int = 0) -> dict[str, Any]:
    """Run `verify --json`, and return its report."""
    return json.loads(run("verify", "--json", *arguments, code=code).stdout)


def faults_in(report: dict[str, Any]) -> list[dict[str, Any]]:
    """Return all faults, each with its generation; what a fault does not have is left out."""
    return [
        {"generation": g["generation"]} | {name: value for name, value in fault.items() if value}
        for g in report["generations"]
        for fault in g["faults"]
    ]


def assert_whole() -> dict[str, Any]:
    """Check that a plain run finds nothing."""
    report = verify()
    assert faults_in(report) == []
    assert report["faults"] == 0
    return report


def flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def generation_of(name: str) -> Generation:
    database = open_database(Settings())
    found = database.catalogue.generation(name)
    database.engine.dispose()
    assert found is not None
    return found


def serve(record: SqlRecord, generation: str) -> None:
    """Let a generation take over, as a cut-over does."""
    catalogue = record.catalogue
    catalogue.flip(generation, [], record.last_seq(), time.time_ns() // 1000)
    found = catalogue.generation(generation)
    assert found is not None
    assert found.state is GenerationState.SERVING


def unit_vector(dimension: int, seqs: Sequence[int] = (1,)) -> bytes:
    """Return a stored vector of unit length."""
    drawn = np.random.default_rng(list(seqs)).standard_normal(dimension)
    return (drawn / np.linalg.norm(drawn)).astype("<f2").tobytes()
