"""Messages as values for JSON."""

from __future__ import annotations

import re
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

_WORD_START = re.compile(r"(?<!^)(?=[A-Z])")


def values_of(message: Message) -> dict[str, Any]:
    """Return a message as JSON has it, but enums in the short words that people and options use."""
    told: dict[str, Any] = MessageToDict(message, preserving_proto_field_name=True)
    # Its type is that of one of two implementations.
    descriptor: Any = message.DESCRIPTOR
    _shorten(told, descriptor)
    return told


def _shorten(told: dict[str, Any], kind: Descriptor) -> None:
    for field in kind.fields:
        value = told.get(field.name)
        if field.enum_type is not None and value is not None:
            told[field.name] = _each(value, field.enum_type)
        elif field.message_type is not None:
            # Times and durations are texts by now.
            for inner in value if isinstance(value, list) else [value]:
                if isinstance(inner, dict):
                    _shorten(inner, field.message_type)


def _each(value: Any, kind: EnumDescriptor) -> Any:
    if isinstance(value, list):
        return [_each(one, kind) for one in value]
    prefix = _WORD_START.sub("_", kind.name).upper() + "_"
    # What a newer server has added is a number.
    return value.removeprefix(prefix).lower() if isinstance(value, str) else value
