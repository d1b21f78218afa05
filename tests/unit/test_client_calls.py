"""Both clients against a scripted server, each test with both."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, closing
from datetime import UTC, datetime
from typing import Any, cast

import grpc
import pytest

from simsvc.client import AsyncClient, Client, Connection, ItemError, SimsvcRpcError
from simsvc.v1 import campaigns_pb2, ingest_pb2, search_pb2, types_pb2
from tests.unit.test_client_support import INVALID, OVERLOADED, Script, fail, items, prompt, serving

Call = Callable[..., Any]
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def server() -> Iterator[Script]:
    with serving() as script:
        yield script


@pytest.fixture
def script(server: Script) -> Script:
    server.steps.clear()
    server.calls.clear()
    return server


def call_sync(connection: Connection, name: str, *args: Any, **kwargs: Any) -> Any:
    with Client(connection) as client:
        result = getattr(client, name)(*args, **kwargs)
        return list(result) if isinstance(result, Iterator) else result


def call_aio(connection: Connection, name: str, *args: Any, **kwargs: Any) -> Any:
    async def run() -> Any:
        async with AsyncClient(connection) as client:
            if name == "stream":
                result = client.stream(_slowly(args[0]))
            else:
                result = getattr(client, name)(*args, **kwargs)
            if inspect.isawaitable(result):
                return await result
            return [item async for item in result]

    return asyncio.run(run())


async def _slowly(prompts: Any) -> AsyncIterator[Any]:
    for one in prompts:
        yield one
    # Leaves a server time to fail while nothing is being written (grpc/grpc#36066).
    await asyncio.sleep(0.05)


@pytest.fixture(params=[call_sync, call_aio], ids=["sync", "aio"])
def call(request: pytest.FixtureRequest) -> Call:
    return cast(Call, request.param)


def test_observe(script: Script, call: Call) -> None:
    outcome = call(script.connection(), "observe", prompt("a", "x\0y"))
    assert outcome == types_pb2.Outcome(prompt_id="id-a")
    [request] = script.requests("ObservePrompt")
    assert request.prompt.messages[0].content == "x\ufffdy"


def test_observe_batch(script: Script, call: Call) -> None:
    script.steps["BatchObservePrompts"] = [items(None, OVERLOADED, INVALID)]
    results = call(script.connection(), "observe_batch", map(prompt, "abcd"))
    assert results[0].prompt_id == "id-a"
    assert results[1] == ItemError(grpc.StatusCode.RESOURCE_EXHAUSTED, "no", "OVERLOADED", "", 0.01)
    assert results[2] == ItemError(
        grpc.StatusCode.INVALID_ARGUMENT, "no", "NUL", "prompt.messages[0].content", None
    )
    assert results[3].prompt_id == "id-d"


def test_results_that_make_no_sense(script: Script, call: Call) -> None:
    empty = ingest_pb2.BatchObservePromptsResponse(results=[ingest_pb2.ObserveResult()])
    script.steps["BatchObservePrompts"] = [lambda *_: empty, lambda *_: empty]
    [result] = call(script.connection(), "observe_batch", [prompt()])
    assert result.code is grpc.StatusCode.UNKNOWN
    with pytest.raises(SimsvcRpcError, match="1 results for 2 prompts"):
        call(script.connection(), "observe_batch", map(prompt, "ab"))


def test_stream(script: Script, call: Call) -> None:
    results = call(script.connection(token="t"), "stream", map(prompt, "abc"))
    assert {r.request_id: r.result.prompt_id for r in results} == {
        "a": "id-a",
        "b": "id-b",
        "c": "id-c",
    }


def test_a_prompt_that_cannot_be_sent_fails_the_stream_with_its_error(
    script: Script, call: Call
) -> None:
    bad = prompt(observed_at=datetime(2026, 1, 1))
    with pytest.raises(ValueError, match="no time zone"):
        call(script.connection(), "stream", [prompt(), bad])


def test_search_request(script: Script, call: Call) -> None:
    response = call(
        script.connection(),
        "search",
        messages=[("user", "x\0")],
        account_id="a",
        organization_id="o",
        start=NOON,
        end=NOON,
        min_similarity=-0.5,
        page_size=5,
        page_token="p",
        prompts_per_account=2,
        prompt_id=None,
    )
    assert response.total_prompts == 7
    [request] = script.requests("SearchPrompts")
    assert request.messages.messages[0].content == "x\ufffd"
    assert request.filter.start_time.ToDatetime(UTC) == NOON
    assert request.filter.end_time.ToDatetime(UTC) == NOON
    assert request.filter.min_similarity == -0.5
    assert (request.filter.account_id, request.filter.organization_id) == ("a", "o")
    assert (request.page_size, request.page_token, request.prompts_per_account) == (5, "p", 2)


@pytest.mark.parametrize(
    "query", [{"text": "x"}, {"prompt_id": "1"}, {"vector": [0.5, 1.0]}, {"text": ""}]
)
def test_kinds_of_query(script: Script, call: Call, query: dict[str, Any]) -> None:
    call(script.connection(), "search", **query)
    [request] = script.requests("SearchPrompts")
    [kind] = query
    assert request.WhichOneof("query") == kind
    assert not request.filter.HasField("min_similarity")


@pytest.mark.parametrize("query", [{}, {"text": "x", "prompt_id": "1"}, {"account_id": "a"}])
def test_one_query_must_be_given(script: Script, call: Call, query: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="give one of"):
        call(script.connection(), "search", **query)


def test_search_all(script: Script, call: Call) -> None:
    script.steps["SearchPrompts"] = [
        lambda *_: search_pb2.SearchPromptsResponse(next_page_token="two"),
        lambda *_: search_pb2.SearchPromptsResponse(),
    ]
    assert len(call(script.connection(), "search_all", text="x", account_id="a")) == 2
    first, second = script.requests("SearchPrompts")
    assert (first.page_token, second.page_token) == ("", "two")
    assert second.text == "x"
    assert second.filter == first.filter


def test_list_campaigns(script: Script, call: Call) -> None:
    def page(token: str, *ids: str) -> Call:
        found = [campaigns_pb2.Campaign(campaign_id=i) for i in ids]
        return lambda *_: campaigns_pb2.ListCampaignsResponse(
            campaigns=found, next_page_token=token
        )

    script.steps["ListCampaigns"] = [page("2", "a", "b"), page("3"), page("", "c")]
    campaigns = call(script.connection(), "list_campaigns", state="open", page_size=2)
    assert [c.campaign_id for c in campaigns] == ["a", "b", "c"]
    requests = script.requests("ListCampaigns")
    assert [r.page_token for r in requests] == ["", "2", "3"]
    assert {r.state for r in requests} == {campaigns_pb2.CAMPAIGN_STATE_OPEN}


def test_unknown_state(script: Script, call: Call) -> None:
    with pytest.raises(ValueError, match="SHUT"):
        call(script.connection(), "list_campaigns", state="shut")


def test_reads(script: Script, call: Call) -> None:
    connection = script.connection()
    assert call(connection, "get_prompt", "12").prompt_id == "12"
    assert call(connection, "get_account", "raw").account == "acct"
    assert call(connection, "get_campaign", "c1").campaign_id == "c1"
    checks = call(connection, "check_accounts", iter(["good", "bad"]))
    assert [c.in_open_campaign for c in checks] == [False, True]
    assert call(connection, "server_info").version == "1.2.3"
    changes = call(connection, "watch_campaigns", "t0")
    assert [c.resume_token for c in changes] == ["t1", "t2"]
    assert script.requests("WatchCampaigns")[0].resume_token == "t0"


def test_is_serving(script: Script, call: Call) -> None:
    assert call(script.connection(), "is_serving")
    assert not call(script.connection(), "is_serving", "simsvc.v1.IngestService")
    with pytest.raises(SimsvcRpcError) as caught:
        call(script.connection(), "is_serving", "no.such.Service")
    assert caught.value.code is grpc.StatusCode.NOT_FOUND


def test_a_server_that_is_not_there_is_not_serving(call: Call) -> None:
    with serving() as gone:
        connection = gone.connection()
    assert not call(connection, "is_serving", timeout=0.3)
    with pytest.raises(SimsvcRpcError) as caught:
        call(connection, "server_info", timeout=0.3)
    assert caught.value.code in (UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


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
