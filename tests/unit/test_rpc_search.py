"""Search requests that are refused before anything is done with them."""

from __future__ import annotations

import pytest

from simsvc.core.access import ALL_ROLES, Principal
from simsvc.core.status import Status
from simsvc.domain.errors import InvalidError
from simsvc.domain.validation import Limits
from simsvc.rpc.call import Call, current_call
from simsvc.rpc.search import SearchServicer
from simsvc.v1 import search_pb2
from tests.fakes.embedder import DIMENSION
from tests.unit.helpers import Core


@pytest.mark.parametrize("size", [0, 1, DIMENSION - 1, DIMENSION + 1])
async def test_a_vector_of_another_size_is_not_read(size: int) -> None:
    # Millions of values fit a call: to copy and print them would hold up every other caller.
    core = Core()
    status = Status(
        "1.2", Limits(), core.stages, core.writer, core.book, 0, shadow=True,
    )  # fmt: skip
    servicer = SearchServicer(core.lookup, core.casework, status, 0.5)
    current_call.set(Call(Principal("ana", ALL_ROLES)))
    # With a token, the query would be printed before its size is looked at.
    request = search_pb2.SearchPromptsRequest(
        vector=search_pb2.Vector(values=[1.0] * size), page_token="not-one"
    )
    with pytest.raises(InvalidError) as caught:
        await servicer.SearchPrompts(request, None)  # type: ignore[arg-type]
    [wrong] = caught.value.violations
    assert (wrong.field, wrong.reason) == ("vector.values", "WRONG_SIZE")
    assert core.record.notes == []
    await core.stop()
