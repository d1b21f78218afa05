"""`simsvc generations` and `simsvc operations` against a real server, as an operator uses them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.process import ServerProcess
from tests.reindexed import World
from tests.shell import Shell as OneShell

SMALL = 400


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("cli"), SMALL)


class Shell(OneShell):
    """Runs commands against one server."""

    def states(self) -> dict[str, str]:
        return {g["generation_id"]: g["state"] for g in self.json("generations", "list")}


def test_another_model_from_the_plan_to_the_deletion(world: World, tmp_path: Path) -> None:
    model = str(world.models[1])
    with ServerProcess(world.copy(tmp_path / "data"), world.settings) as server:
        shell = Shell(server.address())
        [first] = shell.states()
        plan = shell.one("generations", "reindex", "--model", model, "--dry-run")
        assert (plan["name"], plan["done"], plan["prompts_total"]) == ("", True, SMALL)
        assert plan["tokens"] > SMALL
        second = plan["generation_id"]
        told = shell.run("generations", "reindex", "--model", model, "--dry-run", "--wait").stdout
        assert f"{second} would be made of {SMALL} prompts" in told
        assert shell.states() == {first: "serving"}

        made = shell.run("generations", "reindex", "--model", model, "--wait")
        assert "goes on if this is interrupted" in made.stderr
        assert f"done: {second}, {SMALL} embedded, {SMALL} indexed of {SMALL}" in made.stdout
        assert "  recall@10 of its index: " in made.stdout
        check_the_lists(shell, first, second)

        ended = shell.one("generations", "activate", second, "--wait")
        assert (ended["generation"]["state"], ended["error"]) == ("serving", None)
        assert shell.states() == {first: "retired", second: "serving"}
        assert shell.one("status")["generation"]["generation_id"] == second
        ended = shell.one("generations", "rollback", "--wait")
        assert ended["generation"]["generation_id"] == first
        assert shell.states() == {first: "serving", second: "retired"}
        cancelled = check_the_operations(shell)

        kept = shell.run("generations", "delete", second, code=1, said="n\n")
        assert "Delete" in kept.stderr
        assert second in shell.states()
        assert shell.one("generations", "delete", second, "--yes") == {"deleted": second}
        assert shell.states() == {first: "serving"}
        refused = shell.run("generations", "delete", first, "--yes", code=1)
        assert "error: FAILED_PRECONDITION" in refused.stderr
        # What is refused is noted too: it was asked for.
        entries = shell.json("audit", "list")
        assert [(e["action"], e.get("subject")) for e in entries] == [
            ("delete_generation", first), ("delete_generation", second),
            ("cancel_operation", cancelled), ("roll_back", None), ("activate", second),
            ("start_reindex", model),
        ]  # fmt: skip
        assert server.terminate() == 0


def check_the_lists(shell: Shell, first: str, second: str) -> None:
    serving, shadow = shell.json("generations", "list")
    assert (serving["generation_id"], serving["state"]) == (first, "serving")
    assert (serving["dimension"], serving["report"]) == (96, None)
    assert (shadow["generation_id"], shadow["state"], shadow["dimension"]) == (second, "shadow", 64)
    assert shadow["report"]["prompts"] == SMALL
    assert 0 < shadow["report"]["neighbour_overlap"] < 1
    shown = shell.run("generations", "list").stdout
    assert f"{second} compared" in shown
    assert "  reference sets to load again: none" in shown


def check_the_operations(shell: Shell) -> str:
    """Return the name of one that was done before it was cancelled."""
    listed = shell.json("operations", "list")
    assert [(o["name"].split("-")[0], o["done"]) for o in listed] == [
        ("operations/activate", True),
        ("operations/activate", True),
        ("operations/reindex", True),
    ]
    name = listed[-1]["name"]
    assert shell.one("operations", "show", name) == listed[-1]
    assert shell.one("operations", "show", name.removeprefix("operations/")) == listed[-1]
    assert shell.one("operations", "wait", name) == listed[-1]
    assert shell.one("operations", "cancel", name) == listed[-1]
    assert len(shell.run("operations", "list").stdout.splitlines()) == 3
    return str(name)


def test_what_is_not_done_and_what_is_cancelled(world: World, tmp_path: Path) -> None:
    settings = world.settings | {"SIMSVC_REINDEX_WORKERS": "0"}
    with ServerProcess(world.copy(tmp_path / "data"), settings) as server:
        shell = Shell(server.address())
        options = ["--segment-prompts", "100", "--segment-merge", "0", "--recall", "0.9"]
        plan = shell.run("generations", "reindex", *options, "--dry-run").stdout
        assert "with the vectors of" in plan
        more = ["--segment-largest", "200", "--ann-prompts", "64"]
        begun = shell.one("generations", "reindex", *options, *more)
        assert (begun["done"], begun["phase"], begun["error"]) == (False, "indexing", None)
        [_, building] = shell.json("generations", "list")
        assert building["index"] == {
            "segment_prompts": 100, "segment_merge": 0, "segment_largest": 200,
            "ann_prompts": 64, "recall": 0.9,
        }  # fmt: skip
        name = begun["name"]
        waiting = shell.one("operations", "wait", name, "--timeout", "0.2", code=1)
        assert (waiting["done"], waiting["error"]) == (False, None)
        cancelled = shell.one("operations", "cancel", name)
        assert cancelled["error"]["code"] == "CANCELLED"
        assert shell.one("operations", "wait", name, code=1) == cancelled
        assert "cancelled" in shell.run("operations", "wait", name, code=1).stdout
        refused = shell.run("generations", "activate", "gen-0", "--wait", code=1)
        assert "error: NOT_FOUND" in refused.stderr
        nothing = shell.run("generations", "reindex", code=1)
        assert "error: INVALID_ARGUMENT" in nothing.stderr
        assert server.terminate() == 0
    gone = shell.run("generations", "list", code=3)
    assert "error: " in gone.stderr
