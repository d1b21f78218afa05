"""`simsvc search` on a real server: files, standard input, regrouped matches."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from simsvc.cli.app import app
from simsvc.cli.matches import gathered
from simsvc.client import (
    AccountMatches,
    Client,
    Connection,
    ObservedPrompt,
    SearchPromptsResponse,
)


class Traffic:
    """Prompts on a real server: two organisations, and somebody without one."""

    def __init__(self, address: str) -> None:
        self.address = address
        asked = [
            ("cli-1", "cli-acme", "How is a wooden boat caulked with cotton and pitch?"),
            ("cli-2", "cli-acme", "How is a wooden boat caulked with oakum?"),
            ("cli-3", "cli-other", "What does caulking a wooden boat cost?"),
            ("cli-4", "", "Which pitch is best for caulking a boat?"),
            ("cli-1", "cli-acme", "Caulk a wooden boat: how?"),
        ]
        with Client(Connection(address)) as client:
            for i, (account, organization, text) in enumerate(asked):
                prompt = ObservedPrompt(
                    f"cli-{i}", account, [("user", text)], organization_id=organization
                )
                client.observe(prompt)
            while client.server_info().index.lag:
                time.sleep(0.05)

    def search(self, *words: str, said: bytes = b"", code: int = 0) -> Result:
        where = ["--address", self.address, "--min-similarity", "0.4"]
        done = CliRunner().invoke(app, ["search", *words, *where], input=said)
        assert done.exit_code == code, done.output
        return done


@pytest.fixture(scope="module")
def traffic(address: str) -> Traffic:
    return Traffic(address)


def test_a_file_and_standard_input_are_looked_up(traffic: Traffic, tmp_path: Path) -> None:
    text = "How is a wooden boat caulked with oakum?"
    asked = tmp_path / "asked.txt"
    asked.write_text(text)
    by_text = json.loads(traffic.search(text, "--json").stdout)
    assert by_text["groups"][0]["best_similarity"] == pytest.approx(1, abs=0.02)
    assert len(by_text["groups"]) == 4
    for done in (
        traffic.search("--file", str(asked), "--json"),
        traffic.search("--file", "-", "--json", said=text.encode()),
    ):
        found = json.loads(done.stdout)
        assert [g["account"] for g in found["groups"]] == [g["account"] for g in by_text["groups"]]
        assert done.stderr == ""
    told = traffic.search("--file", "-", said=b"a wooden boat\0 caulked").stderr
    assert "NUL" in told
    blank = traffic.search("--file", "-", said=b" \n", code=1).stderr
    assert blank == "error: INVALID_ARGUMENT: text: is blank\n"
    long = traffic.search("--file", "-", "--json", said=b"boat " * 200_000, code=1).stderr
    [violation] = json.loads(long)["error"]["violations"]
    assert (violation["field"], violation["reason"]) == ("text", "TOO_LONG")


def test_matches_are_regrouped(traffic: Traffic) -> None:
    text = "How is a wooden boat caulked?"
    accounts = json.loads(traffic.search(text, "--json").stdout)
    found = json.loads(traffic.search(text, "--group-by", "organization", "--json").stdout)
    assert (found["group_by"], found["accounts_returned"]) == ("organization", 4)
    sizes = sorted((bool(o["organization"]), len(o["groups"])) for o in found["organizations"])
    assert sizes == [(False, 1), (True, 1), (True, 2)]
    assert sum(o["prompts"] for o in found["organizations"]) == int(accounts["total_prompts"])
    assert "groups" not in found
    prompts = json.loads(traffic.search(text, "--group-by", "prompt", "--json").stdout)
    similar = [m["similarity"] for m in prompts["matches"]]
    assert similar == sorted(similar, reverse=True)
    assert len(similar) == 5
    one = ["--prompts-per-account", "1", "--limit", "3"]
    few = json.loads(traffic.search(text, "--group-by", "prompt", *one, "--json").stdout)
    assert len(few["matches"]) == few["accounts_returned"] == 3
    told = " ".join(traffic.search(text, "--group-by", "organization").stdout.split())
    assert "by organisation: the 4 most similar accounts, regrouped here" in told
    assert "caulked" in traffic.search(text, "--group-by", "prompt").stdout


def test_a_search_by_a_recorded_prompt(traffic: Traffic) -> None:
    first = json.loads(traffic.search("oakum in a wooden boat", "--json").stdout)
    shown = first["groups"][0]["matches"][0]["prompt"]["prompt_id"]
    again = json.loads(traffic.search("--prompt", shown, "--account", "cli-4", "--json").stdout)
    assert len(again["groups"]) == 1


def test_more_accounts_than_a_page_holds() -> None:
    def pages() -> Iterator[SearchPromptsResponse]:
        for start in (0, 2, 4):
            groups = [AccountMatches(account=str(i)) for i in (start, start + 1)]
            yield SearchPromptsResponse(groups=groups, total_accounts=9, next_page_token=str(start))
        raise AssertionError("more pages are read than it takes")

    found = gathered(pages(), 5)
    assert [g.account for g in found.groups] == ["0", "1", "2", "3", "4"]
    assert found.total_accounts == 9
    assert len(gathered(iter([SearchPromptsResponse()]), 5).groups) == 0
