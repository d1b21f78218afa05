"""A batch command that cannot run says why in one line, and exits with 2."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from indexer.cli import app


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("SIMSVC_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SIMSVC_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


def failed(*words: str) -> Result:
    done = CliRunner().invoke(app, words)
    assert (done.exit_code, done.stdout) == (2, ""), done.output
    assert len(done.stderr.splitlines()) == 1
    return done


COMMANDS = [
    ["export", "--out", "x.parquet"],
    ["detect"],
    ["verify"],
    ["plan"],
    ["run", "--local"],
    ["run"],
    ["cancel", "none"],
    ["status", "none"],
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_without_a_record(words: list[str]) -> None:
    told = json.loads(failed(*words, "--json").stderr)["error"]
    assert told["code"] is None
    assert failed(*words).stderr == f"error: {told['message']}\n"


def test_texts_that_are_not_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMSVC_TEXT_STORAGE", "off")
    told = failed("export", "--out", "x.parquet", "--text", "--json").stderr
    assert json.loads(told)["error"]["message"].startswith("--text: text_storage is off")


def test_a_rebuild_without_a_generation() -> None:
    assert failed("rebuild").stderr == "error: no server has opened this record yet\n"
