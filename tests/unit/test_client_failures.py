"""Tokens, retries, errors and endings of the client's calls."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import aclosing, closing
from typing import Any

import grpc
import pytest

from simsvc.client import AsyncClient, Client, SimsvcRpcError
from simsvc.v1 import campaigns_pb2, search_pb2, types_pb2
from tests.unit.client_calls import (
    UNAVAILABLE,
    Call,
    call,
    script,
    server,
)
from tests.unit.test_client_support import Script, fail, prompt


def test_the_token_goes_with_every_call(script: Script, call: Call) -> None:
    connection = script.connection(token="secret")
    call(connection, "observe", prompt())
    call(connection, "stream", [prompt()])
    call(connection, "watch_campaigns")
    assert len(script.calls) == 3
    assert {metadata["authorization"] for _, _, metadata in script.calls} == {"Bearer secret"}
    call(script.connection(), "server_info")
    assert "authorization" not in script.calls[-1][2]


@pytest.mark.parametrize(
    ("code", "token"), [(UNAVAILABLE, None), (grpc.StatusCode.RESOURCE_EXHAUSTED, "secret")]
)
def test_retries(script: Script, call: Call, code: grpc.StatusCode, token: str | None) -> None:
    script.steps["ObservePrompt"] = [fail(code), fail(code)]
    assert call(script.connection(token=token), "observe", prompt("a")).prompt_id == "id-a"
    assert len(script.requests("ObservePrompt")) == 3
    ids = {r.prompt.request_id for r in script.requests("ObservePrompt")}
    assert ids == {"a"}


def test_every_service_has_retries(script: Script, call: Call) -> None:
    for name, args, method in [
        ("get_prompt", ["1"], "GetPrompt"),
        ("get_campaign", ["1"], "GetCampaign"),
        ("server_info", [], "GetServerInfo"),
    ]:
        script.steps[method] = [fail(UNAVAILABLE)]
        call(script.connection(), name, *args)
        assert len(script.requests(method)) == 2


def test_a_large_batch_is_retried_as_well(script: Script, call: Call) -> None:
    script.steps["BatchObservePrompts"] = [fail(UNAVAILABLE)]
    batch = [prompt(str(i), "x" * 400_000) for i in range(3)]
    assert len(call(script.connection(), "observe_batch", batch)) == 3
    assert len(script.requests("BatchObservePrompts")) == 2


def test_a_response_of_several_megabytes_is_taken(script: Script, call: Call) -> None:
    big = types_pb2.Message(content="x" * (8 << 20))
    script.steps["GetPrompt"] = [lambda *_: search_pb2.StoredPrompt(messages=[big])]
    assert call(script.connection(), "get_prompt", "1").messages[0] == big


def test_no_more_than_four_attempts(script: Script, call: Call) -> None:
    script.steps["ObservePrompt"] = [fail(UNAVAILABLE)] * 5
    with pytest.raises(SimsvcRpcError) as caught:
        call(script.connection(), "observe", prompt())
    assert caught.value.code is UNAVAILABLE
    assert len(script.requests("ObservePrompt")) == 4


def test_other_errors_are_not_retried(script: Script, call: Call) -> None:
    script.steps["ObservePrompt"] = [fail(grpc.StatusCode.INTERNAL)]
    with pytest.raises(SimsvcRpcError, match="INTERNAL: no"):
        call(script.connection(), "observe", prompt())
    assert len(script.requests("ObservePrompt")) == 1


@pytest.mark.parametrize(
    ("name", "args", "method"),
    [("watch_campaigns", [], "WatchCampaigns"), ("stream", [[prompt()]], "StreamPrompts")],
)
def test_streams_are_not_retried(
    script: Script, call: Call, name: str, args: list[Any], method: str
) -> None:
    def behave(request: Any, context: grpc.ServicerContext) -> Any:
        if method == "StreamPrompts":
            next(request)
        fail(UNAVAILABLE, retry_after=0.5)(request, context)

    script.steps[method] = [behave]
    with pytest.raises(SimsvcRpcError) as caught:
        call(script.connection(token="t"), name, *args)
    assert caught.value.code is UNAVAILABLE
    assert caught.value.retry_after == 0.5
    assert len(script.requests(method)) == 1


def test_error_details(script: Script, call: Call) -> None:
    script.steps["ObservePrompt"] = [
        fail(
            grpc.StatusCode.INVALID_ARGUMENT,
            "prompt.request_id: is wrong",
            reason="TOO_LONG",
            field="prompt.request_id",
        )
    ]
    with pytest.raises(SimsvcRpcError) as caught:
        call(script.connection(token="t"), "observe", prompt())
    error = caught.value
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT
    assert error.message == "prompt.request_id: is wrong"
    assert (error.reason, error.field) == ("TOO_LONG", "prompt.request_id")
    assert [(v.field, v.reason) for v in error.violations] == [
        ("prompt.request_id", "TOO_LONG"),
        ("other", "OTHER"),
    ]
    assert error.retry_after is None
    assert isinstance(error.__cause__, grpc.RpcError)


def test_malformed_details_do_not_hide_the_error(script: Script, call: Call) -> None:
    def behave(request: Any, context: grpc.ServicerContext) -> None:
        context.set_trailing_metadata((("grpc-status-details-bin", b"\xff\xff"),))
        context.abort(grpc.StatusCode.NOT_FOUND, "not there")

    script.steps["GetPrompt"] = [behave]
    with pytest.raises(SimsvcRpcError, match="NOT_FOUND: not there"):
        call(script.connection(), "get_prompt", "1")


def test_timeout(script: Script, call: Call) -> None:
    def behave(request: Any, context: grpc.ServicerContext) -> None:
        context.add_callback(lambda: None)
        while context.is_active():
            pass

    script.steps["GetServerInfo"] = [behave]
    with pytest.raises(SimsvcRpcError) as caught:
        call(script.connection(), "server_info", timeout=0.1)
    assert caught.value.code is grpc.StatusCode.DEADLINE_EXCEEDED


def _endless(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
    while context.is_active():
        yield campaigns_pb2.WatchCampaignsResponse(resume_token="t")


def test_a_stream_can_be_left(script: Script) -> None:
    script.steps["WatchCampaigns"] = [_endless]
    with Client(script.connection(token="t")) as client:
        with closing(client.watch_campaigns()) as changes:
            assert next(changes).resume_token == "t"
        assert client.server_info().version


async def test_an_aio_stream_can_be_left(script: Script) -> None:
    script.steps["WatchCampaigns"] = [_endless]
    async with AsyncClient(script.connection(token="t")) as client:
        async with aclosing(client.watch_campaigns()) as changes:
            assert (await anext(changes)).resume_token == "t"
        assert (await client.server_info()).version


def test_a_closed_client_says_so(script: Script) -> None:
    client = Client(script.connection())
    client.close()
    with pytest.raises(SimsvcRpcError) as caught:
        client.server_info()
    assert caught.value.code is grpc.StatusCode.CANCELLED


@pytest.mark.parametrize("token", [None, "secret"])
async def test_closing_an_aio_client_does_not_cancel_the_tasks_that_use_it(
    script: Script, token: str | None
) -> None:
    script.steps["WatchCampaigns"] = [_endless]
    client = AsyncClient(script.connection(token=token))

    async def watch() -> None:
        async for _ in client.watch_campaigns():
            pass

    watching = asyncio.create_task(watch())
    await asyncio.sleep(0.05)
    await client.close()
    for use in (watching, client.server_info()):
        with pytest.raises(SimsvcRpcError) as caught:
            await use
        assert caught.value.code is grpc.StatusCode.CANCELLED


async def test_a_task_can_be_cancelled_in_a_call(script: Script) -> None:
    script.steps["WatchCampaigns"] = [_endless]
    async with AsyncClient(script.connection(token="t")) as client:

        async def watch() -> None:
            async for _ in client.watch_campaigns():
                pass

        watching = asyncio.create_task(watch())
        await asyncio.sleep(0.05)
        watching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await watching
