"""Names of operations that are refused before the record is asked."""

from __future__ import annotations

import pytest
from google.longrunning import operations_pb2
from google.protobuf.message import Message

from simsvc.core.generations import Generations
from simsvc.core.insight.desk import Desk
from simsvc.domain.errors import InvalidError
from simsvc.domain.tokens import TokenSealer
from simsvc.rpc.operations import OperationsServicer

# PostgreSQL takes no NUL in a text.
NAME = "operations/a\0b"


@pytest.mark.parametrize(
    ("method", "request_"),
    [
        ("GetOperation", operations_pb2.GetOperationRequest(name=NAME)),
        ("CancelOperation", operations_pb2.CancelOperationRequest(name=NAME)),
        ("WaitOperation", operations_pb2.WaitOperationRequest(name=NAME)),
    ],
)
async def test_a_nul_in_a_name_is_refused(method: str, request_: Message) -> None:
    # Without any of its parts: nothing may be asked of it.
    generations = Generations.__new__(Generations)
    servicer = OperationsServicer(generations, Desk.__new__(Desk), TokenSealer(b"s" * 32))
    with pytest.raises(InvalidError) as caught:
        await getattr(servicer, method)(request_, None)
    assert [(v.field, v.reason) for v in caught.value.violations] == [("name", "NUL")]
