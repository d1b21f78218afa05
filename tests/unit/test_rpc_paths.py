"""Every text of every request is named by its path when it is not UTF-8."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message
from hypothesis import given, settings
from hypothesis import strategies as st

from simsvc.domain.errors import InvalidError
from simsvc.rpc.decode import decode, decode_items
from simsvc.rpc.policy import METHODS
from simsvc.v1 import ingest_pb2, search_pb2, types_pb2

FIXED = settings(derandomize=True, deadline=None)
BATCH = ingest_pb2.BatchObservePromptsRequest
KINDS = sorted({m.request for m in METHODS.values()}, key=lambda k: k.DESCRIPTOR.full_name)
BAD_ITEM = b"\x0a\x03\x0a\x01\xff"  # prompts[…].request_id = "\xff"


def field_bytes(number: int, data: bytes) -> bytes:
    assert len(data) < 128
    return bytes([number << 3 | 2, len(data)]) + data


def faults(descriptor: Any) -> Iterator[tuple[str, bytes]]:
    """Give each path to a text below a message, with the bytes that make it wrong."""
    for field in descriptor.fields:
        path = f"{field.name}[0]" if field.is_repeated else field.name
        if field.type == FieldDescriptor.TYPE_STRING:
            yield path, field_bytes(field.number, b"\xc3\x28")
        elif field.message_type is not None:
            for below, raw in faults(field.message_type):
                yield f"{path}.{below}", field_bytes(field.number, raw)


CASES = [(kind, path, raw) for kind in KINDS for path, raw in faults(kind.DESCRIPTOR)]


@pytest.mark.parametrize(
    ("kind", "path", "raw"), CASES, ids=[f"{c[0].__name__}-{c[1]}" for c in CASES]
)
def test_the_path_is_named(kind: type[Message], path: str, raw: bytes) -> None:
    with pytest.raises(DecodeError):
        kind.FromString(raw)
    with pytest.raises(InvalidError) as caught:
        decode(kind, raw)
    [violation] = caught.value.violations
    assert (violation.field, violation.reason) == (path, "INVALID_UTF8")


def test_the_walk_sees_the_requests() -> None:
    paths = {path for _, path, _ in CASES}
    assert {
        "prompts[0].messages[0].content",
        "prompt.attributes[0].key",
        "filter.account_id",
    } <= paths


WHOLE = BATCH(
    prompts=[
        types_pb2.Prompt(
            request_id=f"r{i}", account_id="a", messages=[types_pb2.Message(content="é")]
        )
        for i in range(3)
    ]
)

SIZE = len(WHOLE.SerializeToString()) // 3


@pytest.mark.parametrize("end", range(len(WHOLE.SerializeToString())))
def test_bytes_that_are_cut_off(end: int) -> None:
    raw = WHOLE.SerializeToString()[:end]
    try:
        parsed, wrong = decode_items(BATCH, raw, "prompts")
    except InvalidError as error:
        [violation] = error.violations
        found = violation.field, violation.reason
    else:
        found = list(parsed.prompts), wrong
        assert end % SIZE == 0
    kept = list(WHOLE.prompts)[: end // SIZE]
    assert found in ((kept, {}), ("(request)", "MALFORMED"))


@FIXED
@given(st.lists(st.booleans(), max_size=8))
def test_good_items_are_kept_in_their_places(good: list[bool]) -> None:
    prompt = types_pb2.Prompt(request_id="r")
    item = field_bytes(1, prompt.SerializeToString())
    parsed, wrong = decode_items(BATCH, b"".join(item if g else BAD_ITEM for g in good), "prompts")
    assert [p == prompt for p in parsed.prompts] == good
    assert {i: v.field for i, v in wrong.items()} == {
        i: "request_id" for i, g in enumerate(good) if not g
    }


def test_an_unknown_field_beside_a_bad_item_names_the_item() -> None:
    with pytest.raises(InvalidError) as caught:
        decode_items(BATCH, field_bytes(9, b"x") + BAD_ITEM, "prompts")
    assert caught.value.violations[0].field == "prompts[0].request_id"


@pytest.mark.parametrize(
    "other", [b"\x08\x05", b"\x0d\x01\x02\x03\x04", b"\x0b\x0c"], ids=["varint", "fixed", "group"]
)
def test_a_field_of_another_wire_type_beside_a_bad_item(other: bytes) -> None:
    assert parsed_or_invalid(other + BAD_ITEM)


PARTS = st.sampled_from([field_bytes(1, b"\x0a\x01r"), BAD_ITEM, b"\x0a\x01\x0a", b"\x4a\x01x"])


@FIXED
@given(st.lists(PARTS, max_size=5), st.binary(max_size=4))
def test_mixed_bytes_parse_or_are_invalid(parts: list[bytes], rest: bytes) -> None:
    # Field 1 of another wire type has its own test, above.
    if not rest or rest[0] >> 3 != 1:
        assert parsed_or_invalid(b"".join(parts) + rest)


def parsed_or_invalid(raw: bytes) -> bool:
    try:
        parsed, wrong = decode_items(BATCH, raw, "prompts")
    except InvalidError as error:
        return bool(error.violations[0].field)
    return all(i < len(parsed.prompts) for i in wrong)


def test_a_vector_that_is_cut_off_is_named() -> None:
    raw = field_bytes(4, field_bytes(1, b"abc"))
    with pytest.raises(InvalidError) as caught:
        decode(search_pb2.SearchPromptsRequest, raw)
    assert caught.value.violations[0].field.startswith("vector")
