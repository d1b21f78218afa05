"""Alerts reach a real receiver: signed, again after failures and a kill, and as dead letters."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from standardwebhooks.webhooks import Webhook

from simsvc.client import Client, Connection, ObservedPrompt
from simsvc.share.alert import schema
from tests.process import ServerProcess
from tests.shell import Shell

SECRET = base64.b64encode(b"a secret of the receiver and the sender").decode()
SCHEMA = Path(__file__).parents[2] / "docs" / "webhook.schema.json"


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def alert(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """Notes requests and answers with the next status of `answers`, at last with the last one."""

    answers: list[int] = field(default_factory=lambda: [204])
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    seen: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {k.lower(): v for k, v in self.headers.items()}
                receiver.seen.append(Request(self.path, headers, body))
                answers = receiver.answers
                status = answers.pop(0) if len(answers) > 1 else answers[0]
                time.sleep(receiver.delay)
                self.send_response(status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/hook"

    def wait(self, holds: Callable[[], bool], seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, [r.alert for r in self.seen]
            time.sleep(0.05)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.server.shutdown()


def settings(*receivers: Receiver, **more: Any) -> dict[str, str]:
    hooks = [
        {"name": f"hook{i}", "url": r.url, "secret": f"whsec_{SECRET}", **more}
        for i, r in enumerate(receivers)
    ]
    return {
        "SIMSVC_WEBHOOKS": json.dumps(hooks),
        "SIMSVC_WEBHOOK_FIRST": "0.2",
        "SIMSVC_WEBHOOK_LONGEST": "0.5",
        "SIMSVC_WEBHOOK_TRIES": "4",
        "SIMSVC_WEBHOOK_TIMEOUT": "1",
        "SIMSVC_WEBHOOK_CONSOLE": "https://console.example/",
    }


def make_campaign(address: str) -> None:
    with Client(Connection(address)) as client:
        client.observe_batch(
            [
                ObservedPrompt(
                    f"r{i}", f"account-{i}",
                    [("user", f"Write a product description for a wooden garden chair number {i}")],
                )
                for i in range(14)
            ]
        )  # fmt: skip


def dead(shell: Shell) -> list[Any]:
    return shell.json("webhooks", "deliveries", "--state", "dead")


def test_an_alert_is_signed_and_as_the_schema_says(receiver: Receiver, tmp_path: Path) -> None:
    with ServerProcess(tmp_path, settings(receiver)) as server:
        address = server.address()
        make_campaign(address)
        receiver.wait(lambda: len(receiver.seen) >= 1)
        request = receiver.seen[0]
        told = Webhook(SECRET).verify(request.body, request.headers)
        jsonschema.validate(told, json.loads(SCHEMA.read_text("utf-8")))
        with Client(Connection(address)) as client:
            [campaign] = list(client.list_campaigns())
        assert (told["change"], told["type"]) == ("opened", "campaign.changed")
        assert told["id"] == request.headers["webhook-id"]
        assert told["campaign"]["campaign_id"] == campaign.campaign_id
        assert told["campaign"]["url"] == (
            f"https://console.example/campaigns/{campaign.campaign_id}"
        )
        assert b"garden" not in request.body
        assert b"account-" not in request.body
        shell = Shell(address)
        assert shell.one("webhooks", "test", "hook0")["status"] == 204
        test = receiver.seen[-1]
        assert (test.alert["type"], test.alert["id"]) == ("test", test.headers["webhook-id"])
        shell.run("campaigns", "review", "confirm", campaign.campaign_id)
        receiver.wait(lambda: receiver.seen[-1].alert["change"] == "reviewed")
        assert receiver.seen[-1].alert["campaign"]["verdict"] == "confirmed"
        states = {d["state"] for d in shell.json("webhooks", "deliveries")}
        assert states == {"delivered"}
        assert SECRET not in server.raw_log


def test_the_schema_in_docs_is_the_present_one() -> None:
    assert json.loads(SCHEMA.read_text("utf-8")) == schema()
    jsonschema.Draft202012Validator.check_schema(schema())


def test_failures_are_tried_again_with_one_id(receiver: Receiver, tmp_path: Path) -> None:
    receiver.answers = [500, 429, 204]
    with ServerProcess(tmp_path, settings(receiver)) as server:
        make_campaign(server.address())
        receiver.wait(lambda: len(receiver.seen) == 3)
        assert len({r.headers["webhook-id"] for r in receiver.seen}) == 1
        assert len({r.body for r in receiver.seen}) == 1


def test_a_kill_loses_no_alert(receiver: Receiver, tmp_path: Path) -> None:
    receiver.answers = [503]
    with ServerProcess(tmp_path, settings(receiver)) as server:
        make_campaign(server.address())
        receiver.wait(lambda: len(receiver.seen) >= 1)
        server.kill()
    first = receiver.seen[0].headers["webhook-id"]
    receiver.answers, seen = [204], len(receiver.seen)
    with ServerProcess(tmp_path, settings(receiver)) as server:
        shell = Shell(server.address())
        receiver.wait(lambda: len(receiver.seen) > seen)
        assert receiver.seen[-1].headers["webhook-id"] == first
        time.sleep(1)
        assert len(receiver.seen) == seen + 1, "what was delivered is not delivered again"
        assert dead(shell) == []


def test_dead_letters_are_kept_and_can_be_sent_again(receiver: Receiver, tmp_path: Path) -> None:
    receiver.answers = [500]
    with ServerProcess(tmp_path, settings(receiver)) as server:
        address = server.address()
        shell = Shell(address)
        make_campaign(address)
        receiver.wait(lambda: len(receiver.seen) == 4)
        receiver.wait(lambda: bool(dead(shell)))
        [letter] = dead(shell)
        assert (letter["attempts"], letter["status"]) == (4, 500)
        receiver.answers = [204]
        shell.run("webhooks", "retry", letter["delivery_id"])
        receiver.wait(lambda: not dead(shell))
        assert receiver.seen[-1].headers["webhook-id"] == letter["delivery_id"]
        shell.run("webhooks", "retry", letter["delivery_id"], code=1)
        shell.run("webhooks", "retry", "msg_none", code=1)


def test_a_refusal_is_final_and_a_redirect_is_not_followed(tmp_path: Path) -> None:
    other = Receiver()
    refusing = Receiver(answers=[400])
    moved = Receiver(answers=[302], headers={"location": other.url})
    gone = Receiver(answers=[410])
    with ServerProcess(tmp_path, settings(refusing, moved, gone)) as server:
        address = server.address()
        shell = Shell(address)
        make_campaign(address)
        refusing.wait(lambda: len(dead(shell)) == 3)
        assert [len(r.seen) for r in (refusing, moved, gone, other)] == [1, 1, 1, 0]
        listed = {w["name"]: w.get("gone", False) for w in shell.json("webhooks", "list")}
        assert listed == {"hook0": False, "hook1": False, "hook2": True}
        with Client(Connection(address)) as client:
            [campaign] = list(client.list_campaigns())
        shell.run("campaigns", "review", "comment", campaign.campaign_id, "hello")
        refusing.wait(lambda: len(refusing.seen) == 2)
        time.sleep(0.5)
        assert len(gone.seen) == 1


def test_only_what_is_wanted_is_sent_and_a_slow_one_holds_up_nobody(tmp_path: Path) -> None:
    slow, quick = Receiver(delay=5.0), Receiver()
    more = {"changes": ["dismissed"], "min_confidence": "medium"}
    with ServerProcess(tmp_path, settings(slow, quick, **more)) as server:
        address = server.address()
        make_campaign(address)
        with Client(Connection(address)) as client:
            quick.wait(lambda: bool(list(client.list_campaigns())))
            [campaign] = list(client.list_campaigns())
            client.comment_campaign(campaign, "hello")
            client.dismiss_campaign(client.get_campaign(campaign.campaign_id), "viral")
            quick.wait(lambda: len(quick.seen) == 1, seconds=4)
            client.observe(ObservedPrompt("later", "account-1", [("user", "still served")]))
        assert [r.alert["change"] for r in quick.seen] == ["dismissed"]


def test_a_webhook_that_is_new_is_not_told_the_past(receiver: Receiver, tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        address = server.address()
        make_campaign(address)
        with Client(Connection(address)) as client:
            receiver.wait(lambda: bool(list(client.list_campaigns())))
    with ServerProcess(tmp_path, settings(receiver)) as server:
        with Client(Connection(server.address())) as client:
            [campaign] = list(client.list_campaigns())
            client.comment_campaign(campaign, "hello")
        receiver.wait(lambda: len(receiver.seen) >= 1)
        assert [r.alert["change"] for r in receiver.seen] == ["reviewed"]
