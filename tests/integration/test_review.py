"""Reviews on a real server: from the terminal and over gRPC, with roles, a restart and a forger."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from simsvc.client import (
    Campaign,
    CampaignState,
    Client,
    Connection,
    ObservedPrompt,
    SimsvcRpcError,
    Verdict,
)
from simsvc.core.access import new_token, token_hash
from tests.process import ServerProcess
from tests.shell import Shell

ROLES = ("ingest", "analyst", "reviewer")
TOKENS = {role: new_token() for role in ROLES}
ACCOUNTS = 14
# Written by somebody who wants to do harm to whoever reads the log.
EVIL = "looks <script>alert(1)</script> odd \x1b[31mred\x1b[0m \u202ereversed"


@dataclass
class Place:
    """A server with one campaign."""

    data: Path
    config: Path
    server: ServerProcess
    address: str = ""

    def start(self) -> None:
        settings = {"SIMSVC_CONFIG": str(self.config), "SIMSVC_SHADOW": "false"}
        self.server = ServerProcess(self.data, settings)
        self.address = self.server.address()

    def client(self, role: str) -> Client:
        return Client(Connection(self.address, TOKENS[role]))

    def shell(self, role: str) -> Shell:
        return Shell(self.address, TOKENS[role])


def prompts() -> list[ObservedPrompt]:
    """One task in many wordings by many accounts, beside prompts of others."""
    asked = [
        ObservedPrompt(
            f"r{i}", f"account-{i}",
            [("user", f"Write a product description for a wooden garden chair number {i}")],
        )
        for i in range(ACCOUNTS)
    ]  # fmt: skip
    words = ["tax law", "a cake", "whales", "sorting", "a poem", "Rome", "chess", "knots"]
    other = [
        ObservedPrompt(f"o{i}", f"other-{i}", [("user", f"Explain {word} to me, please")])
        for i, word in enumerate(words)
    ]
    return asked + other


def campaigns(client: Client) -> list[Campaign]:
    return list(client.list_campaigns())


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    config = tmp_path / "simsvc.toml"
    config.write_text(
        "\n".join(
            f'[[tokens]]\nname = "{r}"\nsha256 = "{token_hash(TOKENS[r])}"\nroles = ["{r}"]'
            for r in ROLES
        )
    )
    made = Place(tmp_path / "data", config, None)  # type: ignore[arg-type]
    made.start()
    with made.client("ingest") as client:
        client.observe_batch(prompts())
    with made.client("analyst") as client:
        deadline = time.monotonic() + 60
        while not campaigns(client):
            assert time.monotonic() < deadline, "no campaign was opened"
            time.sleep(0.2)
    yield made
    made.server.__exit__(None, None, None)


def test_from_the_terminal_to_the_audit_and_back(place: Place) -> None:
    analyst, reviewer = place.shell("analyst"), place.shell("reviewer")
    [campaign] = analyst.json("campaigns", "list")
    name = campaign["campaign_id"]
    account = campaign_account(place, name)
    analyst.run("campaigns", "review", "assign", name, "analyst")
    analyst.run("campaigns", "review", "comment", name, EVIL)
    refused = analyst.run("campaigns", "review", "confirm", name, code=1)
    assert "PERMISSION_DENIED" in refused.stderr
    told = reviewer.run(
        "campaigns", "review", "dismiss", name, "--reason", "viral", "--comment", "a meme"
    ).stdout
    assert f"{name}: dismissed, dismissed, {ACCOUNTS} accounts, looked after by analyst" in told
    with place.client("ingest") as client:
        [found] = client.check_accounts([account])
        assert not found.in_open_campaign
    history = reviewer.json("campaigns", "review", "history", name)
    assert [e["action"] for e in history] == ["dismiss", "comment", "assign"]
    shown = reviewer.run("campaigns", "review", "history", name).stdout
    assert "\x1b[31m" not in shown
    assert "\u202e" not in shown
    place.shell("analyst").run("campaigns", "review", "undo", name, history[0]["entry_id"], code=1)
    back = reviewer.one("campaigns", "review", "undo", name, history[0]["entry_id"])
    assert back["state"] == "open"
    with place.client("ingest") as client:
        assert client.check_accounts([account])[0].in_open_campaign
    audit = reviewer.json("audit", "list", "--campaign", name)
    assert [e["action"] for e in audit] == ["undo", "dismiss", "comment", "assign"]
    assert audit[1]["undone_by"] == audit[0]["entry_id"]
    assert int(reviewer.one("audit", "verify")["entries"]) == len(reviewer.json("audit", "list"))
    analyst.run("audit", "list", code=1)


def campaign_account(place: Place, name: str) -> str:
    """Return the pseudonym of a member."""
    with place.client("analyst") as client:
        return client.get_campaign(name).members[0].account


def test_two_reviewers_do_not_overwrite_each_other(place: Place) -> None:
    with place.client("reviewer") as one, place.client("analyst") as two:
        [campaign] = campaigns(one)
        seen = two.get_campaign(campaign.campaign_id)
        one.confirm_campaign(campaign, "sure")
        with pytest.raises(SimsvcRpcError) as caught:
            two.assign_campaign(seen, "ben")
        assert caught.value.code is grpc.StatusCode.ABORTED
        assert caught.value.reason == "REVIEWED_MEANWHILE"
        now = two.get_campaign(campaign.campaign_id)
        assert (now.review.verdict, now.review.assignee) == (Verdict.VERDICT_CONFIRMED, "")
    etag = seen.review.etag
    stale = place.shell("reviewer").run(
        "campaigns", "review", "reopen", seen.campaign_id, "--etag", etag, code=1
    )
    assert "ABORTED" in stale.stderr


def test_members_are_excluded_split_off_and_brought_back(place: Place) -> None:
    with place.client("reviewer") as client:
        [campaign] = campaigns(client)
        accounts = [m.account for m in client.get_campaign(campaign.campaign_id).members]
        left = client.exclude_account(campaign, accounts[0], "our own tests")
        assert accounts[0] not in {m.account for m in left.members}
        assert list(left.review.excluded_accounts) == [accounts[0]]
        part = client.split_campaign(left, accounts[1:4])
        assert {m.account for m in part.members} == set(accounts[1:4])
        rest = client.get_campaign(campaign.campaign_id)
        assert rest.account_count == ACCOUNTS - 4
        whole = client.merge_campaigns(rest, [part.campaign_id], "one after all")
        assert whole.account_count == ACCOUNTS - 1
        gone = client.get_campaign(part.campaign_id)
        assert (gone.state, gone.merged_into) == (
            CampaignState.CAMPAIGN_STATE_MERGED, campaign.campaign_id,
        )  # fmt: skip
        exclusion = next(e for e in client.reviews(campaign.campaign_id) if e.action == "exclude")
        again = client.undo_review(whole, exclusion.entry_id)
        assert again.account_count == ACCOUNTS


def test_lists_are_filtered_and_ordered(place: Place) -> None:
    with place.client("reviewer") as client:
        [campaign] = campaigns(client)
        part = client.split_campaign(
            campaign, [m.account for m in client.get_campaign(campaign.campaign_id).members[:3]]
        )
        client.confirm_campaign(part)
        shell = place.shell("reviewer")
        assert shell.run("campaigns", "list").stdout.count("cmp_") == 2

        def told(*words: str) -> list[str]:
            return [c["campaign_id"] for c in shell.json("campaigns", "list", *words)]

        whole, own = campaign.campaign_id, part.campaign_id
        assert told("--order-by", "accounts", "--state", "open") == [whole, own]
        assert told("--verdict", "confirmed") == [own]
        assert told("--verdict", "none") == [whole]
        assert told("--min-confidence", "high") == told("--assignee", "nobody") == []
        assert told("--state", "dismissed") == []
    with grpc.insecure_channel(place.address) as channel:
        from simsvc.v1 import campaigns_pb2, campaigns_pb2_grpc  # noqa: PLC0415

        stub = campaigns_pb2_grpc.CampaignServiceStub(channel)
        metadata = [("authorization", f"Bearer {TOKENS['reviewer']}")]

        def listed(**query: object) -> list[str]:
            request = campaigns_pb2.ListCampaignsRequest(**query)
            answer = stub.ListCampaigns(request, metadata=metadata)
            return [c.campaign_id for c in answer.campaigns]

        assert listed(order_by="accounts") == [campaign.campaign_id, part.campaign_id]
        assert listed(verdict="VERDICT_CONFIRMED") == [part.campaign_id]
        assert listed(min_confidence="CONFIDENCE_HIGH") == []
        assert listed(assignee="nobody") == []
        first = stub.ListCampaigns(
            campaigns_pb2.ListCampaignsRequest(order_by="accounts", page_size=1), metadata=metadata
        )
        assert listed(order_by="accounts", page_token=first.next_page_token) == [part.campaign_id]
        for field, query in {
            "order_by": {"order_by": "size"},
            "page_token": {"order_by": "prompts", "page_token": first.next_page_token},
            "verdict": {"verdict": 9},
        }.items():
            with pytest.raises(grpc.RpcError) as caught:
                listed(**query)
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
            assert field in caught.value.details()


WRONG: list[tuple[Callable[[Client, Campaign], object], str]] = [
    (lambda c, s: c.comment_campaign(s, " "), "comment"),
    (lambda c, s: c.comment_campaign(s, "x" * 4001), "comment"),
    (lambda c, s: c.dismiss_campaign(s, "unspecified"), "reason"),
    (lambda c, s: c.dismiss_campaign(s, "other"), "comment"),
    (lambda c, s: c.exclude_account(s, "nobody"), "account_id"),
    (lambda c, s: c.merge_campaigns(s, []), "merged_campaign_ids"),
    (lambda c, s: c.merge_campaigns(s, ["cmp_x"]), "merged_campaign_ids[0]"),
    (lambda c, s: c.split_campaign(s, ["nobody"]), "account_ids[0]"),
    (lambda c, s: c.undo_review(s, "first"), "entry_id"),
]


def test_what_is_wrong_is_named(place: Place) -> None:
    with place.client("reviewer") as client:
        [campaign] = campaigns(client)
        for call, field in WRONG:
            with pytest.raises(SimsvcRpcError) as caught:
                call(client, campaign)
            assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT
            assert [v.field for v in caught.value.violations] == [field]
        assert list(client.reviews(campaign.campaign_id)) == []


def test_decisions_outlive_a_kill_and_a_forger_is_found(place: Place) -> None:
    with place.client("reviewer") as client:
        [campaign] = campaigns(client)
        name = campaign.campaign_id
        client.dismiss_campaign(campaign, "shared_app", "users of one app")
        client.search(text="a chair", min_similarity=0.1)
        head = client.verify_audit_log().head
    place.server.kill()
    with sqlite3.connect(place.data / "record.db") as record:
        record.execute("UPDATE audit SET comment = 'forged' WHERE action = 'dismiss'")
    place.start()
    shell = place.shell("reviewer")
    assert shell.one("campaigns", "show", name)["state"] == "dismissed"
    broken = shell.run("audit", "verify", code=4)
    assert "broken from entry 1 on" in broken.stderr
    with sqlite3.connect(place.data / "record.db") as record:
        record.execute("UPDATE audit SET comment = 'users of one app' WHERE action = 'dismiss'")
    assert shell.run("audit", "verify", "--head", head).stdout.startswith("2 entries checked")
    with sqlite3.connect(place.data / "record.db") as record:
        record.execute("DELETE FROM audit WHERE position = 2")
    shell.run("audit", "verify")
    assert "cut off" in shell.run("audit", "verify", "--head", head, code=4).stderr
