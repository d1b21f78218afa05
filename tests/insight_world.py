"""A real server with planted traffic, and what is true of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from simsvc.client import Campaign, Client, Connection, Outcome
from simsvc.core.access import new_token
from simsvc.demo.command import observed
from simsvc.demo.traffic import Event, TrafficPlan
from simsvc.domain.chunks import chunks
from tests.shell import Shell

ROLES = ("ingest", "analyst", "reviewer")
TOKENS = {role: new_token() for role in ROLES}
SPAN = timedelta(days=3)
# 40 accounts share out one task: three prompts of it each, and three of their own.
PLANTED = 40
PLAN = TrafficPlan(
    accounts=160, prompts=1400, group_accounts=PLANTED, group_prompts=6, cover=0.5,
    start=datetime.now(UTC) - SPAN - timedelta(hours=1), span=SPAN,
)  # fmt: skip


@dataclass
class World:
    """A server that has seen the traffic, and the truth of it by the server's names."""

    address: str
    campaign: Campaign
    by_prompt: dict[str, Event]
    pseudonyms: dict[str, str]

    def client(self, role: str = "analyst") -> Client:
        return Client(Connection(self.address, TOKENS[role]))

    def shell(self, role: str = "analyst") -> Shell:
        return Shell(self.address, TOKENS[role])

    @property
    def events(self) -> list[Event]:
        return list(self.by_prompt.values())

    @property
    def planted(self) -> set[str]:
        return {self.pseudonyms[e.account_id] for e in self.events if e.group}

    def of_group(self, prompt_id: str) -> bool:
        return bool(self.by_prompt[prompt_id].group)

    @property
    def work_of_members(self) -> list[Event]:
        """The prompts of the task that came from accounts of the campaign."""
        members = {m.account for m in self.campaign.members}
        return [e for e in self.events if e.group and self.pseudonyms[e.account_id] in members]


def sent(client: Client, events: list[Event]) -> dict[str, Event]:
    found = {}
    for part in chunks(events, 100):
        for event, outcome in zip(part, client.observe_batch(map(observed, part)), strict=True):
            assert isinstance(outcome, Outcome)
            found[outcome.prompt_id] = event
    return found
