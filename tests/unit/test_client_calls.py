"""Both clients against a scripted server, each test with both."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import grpc
import pytest

from simsvc.client import ItemError, SimsvcRpcError
from simsvc.v1 import campaigns_pb2, ingest_pb2, search_pb2, types_pb2
from tests.unit.client_calls import (
    NOON,
    UNAVAILABLE,
    Call,
    call,
    script,
    server,
)
from tests.unit.test_client_support import INVALID, OVERLOADED, Script, items, prompt, serving


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
    campaigns = call(
        script.connection(), "list_campaigns", state="open", min_confidence="high",
        verdict="confirmed", assignee="ana", order_by="accounts", page_size=2,
    )  # fmt: skip
    assert [c.campaign_id for c in campaigns] == ["a", "b", "c"]
    requests = script.requests("ListCampaigns")
    assert [r.page_token for r in requests] == ["", "2", "3"]
    [query] = {(r.state, r.min_confidence, r.verdict, r.assignee, r.order_by) for r in requests}
    assert query == (
        campaigns_pb2.CAMPAIGN_STATE_OPEN, campaigns_pb2.CONFIDENCE_HIGH,
        campaigns_pb2.VERDICT_CONFIRMED, "ana", "accounts",
    )  # fmt: skip


@pytest.mark.parametrize("field", ["state", "min_confidence", "verdict"])
def test_unknown_names(script: Script, call: Call, field: str) -> None:
    query: dict[str, Any] = {field: "shut"}
    with pytest.raises(ValueError, match="SHUT"):
        call(script.connection(), "list_campaigns", **query)


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
