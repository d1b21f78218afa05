"""What README.md says still holds."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
from google.protobuf.json_format import ParseDict

from simsvc.cli.settings_table import with_settings_table
from simsvc.main import cli
from simsvc.rpc.policy import METHODS

_ROOT = Path(__file__).parents[2]
_README = (_ROOT / "README.md").read_text()


def test_the_settings_table_is_that_of_the_code() -> None:
    assert with_settings_table(_README) == _README


def test_the_python_example_runs(address: str) -> None:
    [code] = re.findall(r"```python\n(.*?)```", _README, flags=re.DOTALL)
    names: dict[str, object] = {}
    exec(code.replace("127.0.0.1:50551", address), names)  # noqa: S102
    assert names["taken"] is True
    assert names["buffer"].stats().sent == 1  # type: ignore[attr-defined]
    assert names["group"].match_count >= 1  # type: ignore[attr-defined]


def test_the_grpcurl_examples_fit_the_contract() -> None:
    calls = re.findall(r"grpcurl .*?-d '(.*?)' .*?(/?simsvc\.v1\.\w+/\w+)", _README, re.DOTALL)
    assert len(calls) == 2
    for body, method in calls:
        ParseDict(json.loads(body), METHODS[f"/{method}"].request())


def test_every_make_target_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*##", (_ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", _README, re.MULTILINE)) <= targets


_COMMANDS = [
    shlex.split(line, comments=True)[1:]
    for block in re.findall(r"^```\w*\n(.*?)^```", _README, re.MULTILINE | re.DOTALL)
    for line in re.findall(r"^simsvc .*", block, re.MULTILINE)
    # Two commands beside each other, or words.
    if not re.search(r"\w {2,}[^# ]|simsvc.* simsvc", line)
]


def test_the_commands_are_told_of() -> None:
    told = {words[0] for words in _COMMANDS}
    assert told >= {"search", "campaigns", "generations", "operations", "reference-sets"}


@pytest.mark.parametrize("words", _COMMANDS, ids=" ".join)
def test_the_commands_can_be_parsed(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for word in words:
        if re.search(r"\w\.(jsonl?|txt)$", word):
            Path(word).touch()
    command: Any = typer.main.get_group(cli)
    while hasattr(command, "commands"):
        name, *words = words
        command = command.commands[name]
    # Refuses options that are not there, and arguments that are missing or too many.
    command.make_context(name, words)
