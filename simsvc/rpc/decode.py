"""Bytes to messages, naming the field that is wrong.

gRPC's own answer to bytes that do not parse is INTERNAL without a word about where. Here the
offending field is found by walking the bytes with the message's descriptor, and in a batch only
the item that it lies in is lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from google.protobuf import empty_pb2, unknown_fields
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

from simsvc.domain.errors import InvalidError, Violation

M = TypeVar("M", bound=Message)
# The pure and the native implementation each have a class of their own.
Descriptor = Any
_LENGTH_DELIMITED = 2
_FLOAT_BYTES = 4
_MALFORMED = "is not a valid protobuf message"


def decode(kind: type[M], raw: bytes) -> M:
    """Parse a message; InvalidError naming the first field that does not parse."""
    try:
        return kind.FromString(raw)
    except DecodeError as error:
        raise InvalidError([_locate(kind.DESCRIPTOR, raw) or _whole()]) from error


def decode_items(kind: type[M], raw: bytes, items: str) -> tuple[M, dict[int, Violation]]:
    """Parse a message of which the items in one repeated field may fail, each for itself.

    Returns the message with empty items in place of those, and what is wrong with them by index.
    """
    try:
        return kind.FromString(raw), {}
    except DecodeError as error:
        field = kind.DESCRIPTOR.fields_by_name[items]
        parts = _parts(raw)
        wanted = (field.number, _LENGTH_DELIMITED)
        if parts is None or any((number, wire) != wanted for number, wire, _ in parts):
            raise InvalidError([_locate(kind.DESCRIPTOR, raw) or _whole()]) from error
    message, faults = kind(), {}
    container = getattr(message, items)
    for index, (_, _, data) in enumerate(parts):
        item = container.add()
        try:
            item.MergeFromString(data)
        except DecodeError:
            item.Clear()
            faults[index] = _locate(field.message_type, data) or _whole()
    return message, faults


def _whole() -> Violation:
    return Violation("(request)", "MALFORMED", _MALFORMED)


def _parts(raw: bytes) -> list[tuple[int, int, Any]] | None:
    """Return (number, wire type, data) of each field, or None if the bytes are no message."""
    try:
        holder = empty_pb2.Empty.FromString(raw)
    except DecodeError:
        return None
    return [
        (field.field_number, field.wire_type, field.data)
        for field in unknown_fields.UnknownFieldSet(holder)  # type: ignore[attr-defined]
    ]


def _locate(descriptor: Descriptor, raw: bytes) -> Violation | None:
    parts = _parts(raw)
    if parts is None:
        return None
    seen: dict[int, int] = {}
    for number, wire_type, data in parts:
        field = descriptor.fields_by_number.get(number)
        index = seen.get(number, 0)
        seen[number] = index + 1
        if field is None or wire_type != _LENGTH_DELIMITED:
            continue
        path = f"{field.name}[{index}]" if field.is_repeated else str(field.name)
        for violation in _wrong_in(field, path, data):
            return violation
    return None


def _wrong_in(field: FieldDescriptor, path: str, data: bytes) -> Iterator[Violation]:
    if field.type == FieldDescriptor.TYPE_STRING:
        try:
            data.decode("utf-8")
        except UnicodeDecodeError:
            yield Violation(path, "INVALID_UTF8", "is not valid UTF-8")
    elif field.type == FieldDescriptor.TYPE_FLOAT:
        if len(data) % _FLOAT_BYTES:
            yield Violation(field.name, "MALFORMED", _MALFORMED)
    elif field.message_type is not None:
        inner = _locate(field.message_type, data)
        if inner is not None:
            yield inner.under(path)
        elif _parts(data) is None:
            yield Violation(path, "MALFORMED", _MALFORMED)
