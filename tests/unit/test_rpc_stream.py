"""A stream whose caller does not read its acks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from simsvc.core.access import ALL_ROLES, Principal
from simsvc.domain.validation import Limits
from simsvc.rpc import ingest as rpc
from simsvc.rpc.call import Call, current_call
from simsvc.v1 import ingest_pb2, types_pb2
from tests.unit.helpers import Core

UNSENT, PROMPTS = 20, 200


@pytest.fixture
async def core() -> AsyncIterator[Core]:
    core = Core()
    yield core
    await core.stop()


class Requests:
    """Prompts, every other one of which is refused; counts those that were read."""

    def __init__(self) -> None:
        self.read = 0

    async def __aiter__(self) -> AsyncIterator[ingest_pb2.StreamPromptsRequest]:
        for number in range(PROMPTS):
            self.read += 1
            text = "" if number % 2 else f"text {number}"
            message = types_pb2.Message(role=types_pb2.ROLE_USER, content=text)
            prompt = types_pb2.Prompt(request_id=f"r{number}", account_id="a", messages=[message])
            yield ingest_pb2.StreamPromptsRequest(prompt=prompt)


async def test_no_more_is_read_than_is_acknowledged(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rpc, "_UNSENT", UNSENT)
    current_call.set(Call(Principal("backend", ALL_ROLES)))
    servicer = rpc.IngestServicer(core.ingest, Limits(), core.clock)
    requests = Requests()
    acks = servicer.StreamPrompts(cast(Any, requests), cast(Any, None))
    got = [await anext(acks)]
    # All that would be read, if the caller's silence did not matter, is read by then.
    await asyncio.sleep(0.3)
    assert requests.read <= UNSENT + 2
    got += [ack async for ack in acks]
    assert len(got) == requests.read == PROMPTS
    assert sum(ack.result.HasField("outcome") for ack in got) == PROMPTS // 2
