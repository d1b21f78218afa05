"""Every command of `simsvc` that asks a server: what it prints, how it fails, what it completes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import psutil
import pytest
import typer
from typer.testing import CliRunner, Result

from simsvc.cli.app import app
from simsvc.client import (
    Client,
    Connection,
)
from simsvc.core.access import token_hash
from simsvc.main import cli
from tests.hostile import EVIL, refusing, served

# Each command that asks a server, with what it must be given, and its exit code if all is well.
COMMANDS = {
    "search": (["a chair"], 0),
    "account": (["acct_1"], 0),
    "check": (["acct_1", "acct_2"], 4),
    "status": ([], 0),
    "campaigns list": ([], 0),
    "campaigns show": (["cmp_1"], 0),
    "campaigns watch": ([], 0),
    "campaigns export": (["cmp_1", "--force"], 0),
    "campaigns merge": (["cmp_1", "cmp_2"], 0),
    "campaigns split": (["cmp_1", "acct_1"], 0),
    "campaigns review assign": (["cmp_1", "ana"], 0),
    "campaigns review comment": (["cmp_1", "odd"], 0),
    "campaigns review confirm": (["cmp_1"], 0),
    "campaigns review dismiss": (["cmp_1", "--reason", "viral"], 0),
    "campaigns review reopen": (["cmp_1"], 0),
    "campaigns review exclude": (["cmp_1", "acct_1"], 0),
    "campaigns review undo": (["cmp_1", "7"], 0),
    "campaigns review history": (["cmp_1"], 0),
    "audit list": ([], 0),
    "audit verify": ([], 4),
    "indicators import": (["FILE"], 4),
    "indicators list": ([], 0),
    "indicators match": ([], 4),
    "indicators delete": (["indicator--1"], 0),
    "reference-sets load": (["sums", "FILE"], 0),
    "reference-sets list": ([], 0),
    "reference-sets delete": (["sums"], 0),
    "generations list": ([], 0),
    "generations reindex": (["--dry-run"], 0),
    "generations activate": (["gen-1", "--wait"], 0),
    "generations rollback": ([], 0),
    "generations delete": (["gen-1", "--yes"], 0),
    "operations list": ([], 0),
    "operations show": (["operations/x"], 0),
    "operations wait": (["operations/x"], 0),
    "operations cancel": (["operations/x"], 0),
    "webhooks list": ([], 0),
    "webhooks deliveries": ([], 0),
    "webhooks retry": (["7"], 0),
    # It answers neither with 200 nor any other good status.
    "webhooks test": (["pager"], 1),
}
# They print nothing that a server has sent.
SILENT = {
    "campaigns export", "indicators delete", "reference-sets load", "reference-sets delete",
    "generations delete", "webhooks retry",
}  # fmt: skip


@pytest.fixture(scope="module")
def hostile() -> Iterator[str]:
    server, address = served()
    yield address
    server.stop(None)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "FILE").write_text("2 + 2\n")


def run(name: str, *more: str, address: str = "") -> Result:
    arguments, _ = COMMANDS.get(name, ([], 0))
    where = ["--address", address] if address else []
    return CliRunner().invoke(app, [*name.split(), *arguments, *more, *where])


def asking(command: typer.main.TyperGroup, path: str = "") -> Iterator[str]:
    """Yield the commands that ask a server; `console` has an address too, but prints nothing."""
    for name, made in command.commands.items():
        if hasattr(made, "commands"):
            yield from asking(made, f"{path}{name} ")  # type: ignore[arg-type]
        elif {"address", "json"} <= {option.name for option in made.params}:
            yield f"{path}{name}"


def test_no_command_is_left_out() -> None:
    # With the commands that `main` adds.
    assert set(asking(typer.main.get_group(cli))) == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_what_a_server_sends_is_inert(name: str, hostile: str) -> None:
    done = run(name, address=hostile)
    assert done.exit_code == COMMANDS[name][1], done.output
    told = done.stdout + done.stderr
    assert [c for c in told if not c.isprintable() and c != "\n"] == []
    assert ("[bold]" in told) == (name not in SILENT)


@pytest.mark.parametrize("name", COMMANDS)
def test_json_everywhere(name: str, hostile: str) -> None:
    done = run(name, "--json", address=hostile)
    assert done.exit_code == COMMANDS[name][1], done.output
    lines = done.stdout.splitlines()
    assert lines
    assert all(isinstance(json.loads(line), dict) for line in lines)
    assert done.stdout.isascii()


@pytest.mark.parametrize("name", COMMANDS)
def test_refusals(name: str) -> None:
    server, address = refusing(grpc.StatusCode.PERMISSION_DENIED)
    done = run(name, address=address)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("error: PERMISSION_DENIED: [bold] [31mred")
    assert done.stderr.count("\n") == 1
    told = run(name, "--json", address=address)
    assert (told.exit_code, told.stdout) == (1, "")
    error = json.loads(told.stderr)["error"]
    assert (error["code"], error["message"]) == ("PERMISSION_DENIED", EVIL)
    assert error["violations"] == [{"field": EVIL, "description": EVIL, "reason": ""}]
    server.stop(None)


@pytest.mark.parametrize("name", COMMANDS)
def test_nobody_there(name: str) -> None:
    done = run(name, "--json", address="127.0.0.1:1")
    assert done.exit_code == 3
    assert json.loads(done.stderr.splitlines()[-1])["error"]["code"] == "UNAVAILABLE"


@pytest.mark.parametrize("group_by", ["account", "organization", "prompt"])
def test_groups_are_inert(group_by: str, hostile: str) -> None:
    told = run("search", "--group-by", group_by, address=hostile).stdout
    assert [c for c in told if not c.isprintable() and c != "\n"] == []
    assert "[bold]" in told


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["search"], "give one of"),
        (["search", "a", "--file", "FILE"], "give one of"),
        (["search", "--file", "absent"], "absent: No such file"),
        (["search", "--file", "LATIN"], "not UTF-8 at byte 3"),
        (["search", "--file", "LONG"], "longer than"),
        (["search", "a", "--account", "\udcff"], "codec can't encode"),
        (["search", "a", "--group-by", "day"], "--group-by"),
        (["campaigns", "list", "--state", "shut"], "--state"),
        (["campaigns", "split", "cmp_1"], "name accounts"),
        (["reference-sets", "load", "sums", "LATIN"], "not UTF-8 at byte 3"),
        (["reference-sets", "load", "sums", "BROKEN"], "line 2 is no JSON"),
        (["reference-sets", "load", "sums", "OTHER"], 'line 1 lacks "text"'),
        (["status", "--ca", "absent"], "does not exist"),
        (["status", "--cert", "FILE"], "go together"),
        (["status", "--token", "a\nb"], "cannot carry"),
        (["nonsense"], "No such command"),
    ],
)  # fmt: skip
def test_wrong_usage(words: list[str], told: str, hostile: str) -> None:
    Path("LATIN").write_bytes(b"caf\xe9")
    Path("BROKEN").write_text("2 + 2\n{\n")
    Path("OTHER").write_text('{"question": "?"}\n')
    with Path("LONG").open("wb") as file:
        file.truncate(16 * 1024 * 1024 + 1)
    done = CliRunner(env={"SIMSVC_ADDRESS": hostile, "COLUMNS": "200"}).invoke(app, words)
    assert done.exit_code == 2, done.output
    assert told in done.stderr
    assert done.stdout == ""


def test_watching_ends_quietly_when_interrupted(address: str) -> None:
    command = [sys.executable, "-m", "simsvc.main", "campaigns", "watch", "--address", address]
    # What a shell runs in the background ignores it, and so does all that is started there.
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    watching = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    signal.signal(signal.SIGINT, before)
    with Client(Connection(address)) as client:
        while not established(watching.pid, address):
            assert watching.poll() is None
            client.is_serving()
    watching.send_signal(signal.SIGINT)
    _, told = watching.communicate(timeout=60)
    assert (watching.returncode, told) == (130, "")


def established(process: int, address: str) -> bool:
    """Whether a process has a connection to an address."""
    port = int(address.rsplit(":", 1)[1])
    return any(
        c.raddr and c.raddr.port == port and c.status == "ESTABLISHED"
        for c in psutil.Process(process).net_connections()
    )


COMPLETED = {
    "campaigns list --state ": {"open", "quiet", "merged", "dismissed"},
    "campaigns list --order-by c": {"confidence"},
    "search x --group-by ": {"account", "organization", "prompt"},
    "campaigns review dismiss cmp_1 --reason s": {"shared_app"},
    "audit list --action re": {"reopen"},
    "token ana --role r": {"reviewer"},
    "campaigns w": {"watch"},
}


@pytest.mark.parametrize("line", COMPLETED)
def test_completion(line: str) -> None:
    words = f"simsvc {line}"
    environment = os.environ | {
        "_SIMSVC_COMPLETE": "complete_bash", "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }  # fmt: skip
    code = "from simsvc.main import cli; cli(prog_name='simsvc')"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()) == COMPLETED[line]


def test_the_completion_of_a_shell_is_printed() -> None:
    code = "from simsvc.main import cli; cli(prog_name='simsvc')"
    command = [sys.executable, "-c", code, "--show-completion", "bash"]
    environment = os.environ | {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "complete -o default -F _simsvc_completion simsvc" in done.stdout


@pytest.mark.parametrize("words", [["token", "ana", "--role", "analyst"], ["settings"]])
def test_json_of_what_asks_no_server(words: list[str]) -> None:
    lines = CliRunner().invoke(app, [*words, "--json"]).stdout.splitlines()
    values = [json.loads(line) for line in lines]
    if words[0] == "token":
        [made] = values
        assert made["setting"]["sha256"] == token_hash(made["token"])
    else:
        assert {v["variable"]: v["default"] for v in values}["SIMSVC_LISTEN"] == "127.0.0.1:50551"
