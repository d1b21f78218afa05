"""The whole spine on a real server: ingest in all three calls, SIGKILL, restart, look up."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from simsvc.client import Campaign, Client, Connection, ObservedPrompt, Outcome, SimsvcRpcError
from simsvc.demo.command import observed
from simsvc.demo.traffic import Event, TrafficPlan, generate
from simsvc.domain.chunks import chunks
from tests.process import ServerProcess

PAST = timedelta(days=2)


def traffic() -> list[Event]:
    """2,000 prompts of 200 accounts, 40 of which work together behind half of cover traffic."""
    plan = TrafficPlan(
        accounts=160,
        prompts=1760,
        group_accounts=40,
        group_prompts=6,
        cover=0.5,
        start=datetime.now(UTC) - PAST,
        span=PAST,
    )
    events = generate(plan)
    assert len(events) == 2000
    return events


@dataclass
class Sender:
    """Sends prompts in turn by the three calls, and notes what was acknowledged."""

    client: Client
    acknowledged: dict[str, Outcome] = field(default_factory=dict)

    def send(self, prompts: Sequence[ObservedPrompt]) -> None:
        for number, part in enumerate(chunks(prompts, 50)):
            way = (self._batch, self._stream, self._singly)[number % 3]
            way(part)

    def _batch(self, prompts: Sequence[ObservedPrompt]) -> None:
        for prompt, result in zip(prompts, self.client.observe_batch(prompts), strict=True):
            assert isinstance(result, Outcome), result
            self.acknowledged[prompt.request_id] = result

    def _stream(self, prompts: Sequence[ObservedPrompt]) -> None:
        for ack in self.client.stream(iter(prompts)):
            assert isinstance(ack.result, Outcome), ack
            self.acknowledged[ack.request_id] = ack.result

    def _singly(self, prompts: Sequence[ObservedPrompt]) -> None:
        for prompt in prompts:
            self.acknowledged[prompt.request_id] = self.client.observe(prompt)


def send_until_killed(server: ServerProcess, address: str, prompts: list[ObservedPrompt]) -> Sender:
    """Send all prompts, and kill the server when about half of them are acknowledged."""
    with Client(Connection(address)) as client:
        sender = Sender(client)

        def kill_in_the_middle() -> None:
            while len(sender.acknowledged) < len(prompts) // 2:
                time.sleep(0.01)
            server.kill()

        killer = threading.Thread(target=kill_in_the_middle)
        killer.start()
        with pytest.raises(SimsvcRpcError):
            sender.send(prompts)
        killer.join()
    return sender


@dataclass
class Survived:
    server: ServerProcess
    client: Client
    data: Path
    events: list[Event]
    prompts: list[ObservedPrompt]
    acknowledged: dict[str, Outcome]


@pytest.fixture(scope="module")
def survived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Survived]:
    """A server that was killed in the middle of ingest and started again."""
    data = tmp_path_factory.mktemp("spine")
    events = traffic()
    prompts = [observed(event) for event in events]
    # Accounts that one look left open are looked at again soon, not after two minutes.
    settings = {"SIMSVC_SNAPSHOT_EVERY": "1", "SIMSVC_DETECTION_LOOK": "5"}
    with ServerProcess(data, settings) as server:
        before = send_until_killed(server, server.address(), prompts)
    with ServerProcess(data, settings) as server, Client(Connection(server.address())) as client:
        yield Survived(server, client, data, events, prompts, before.acknowledged)


def rows(data: Path) -> dict[str, int]:
    """Return how often each request_id is in the record."""
    with sqlite3.connect(data / "record.db") as record:
        query = "select request_id, count(*) from prompts group by request_id"
        return dict(record.execute(query))


@pytest.mark.timeout(900)
def test_nothing_acknowledged_is_lost_and_the_group_is_found(survived: Survived) -> None:
    stored = rows(survived.data)
    assert set(survived.acknowledged) <= set(stored)
    assert set(stored.values()) == {1}
    assert len(survived.acknowledged) < len(survived.prompts)

    sender = Sender(survived.client)
    sender.send(survived.prompts)
    assert {k: sender.acknowledged[k] for k in survived.acknowledged} == survived.acknowledged
    stored = rows(survived.data)
    assert set(stored) == {p.request_id for p in survived.prompts}
    assert set(stored.values()) == {1}
    check_searchable(survived, sender.acknowledged)
    check_group(survived)
    check_restart(survived)


def check_searchable(survived: Survived, outcomes: dict[str, Outcome]) -> None:
    info = survived.client.server_info()
    assert info.index.prompts == len(survived.prompts)
    assert info.index.lag == 0
    for prompt in survived.prompts[::25]:
        prompt_id = outcomes[prompt.request_id].prompt_id
        found = survived.client.search(
            prompt_id=prompt_id,
            account_id=prompt.account_id,
            min_similarity=0.999,
            page_size=1,
            prompts_per_account=2000,
        )
        [group] = found.groups
        assert prompt_id in {match.prompt.prompt_id for match in group.matches}


def check_group(survived: Survived) -> None:
    planted = {e.account_id for e in survived.events if e.group}
    others = {e.account_id for e in survived.events} - planted
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        found = {a for a in planted if survived.client.check_accounts([a])[0].in_open_campaign}
        if len(found) >= 0.95 * len(planted):
            break
        time.sleep(0.5)
    assert len(found) >= 0.95 * len(planted)
    assert not any(c.in_open_campaign for c in survived.client.check_accounts(sorted(others)))
    [campaign] = survived.client.list_campaigns()
    assert campaign.account_count == len(found)
    case = survived.client.get_campaign(campaign.campaign_id)
    assert len(case.members) == len(found)
    # Parts of the instruction become a frame once five accounts have sent them. What is left are
    # near-duplicates of one another, or random shares of one source.
    assert {e.signal for e in case.evidence} & {"near_duplicate_family", "twins"}
    near = [e for e in case.evidence if e.signal == "near_duplicate_family"]
    assert all(e.expected < 3 for e in near)
    assert min(e.log_p_value for e in case.evidence) < -12
    group_texts = {e.messages[-1][1] for e in survived.events if e.group}
    for prompt_id in case.representative_prompt_ids:
        assert survived.client.get_prompt(prompt_id).messages[-1].content in group_texts


def settled_campaign(survived: Survived) -> Campaign:
    """Return the campaign once three ticks have changed nothing."""
    deadline, seen, since = time.monotonic() + 120, "", time.monotonic()
    while time.monotonic() < deadline:
        [campaign] = survived.client.list_campaigns()
        if campaign.etag != seen:
            seen, since = campaign.etag, time.monotonic()
        elif time.monotonic() - since > 15:
            return campaign
        time.sleep(0.5)
    raise AssertionError("the campaign does not settle")


def check_restart(survived: Survived) -> None:
    """A second life in good order has the same campaign under the same id."""
    before = settled_campaign(survived)
    events = survived.client.watch_campaigns()
    first = next(events)
    events.close()
    assert survived.server.terminate() == 0
    with ServerProcess(survived.data) as server, Client(Connection(server.address())) as client:
        assert server.logged("recovered")["replayed"] == 0
        [after] = client.list_campaigns()
        assert after.campaign_id == before.campaign_id
        assert after.account_count == before.account_count
        watching = client.watch_campaigns(first.resume_token)
        later = [next(watching)] if before.etag != first.campaign.etag else []
        assert all(e.resume_token != first.resume_token for e in later)
        watching.close()
        assert server.terminate() == 0
