"""A gRPC server of the whole contract that answers with what does harm to a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.longrunning import operations_pb2
from google.protobuf import any_pb2
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from simsvc.rpc.policy import METHODS
from simsvc.v1 import reindex_pb2

# Markup; escape sequences of 7 and 8 bits; signs that turn the direction of writing; ends of lines.
EVIL = (
    "[bold]\x1b[31mred\x1b]0;title\x07 \x9b2J \u202eturned\u2066\u2067\u2068\u202a\u202b\u202d"
    "\u200e\u200f\u061c [/bold]\r\n\u2028\u2029\u0085second"
)
_AnswerCall = Callable[[MethodDescriptor, grpc.ServicerContext], Message]
# A number that no enum has: a newer server's.
NEWER = 99
_DEPTH = 6
# Texts that the client reads further, or that would make it read on for ever.
_TEXTS = {
    "next_page_token": "",
    "before": '{"assignee": "nobody", "\\u001b[2J": 1}',
    "after": '{"assignee": "\\u001b[31m", "\\u001b[2J": 2}',
}


def filled(message: Message, depth: int = 0) -> Message:
    """Set every field, texts to EVIL, and return the message."""
    if message.DESCRIPTOR.full_name == "google.protobuf.Timestamp":
        message.seconds = 1_700_000_000  # type: ignore[attr-defined]
    elif isinstance(message, operations_pb2.Operation):
        _fill_operation(message)
    elif depth < _DEPTH and message.DESCRIPTOR.full_name != "google.protobuf.Any":
        for field in message.DESCRIPTOR.fields:
            _fill(message, field, depth)
    return message


def served() -> tuple[grpc.Server, str]:
    """Start a server that answers every call; return it and its address."""
    return _start(_answer)


def refusing(code: grpc.StatusCode) -> tuple[grpc.Server, str]:
    """Start a server that refuses every call, for a reason and a field that do harm."""
    violation = error_details_pb2.BadRequest.FieldViolation(field=EVIL, description=EVIL)
    details = any_pb2.Any()
    details.Pack(error_details_pb2.BadRequest(field_violations=[violation]))
    status = status_pb2.Status(code=code.value[0], message=EVIL, details=[details])

    def refuse(_: MethodDescriptor, context: grpc.ServicerContext) -> Message:
        return context.abort_with_status(rpc_status.to_status(status))

    return _start(refuse)


def _start(answer: _AnswerCall) -> tuple[grpc.Server, str]:
    server = grpc.server(ThreadPoolExecutor(4), handlers=(_Handler(answer),))
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    return server, address


class _Handler(grpc.GenericRpcHandler):
    """Answers every method of the contract by one function."""

    def __init__(self, answer: _AnswerCall) -> None:
        self._answer = answer

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        path = details.method
        request = METHODS[path].request
        service, name = path.removeprefix("/").split("/")
        method = request.DESCRIPTOR.file.services_by_name[service.split(".")[-1]].methods_by_name[
            name
        ]

        def one(_: Any, context: grpc.ServicerContext) -> Message:
            return self._answer(method, context)

        def many(_: Any, context: grpc.ServicerContext) -> Iterator[Message]:
            yield self._answer(method, context)

        to_bytes = GetMessageClass(method.output_type).SerializeToString
        if method.server_streaming:
            return grpc.unary_stream_rpc_method_handler(many, request.FromString, to_bytes)
        return grpc.unary_unary_rpc_method_handler(one, request.FromString, to_bytes)


def _answer(method: MethodDescriptor, _: grpc.ServicerContext) -> Message:
    return filled(GetMessageClass(method.output_type)())


def _fill(message: Message, field: FieldDescriptor, depth: int) -> None:
    value = getattr(message, field.name)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return
    if field.is_repeated:
        for _ in range(2):
            if field.message_type is not None:
                filled(value.add(), depth + 1)
            else:
                value.append(_scalar(message, field))
    elif field.message_type is not None:
        value.SetInParent()
        filled(value, depth + 1)
    else:
        setattr(message, field.name, _scalar(message, field))


def _scalar(message: Message, field: FieldDescriptor) -> object:
    if field.type == FieldDescriptor.TYPE_BYTES:
        return b"bytes"
    if field.type == FieldDescriptor.TYPE_STRING:
        return _TEXTS.get(field.name, EVIL)
    if field.type == FieldDescriptor.TYPE_ENUM:
        # Only these have a report that is told.
        is_generation = isinstance(message, reindex_pb2.GenerationInfo)
        return reindex_pb2.GENERATION_STATE_SHADOW if is_generation else NEWER
    return 1


def _fill_operation(message: operations_pb2.Operation) -> None:
    message.name, message.done = EVIL, True
    message.metadata.Pack(filled(reindex_pb2.OperationMetadata()))
    message.response.Pack(filled(reindex_pb2.GenerationInfo()))
