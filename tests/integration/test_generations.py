"""What ReindexService and Operations refuse, cancel, delete and rebuild, on a real server."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
from google.longrunning import operations_pb2

from simsvc.v1 import reindex_pb2 as reindex
from simsvc.v1 import search_pb2 as search
from tests.process import ServerProcess
from tests.reindexed import Operator, World, reason_of

SMALL = 400


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("generations"), SMALL)


@pytest.fixture
def data(world: World, tmp_path: Path) -> Path:
    return world.copy(tmp_path / "data")


@pytest.fixture
def operator(world: World, data: Path) -> Iterator[Operator]:
    """An operator of a server that starts no workers."""
    settings = world.settings | {"SIMSVC_REINDEX_WORKERS": "0"}
    with ServerProcess(data, settings) as server:
        yield Operator(server.address())
        assert server.terminate() == 0


def refused(call: Callable[[], object]) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as error:
        call()
    return error.value.code(), reason_of(error.value)


INVALID, EXISTS = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.ALREADY_EXISTS
NOT_NOW, MISSING = grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.NOT_FOUND


def start(operator: Operator, **request: object) -> operations_pb2.Operation:
    return operator.reindex.StartReindex(reindex.StartReindexRequest(**request))


def get(operator: Operator, name: str) -> operations_pb2.Operation:
    return operator.operations.GetOperation(operations_pb2.GetOperationRequest(name=name))


def activate(operator: Operator, name: str) -> operations_pb2.Operation:
    request = reindex.ActivateGenerationRequest(generation_id=name)
    return operator.reindex.ActivateGeneration(request)


def delete(operator: Operator, name: str) -> object:
    return operator.reindex.DeleteGeneration(reindex.DeleteGenerationRequest(generation_id=name))


def test_what_is_refused(operator: Operator, world: World) -> None:
    [serving] = operator.generations()
    assert refused(lambda: start(operator)) == (INVALID, "NOTHING_TO_DO")
    assert refused(lambda: start(operator, model="/no/such/model")) == (INVALID, "NOT_LOADED")
    assert refused(lambda: start(operator, model="a\0b")) == (INVALID, "HOLDS_NUL")
    wrong = reindex.IndexParameters(recall=1.5)
    assert refused(lambda: start(operator, index=wrong)) == (INVALID, "OUT_OF_RANGE")
    wrong = reindex.IndexParameters(segment_prompts=3)
    assert refused(lambda: start(operator, index=wrong)) == (INVALID, "TOO_SMALL")
    same = str(world.models[0])
    # The same model with the settings' own index is what serves; with another index it is new.
    assert start(operator, model=same, validate_only=True).done
    name = serving.generation_id
    assert refused(lambda: activate(operator, name)) == (NOT_NOW, "GENERATION_NOT_READY")
    assert refused(lambda: activate(operator, "gen-0")) == (MISSING, "NOT_FOUND")
    assert refused(lambda: delete(operator, name)) == (NOT_NOW, "GENERATION_IN_USE")
    assert refused(operator.rolled_back) == (NOT_NOW, "NOTHING_TO_ROLL_BACK")
    assert refused(lambda: get(operator, "operations/none")) == (MISSING, "NOT_FOUND")
    assert refused(lambda: get(operator, "none")) == (MISSING, "NOT_FOUND")


def test_one_reindex_at_a_time_and_a_cancelled_one_may_be_begun_again(
    operator: Operator, world: World, data: Path
) -> None:
    model = str(world.models[1])
    begun = start(operator, model=model)
    assert not begun.done
    assert refused(lambda: start(operator, model=model)) == (NOT_NOW, "REINDEX_RUNNING")
    [_, building] = operator.generations()
    assert building.state == reindex.GENERATION_STATE_BUILDING
    name = building.generation_id
    assert refused(lambda: delete(operator, name)) == (NOT_NOW, "GENERATION_IN_USE")
    cancel = operations_pb2.CancelOperationRequest(name=begun.name)
    operator.operations.CancelOperation(cancel)
    ended = get(operator, begun.name)
    assert (ended.done, ended.error.code) == (True, grpc.StatusCode.CANCELLED.value[0])
    assert operator.generations()[1].state == reindex.GENERATION_STATE_CANCELLED
    spare = start(operator, model=model)
    told = world.indexer(data, "cancel", spare.name.removeprefix("operations/"))
    assert told["state"] == "cancelled"
    again = start(operator, model=model)
    listed = operator.operations.ListOperations(operations_pb2.ListOperationsRequest(page_size=1))
    assert [o.name for o in listed.operations] == [again.name]
    rest = operations_pb2.ListOperationsRequest(page_token=listed.next_page_token)
    others = [o.name for o in operator.operations.ListOperations(rest).operations]
    assert others == [spare.name, begun.name]
    world.indexer(data, "run", again.name.removeprefix("operations/"), "--local")
    assert get(operator, again.name).done
    assert refused(lambda: start(operator, model=model)) == (EXISTS, "ALREADY_EXISTS")
    delete(operator, name)
    assert len(operator.generations()) == 1
    assert not (data / "index" / name).exists()
    assert start(operator, model=model, validate_only=True).done


def test_two_runners_share_a_job(operator: Operator, world: World, data: Path) -> None:
    begun = start(operator, model=str(world.models[1]))
    told = []

    def run() -> None:
        told.append(world.indexer(data, "run", "--local", "--workers", "1"))

    runners = [threading.Thread(target=run) for _ in range(2)]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join()
    assert [t["state"] for t in told] == ["succeeded"] * 2
    assert get(operator, begun.name).done
    metadata = reindex.OperationMetadata()
    get(operator, begun.name).metadata.Unpack(metadata)
    done = (metadata.prompts_embedded, metadata.prompts_indexed, metadata.prompts_total)
    assert done == (SMALL, SMALL, SMALL)


def test_another_index_over_the_same_vectors(operator: Operator, world: World, data: Path) -> None:
    index = reindex.IndexParameters(segment_prompts=100, segment_merge=0)
    begun = start(operator, index=index)
    world.indexer(data, "run", "--local")
    made = reindex.GenerationInfo()
    get(operator, begun.name).response.Unpack(made)
    [serving, _] = operator.generations()
    assert (made.vectors_of, made.index) == (serving.generation_id, index)
    assert made.report.neighbour_overlap == 1
    ask = search.SearchPromptsRequest(text="python code poem")
    before = operator.searching.SearchPrompts(ask)
    segments = operator.server().index.segments
    operator.activated(made.generation_id)
    after = operator.searching.SearchPrompts(ask)
    assert after.groups == before.groups
    assert operator.server().index.segments > segments
    # The first one's vectors are this one's too.
    delete(operator, serving.generation_id)
    assert operator.searching.SearchPrompts(ask).groups == before.groups


def test_texts_that_are_not_stored_cannot_be_embedded_again(tmp_path: Path, world: World) -> None:
    settings = world.settings | {"SIMSVC_TEXT_STORAGE": "off", "SIMSVC_REINDEX_WORKERS": "0"}
    with ServerProcess(tmp_path / "data", settings) as server:
        operator = Operator(server.address())
        operator.observe(range(20))
        model = str(world.models[1])
        assert refused(lambda: start(operator, model=model)) == (NOT_NOW, "TEXTS_MISSING")
        other = reindex.IndexParameters(recall=0.9)
        assert start(operator, index=other, validate_only=True).done


def test_a_server_that_stops_in_a_cut_over_serves_the_former_generation(
    world: World, data: Path
) -> None:
    settings = world.settings | {"SIMSVC_REINDEX_WORKERS": "0"}
    with ServerProcess(data, settings) as server:
        operator = Operator(server.address())
        [former] = operator.generations()
        start(operator, model=str(world.models[1]))
        world.indexer(data, "run", "--local")
        shadow = operator.generations()[1].generation_id
        begun = activate(operator, shadow)
        server.kill()
    with ServerProcess(data, settings) as server:
        operator = Operator(server.address())
        ended = get(operator, begun.name)
        serving = operator.server().generation.generation_id
        if ended.HasField("error"):
            assert "activate it again" in ended.error.message
            assert serving == former.generation_id
            assert operator.activated(shadow).generation_id == shadow
        else:
            assert serving == shadow
        assert operator.server().index.prompts == SMALL
