"""Every kind of bad input gets its canonical status with details that name the field."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from simsvc.v1 import (
    campaigns_pb2,
    campaigns_pb2_grpc,
    ingest_pb2,
    ingest_pb2_grpc,
    search_pb2,
    search_pb2_grpc,
    types_pb2,
)

INVALID = grpc.StatusCode.INVALID_ARGUMENT
Change = Callable[[types_pb2.Prompt], object]
_BATCH = "/simsvc.v1.IngestService/BatchObservePrompts"
_OBSERVE = "/simsvc.v1.IngestService/ObservePrompt"


def good(request_id: str) -> types_pb2.Prompt:
    return types_pb2.Prompt(
        request_id=request_id,
        account_id="bad-input",
        messages=[types_pb2.Message(role=types_pb2.ROLE_USER, content=f"fine text {request_id}")],
    )


def _at(when: datetime) -> Change:
    return lambda p: p.observed_at.FromDatetime(when)


def _add(role: int, content: str) -> Change:
    return lambda p: p.messages.add(role=role, content=content)  # type: ignore[arg-type]


def _only(role: int, content: str) -> Change:
    def change(prompt: types_pb2.Prompt) -> None:
        prompt.ClearField("messages")
        prompt.messages.add(role=role, content=content)  # type: ignore[arg-type]

    return change


CASES: dict[str, tuple[Change, str, str]] = {
    "empty request id": (lambda p: p.ClearField("request_id"), "prompt.request_id", "REQUIRED"),
    "empty account id": (lambda p: p.ClearField("account_id"), "prompt.account_id", "REQUIRED"),
    "long id": (lambda p: setattr(p, "account_id", "é" * 200), "prompt.account_id", "TOO_LONG"),
    "NUL in an id": (lambda p: setattr(p, "account_id", "a\0b"), "prompt.account_id", "NUL"),
    "unknown role": (_add(99, "x"), "prompt.messages[1].role", "UNKNOWN_ROLE"),
    "no role": (_add(0, "x"), "prompt.messages[1].role", "UNKNOWN_ROLE"),
    "no messages": (lambda p: p.ClearField("messages"), "prompt.messages", "REQUIRED"),
    "no user message": (_only(types_pb2.ROLE_SYSTEM, "x"), "prompt.messages", "NO_USER_MESSAGE"),
    "blank user message": (
        _only(types_pb2.ROLE_USER, " \n\u2003"),
        "prompt.messages[0].content",
        "EMPTY",
    ),
    "1 MB prompt": (_add(types_pb2.ROLE_USER, "x" * 1_000_000), "prompt.messages", "TOO_LONG"),
    "NUL in a text": (
        _add(types_pb2.ROLE_USER, "nul \0 here"),
        "prompt.messages[1].content",
        "NUL",
    ),
    "year 9999": (
        _at(datetime(9999, 12, 31, tzinfo=UTC)),
        "prompt.observed_at",
        "IN_THE_FUTURE",
    ),
    "before retention": (
        _at(datetime.now(UTC) - timedelta(days=91)),
        "prompt.observed_at",
        "BEFORE_RETENTION",
    ),
    "no time": (
        lambda p: setattr(p.observed_at, "nanos", -1),
        "prompt.observed_at",
        "NOT_A_TIME",
    ),
    "10,000 attributes": (
        lambda p: p.attributes.update({f"k{i}": "v" for i in range(10_000)}),
        "prompt.attributes",
        "TOO_MANY",
    ),
    "long attribute": (
        lambda p: p.attributes.update({"k": "v" * 300}),
        "prompt.attributes",
        "TOO_LONG",
    ),
}


def details(status: status_pb2.Status) -> tuple[list[str], str, str]:
    """Return the fields of BadRequest, and reason and field of ErrorInfo."""
    fields: list[str] = []
    reason = field = ""
    for packed in status.details:
        bad_request = error_details_pb2.BadRequest()
        info = error_details_pb2.ErrorInfo()
        if packed.Unpack(bad_request):
            fields = [v.field for v in bad_request.field_violations]
        elif packed.Unpack(info):
            reason, field = info.reason, info.metadata["field"]
            assert info.domain == "simsvc"
    return fields, reason, field


def status_of(call: Callable[[], object]) -> status_pb2.Status:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    status = rpc_status.from_call(caught.value)
    assert status is not None
    return status


def observe_raw(channel: grpc.Channel, raw: bytes) -> bytes:
    return channel.unary_unary(_OBSERVE)(raw)  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", CASES)
def test_single(channel: grpc.Channel, name: str) -> None:
    change, field, reason = CASES[name]
    prompt = good(f"single {name}")
    change(prompt)
    request = ingest_pb2.ObservePromptRequest(prompt=prompt)
    status = status_of(lambda: ingest_pb2_grpc.IngestServiceStub(channel).ObservePrompt(request))
    assert status.code == INVALID.value[0]
    fields, found, first = details(status)
    assert (field, reason, field) == (fields[0], found, first)


def test_one_bad_item_does_not_fail_the_batch(channel: grpc.Channel) -> None:
    prompts = []
    for name, (change, _, _) in CASES.items():
        bad = good(f"batch bad {name}")
        change(bad)
        prompts += [good(f"batch good {name}"), bad]
    request = ingest_pb2.BatchObservePromptsRequest(prompts=prompts)
    results = ingest_pb2_grpc.IngestServiceStub(channel).BatchObservePrompts(request).results
    assert [r.WhichOneof("result") for r in results] == ["outcome", "error"] * len(CASES)
    for result, (_, field, reason) in zip(results[1::2], CASES.values(), strict=True):
        fields, found, _ = details(result.error)
        assert (fields[0], found) == (field, reason)


def test_stream_goes_on_after_a_bad_item(channel: grpc.Channel) -> None:
    def requests() -> Iterator[ingest_pb2.StreamPromptsRequest]:
        for name, (change, _, _) in CASES.items():
            bad = good(f"stream bad {name}")
            change(bad)
            yield ingest_pb2.StreamPromptsRequest(prompt=bad)
            yield ingest_pb2.StreamPromptsRequest(prompt=good(f"stream good {name}"))

    acks = list(ingest_pb2_grpc.IngestServiceStub(channel).StreamPrompts(requests()))
    assert sum(a.result.WhichOneof("result") == "outcome" for a in acks) == len(CASES)
    assert sum(a.result.WhichOneof("result") == "error" for a in acks) == len(CASES)


@pytest.mark.parametrize("bad", [b"\xff\xfe", b"\xed\xa0\x80", b"\xc0\x80"])
def test_invalid_utf8_and_surrogates_are_named(channel: grpc.Channel, bad: bytes) -> None:
    raw = ingest_pb2.ObservePromptRequest(prompt=good("utf8")).SerializeToString()
    broken = raw.replace(b"fine text"[: len(bad)], bad)
    status = status_of(lambda: observe_raw(channel, broken))
    fields, reason, _ = details(status)
    assert (fields, reason) == (["prompt.messages[0].content"], "INVALID_UTF8")


def test_invalid_utf8_costs_a_batch_only_its_item(channel: grpc.Channel) -> None:
    prompts = [good("utf8 batch 1"), good("utf8 batch 2"), good("utf8 batch 3")]
    raw = ingest_pb2.BatchObservePromptsRequest(prompts=prompts).SerializeToString()
    broken = raw.replace(b"text utf8 batch 2", b"text utf8\xffbatch 2")
    assert broken != raw
    answer = channel.unary_unary(_BATCH)(broken)
    results = ingest_pb2.BatchObservePromptsResponse.FromString(answer).results
    assert [r.WhichOneof("result") for r in results] == ["outcome", "error", "outcome"]
    assert details(results[1].error)[0] == ["prompt.messages[0].content"]


def test_no_protobuf_at_all(channel: grpc.Channel) -> None:
    status = status_of(lambda: observe_raw(channel, b"\x0a\xff"))
    assert status.code == INVALID.value[0]
    assert details(status)[1] == "MALFORMED"


@pytest.mark.parametrize(
    ("request_", "field", "reason"),
    [
        (search_pb2.SearchPromptsRequest(), "query", "REQUIRED"),
        (search_pb2.SearchPromptsRequest(text="  "), "text", "EMPTY"),
        (search_pb2.SearchPromptsRequest(text="x" * 600_000), "text", "TOO_LONG"),
        (
            search_pb2.SearchPromptsRequest(vector=search_pb2.Vector(values=[1.0] * 3)),
            "vector.values",
            "WRONG_SIZE",
        ),
        (
            search_pb2.SearchPromptsRequest(
                vector=search_pb2.Vector(values=[float("nan")] + [0.0] * 383)
            ),
            "vector.values",
            "NOT_FINITE",
        ),
        (
            search_pb2.SearchPromptsRequest(vector=search_pb2.Vector(values=[0.0] * 384)),
            "vector.values",
            "ZERO",
        ),
        (search_pb2.SearchPromptsRequest(prompt_id="x1"), "prompt_id", "NOT_A_PROMPT_ID"),
        (search_pb2.SearchPromptsRequest(text="a", page_size=-1), "page_size", "NEGATIVE"),
        (
            search_pb2.SearchPromptsRequest(
                text="a", filter=search_pb2.SearchFilter(min_similarity=2)
            ),
            "filter.min_similarity",
            "OUT_OF_RANGE",
        ),
        (
            search_pb2.SearchPromptsRequest(text="a", page_token="made up"),
            "page_token",
            "TOKEN_MISMATCH",
        ),
    ],
)
def test_search(
    channel: grpc.Channel, request_: search_pb2.SearchPromptsRequest, field: str, reason: str
) -> None:
    stub = search_pb2_grpc.SearchServiceStub(channel)
    status = status_of(lambda: stub.SearchPrompts(request_))
    assert status.code == INVALID.value[0]
    assert details(status) == ([field], reason, field)


def test_a_page_token_of_another_query(channel: grpc.Channel) -> None:
    batch = [good(f"paging {i}") for i in range(6)]
    for i, prompt in enumerate(batch):
        prompt.account_id = f"paging-{i}"
    ingest_pb2_grpc.IngestServiceStub(channel).BatchObservePrompts(
        ingest_pb2.BatchObservePromptsRequest(prompts=batch)
    )
    stub = search_pb2_grpc.SearchServiceStub(channel)
    page = stub.SearchPrompts(search_pb2.SearchPromptsRequest(text="fine text paging", page_size=2))
    assert page.next_page_token
    other = search_pb2.SearchPromptsRequest(text="another", page_token=page.next_page_token)
    assert details(status_of(lambda: stub.SearchPrompts(other)))[1] == "TOKEN_MISMATCH"


def test_a_reused_request_id(channel: grpc.Channel) -> None:
    stub = ingest_pb2_grpc.IngestServiceStub(channel)
    prompt = good("reused")
    first = stub.ObservePrompt(ingest_pb2.ObservePromptRequest(prompt=prompt))
    prompt.observed_at.GetCurrentTime()
    again = stub.ObservePrompt(ingest_pb2.ObservePromptRequest(prompt=prompt))
    assert again == first
    prompt.messages[0].content = "something else"
    status = status_of(lambda: stub.ObservePrompt(ingest_pb2.ObservePromptRequest(prompt=prompt)))
    assert status.code == grpc.StatusCode.ALREADY_EXISTS.value[0]
    assert details(status)[1] == "REQUEST_ID_REUSED"


def test_unknown_things_are_not_found(channel: grpc.Channel) -> None:
    search = search_pb2_grpc.SearchServiceStub(channel)
    campaigns = campaigns_pb2_grpc.CampaignServiceStub(channel)
    for call in (
        lambda: search.GetPrompt(search_pb2.GetPromptRequest(prompt_id="999999999")),
        lambda: search.GetAccount(search_pb2.GetAccountRequest(account_id="nobody at all")),
        lambda: search.SearchPrompts(search_pb2.SearchPromptsRequest(prompt_id="999999999")),
        lambda: campaigns.GetCampaign(campaigns_pb2.GetCampaignRequest(campaign_id="cmp_no")),
    ):
        assert status_of(call).code == grpc.StatusCode.NOT_FOUND.value[0]


def test_too_many_and_too_few(channel: grpc.Channel) -> None:
    ingest = ingest_pb2_grpc.IngestServiceStub(channel)
    campaigns = campaigns_pb2_grpc.CampaignServiceStub(channel)
    many = [good(f"many {i}") for i in range(513)]
    for call, reason in (
        (lambda: ingest.BatchObservePrompts(ingest_pb2.BatchObservePromptsRequest()), "REQUIRED"),
        (
            lambda: ingest.BatchObservePrompts(ingest_pb2.BatchObservePromptsRequest(prompts=many)),
            "TOO_MANY",
        ),
        (lambda: campaigns.CheckAccounts(campaigns_pb2.CheckAccountsRequest()), "REQUIRED"),
        (
            lambda: campaigns.CheckAccounts(
                campaigns_pb2.CheckAccountsRequest(account_ids=["a"] * 1025)
            ),
            "TOO_MANY",
        ),
    ):
        assert details(status_of(call))[1] == reason
