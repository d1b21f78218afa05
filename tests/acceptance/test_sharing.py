"""Two providers find the same operator without showing each other a prompt."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from stix2validator import ValidationOptions, validate_string

from simsvc.client import Client, Connection, ObservedPrompt
from simsvc.demo.command import largest_campaign, observed
from simsvc.demo.traffic import TrafficPlan, generate
from simsvc.domain.chunks import chunks
from tests.process import ServerProcess
from tests.shell import Shell

SHARED = base64.b64encode(b"shared between the two houses ok"[:32]).decode()
OTHER = base64.b64encode(b"a key that the other has not got"[:32]).decode()
# What the operator's tool puts around each item.
FRAME = (
    "You are an examiner of structural timber. Read the inspection note between the marks and list "
    "every defect with its grade, the clause of the standard that it breaks, and the repair that a "
    "careful joiner would propose. Answer in one table and add no other words. Note: "
)
WOODS = ["oak", "ash", "larch", "spruce", "beech", "elm", "cedar", "pine", "birch", "maple"]
PLACES = ["barn", "bridge", "roof", "stair", "jetty", "mill", "tower", "hall", "shed", "gate"]
FLAWS = ["a shake", "wet rot", "a loose knot", "wane", "a split", "beetle holes", "warp", "bow"]
SPAN = timedelta(days=2)
MUST = ValidationOptions(version="2.1")
# What it should hold as well, but for: 245, the kind of pattern is our own; 302, a page of ATLAS
# changes, so that its hash would be wrong soon.
SHOULD = ValidationOptions(version="2.1", strict=True, disabled="245,302")


def note(rng: random.Random) -> str:
    return (
        f"{rng.choice(WOODS)} beam number {rng.randrange(900)} of the {rng.choice(PLACES)} at row "
        f"{rng.randrange(90)} shows {rng.choice(FLAWS)} over {rng.randrange(5, 300)} millimetres"
    )


@dataclass
class House:
    """A provider with the operator's accounts among its own."""

    name: str
    seed: int
    address: str
    operator: set[str] = field(default_factory=set)
    innocent: set[str] = field(default_factory=set)
    texts: list[str] = field(default_factory=list)

    def client(self) -> Client:
        return Client(Connection(self.address))

    def fill(self) -> None:
        rng = random.Random(self.seed)
        end = datetime.now(UTC)
        plan = TrafficPlan(
            accounts=120, prompts=1200, group_accounts=0, group_prompts=0, start=end - SPAN,
            span=SPAN, seed=self.seed,
        )  # fmt: skip
        sent = [observed(event) for event in generate(plan)]
        self.innocent = {prompt.account_id for prompt in sent}
        cover = [event.messages for event in generate(replace(plan, seed=self.seed + 100))]
        for i in range(30):
            account = f"{self.name}-op-{i}"
            self.operator.add(account)
            for j in range(8):
                at = end - SPAN * rng.random()
                text = FRAME + note(rng)
                messages = rng.choice(cover) if j % 2 else [("user", text)]
                self.texts += [] if j % 2 else [text]
                sent.append(ObservedPrompt(f"{account}-{j}", account, messages, observed_at=at))
        sent.sort(key=lambda prompt: prompt.observed_at or end)
        with self.client() as client:
            for part in chunks(sent, 100):
                client.observe_batch(part)

    def campaign(self) -> str:
        """Return the largest campaign, which holds most of the operator's accounts."""
        with self.client() as client:
            found = largest_campaign(client, 120.0)
        assert found is not None
        assert found.account_count >= 25
        return found.campaign_id

    def pseudonyms(self, accounts: set[str]) -> set[str]:
        with self.client() as client:
            return {client.get_account(account).account for account in accounts}


def settings(**keys: str) -> dict[str, str]:
    made = {"SIMSVC_DETECTION_LOOK": "2", "SIMSVC_SHARING_PRODUCER": "house of tests"}
    made["SIMSVC_SHARING_KEYS"] = json.dumps(keys)
    made["SIMSVC_SHARING_KEY_ID"] = next(iter(keys))
    return made


@pytest.fixture(scope="module")
def houses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, House, House]]:
    """A and B share a key; C has another one under the same name."""
    servers = [
        ServerProcess(tmp_path_factory.mktemp(name), settings(pair=key))
        for name, key in (("a", SHARED), ("b", SHARED), ("c", OTHER))
    ]
    made = [
        House(name, seed, server.address())
        for seed, (name, server) in enumerate(zip("abc", servers, strict=True))
    ]
    for house in made:
        house.fill()
    yield (made[0], made[1], made[2])
    for server in servers:
        server.__exit__(None, None, None)


def test_a_partner_finds_the_operator_and_learns_nothing_else(
    houses: tuple[House, House, House], tmp_path: Path
) -> None:
    a, b, c = houses
    told = tmp_path / "told.json"
    Shell(a.address).run("campaigns", "export", a.campaign(), "--out", str(told))
    bundle = told.read_text("utf-8")
    for options in (MUST, SHOULD):
        checked = validate_string(bundle, options)
        assert checked.is_valid, [str(error) for error in checked.errors]
    # Nothing of A's own: no prompt, no raw id, no pseudonym of the house.
    names = a.pseudonyms(a.operator) | a.operator | a.innocent
    assert not [name for name in names if name in bundle]
    for text in [FRAME, *a.texts[:20]]:
        for start in range(0, len(text) - 24, 12):
            assert text[start : start + 24] not in bundle

    own = b.campaign()
    found = Shell(b.address).one("indicators", "import", str(told), code=4)
    [match] = found["matches"]
    accounts = {m["account"] for m in match["accounts"]}
    assert accounts <= b.pseudonyms(b.operator)
    assert len(accounts) >= 0.9 * len(b.operator)
    assert match["part"] > 0.8
    assert match["campaign_ids"] == [own]
    again = Shell(b.address).one("indicators", "match", code=4)
    assert again["matches"] == found["matches"]

    # C has another key: it can do nothing with it.
    nothing = Shell(c.address).one("indicators", "import", str(told))
    assert "matches" not in nothing
    assert len(nothing["indicators"]) == len(found["indicators"])


def test_an_export_is_the_same_again_and_is_written_down(
    houses: tuple[House, House, House], tmp_path: Path
) -> None:
    a = houses[0]
    name = a.campaign()
    with a.client() as client:
        first = json.loads(client.export_campaign(name, "stix").content)
        second = json.loads(client.export_campaign(name, "stix").content)
        ids = [{o["id"] for o in bundle["objects"]} for bundle in (first, second)]
        assert ids[0] == ids[1]
        entry = next(client.audit_entries(action="export"))
        assert (entry.campaign_id, entry.subject) == (name, f"{name} stix TLP:AMBER")
    shell = Shell(a.address)
    for form, beginning in (("csv", b"campaign,account,"), ("html", b"<!doctype html>")):
        out = tmp_path / f"x.{form}"
        shell.run("campaigns", "export", name, "--format", form, "--tlp", "red", "--out", str(out))
        content = out.read_bytes()
        assert content.startswith(beginning)
        assert b"TLP:RED" in content
        assert FRAME[:40].encode() not in content
        assert shell.run(
            "campaigns", "export", name, "--format", form, "--out", str(out), code=2
        ).stderr
