"""Bytes that do not parse are named by their field; good items of a batch survive bad ones."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from simsvc.domain.errors import InvalidError
from simsvc.rpc.decode import decode, decode_items
from simsvc.rpc.policy import METHODS
from simsvc.v1 import campaigns_pb2, ingest_pb2, search_pb2, types_pb2

FIXED = settings(derandomize=True, deadline=None)
MARK = "valid-mark"


def broken(message: Message) -> bytes:
    """Return a message's bytes with the marked text made invalid UTF-8."""
    raw = message.SerializeToString()
    assert MARK.encode() in raw
    return raw.replace(MARK.encode(), b"\xff" * len(MARK))


PROMPT = types_pb2.Prompt(request_id="r", messages=[types_pb2.Message(content="a")] * 2)
MARKED = types_pb2.Prompt()
MARKED.CopyFrom(PROMPT)
MARKED.messages[1].content = MARK
CASES: list[tuple[Message, str]] = [
    (ingest_pb2.ObservePromptRequest(prompt=MARKED), "prompt.messages[1].content"),
    (ingest_pb2.StreamPromptsRequest(prompt=types_pb2.Prompt(model=MARK)), "prompt.model"),
    (
        ingest_pb2.ObservePromptRequest(prompt=types_pb2.Prompt(attributes={"k": MARK})),
        "prompt.attributes[0].value",
    ),
    (search_pb2.SearchPromptsRequest(text=MARK), "text"),
    (
        search_pb2.SearchPromptsRequest(filter=search_pb2.SearchFilter(account_id=MARK)),
        "filter.account_id",
    ),
    (campaigns_pb2.CheckAccountsRequest(account_ids=["a", "b", MARK]), "account_ids[2]"),
    (campaigns_pb2.WatchCampaignsRequest(resume_token=MARK), "resume_token"),
]


@pytest.mark.parametrize(("message", "field"), CASES, ids=[field for _, field in CASES])
def test_the_field_is_named(message: Message, field: str) -> None:
    with pytest.raises(InvalidError) as caught:
        decode(type(message), broken(message))
    [violation] = caught.value.violations
    assert (violation.field, violation.reason) == (field, "INVALID_UTF8")


def test_one_bad_item_of_three() -> None:
    batch = ingest_pb2.BatchObservePromptsRequest(prompts=[PROMPT, MARKED, PROMPT])
    message, faults = decode_items(type(batch), broken(batch), "prompts")
    assert {i: f.field for i, f in faults.items()} == {1: "messages[1].content"}
    assert list(message.prompts) == [PROMPT, types_pb2.Prompt(), PROMPT]


def test_an_item_that_is_cut_off() -> None:
    whole = ingest_pb2.BatchObservePromptsRequest(prompts=[PROMPT]).SerializeToString()
    message, faults = decode_items(
        ingest_pb2.BatchObservePromptsRequest, whole + b"\x0a\x02\x0a\x09", "prompts"
    )
    assert [f.reason for f in faults.values()] == ["MALFORMED"]
    assert message.prompts[0] == PROMPT


@given(st.binary(max_size=80), st.sampled_from(sorted(METHODS)))
@settings(FIXED, max_examples=400)
def test_random_bytes_parse_or_are_invalid(raw: bytes, method: str) -> None:
    kind = METHODS[method].request
    assert isinstance(parsed(lambda: decode(kind, raw)), kind | InvalidError)
    batch = ingest_pb2.BatchObservePromptsRequest
    assert isinstance(parsed(lambda: decode_items(batch, raw, "prompts")), tuple | InvalidError)


def parsed(parse: Callable[[], object]) -> object:
    try:
        return parse()
    except InvalidError as error:
        return error
