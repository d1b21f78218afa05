"""Generations and operations in both clients, against a scripted server."""

from __future__ import annotations

import copy
from datetime import timedelta
from typing import Any

import grpc
import pytest
from google.longrunning import operations_pb2
from google.protobuf import empty_pb2
from google.rpc import code_pb2, status_pb2

from simsvc.client import (
    CampaignPreview,
    Generation,
    GenerationState,
    IndexOptions,
    Operation,
    OperationError,
    OperationPhase,
    ShadowReport,
    SimsvcRpcError,
)
from simsvc.v1 import reindex_pb2
from tests.unit.client_calls import NOON, UNAVAILABLE, Call, call, script, server
from tests.unit.test_client_support import Behaviour, Script, fail

NAME = "operations/reindex-1"
REPORT = ShadowReport(
    prompts=400,
    sample=256,
    recall=0.96875,
    neighbour_overlap=0.5,
    calibration="shipped default",
    kept=(CampaignPreview("cmp_1", 40, 0.75),),
    appearing=(CampaignPreview("", 12, 0.0),),
    vanishing=(CampaignPreview("cmp_2", 11, 0.25),),
    missing_reference_sets=("sums",),
)
GENERATION = Generation(
    generation_id="gen-2",
    state=GenerationState.SHADOW,
    model="second",
    model_sha256="ab",
    dimension=64,
    vectors_of="gen-2",
    index=IndexOptions(segment_merge=0, recall=0.5),
    created_at=NOON,
    report=REPORT,
)


def info(**changes: Any) -> reindex_pb2.GenerationInfo:
    def previews(found: tuple[CampaignPreview, ...]) -> list[reindex_pb2.CampaignPreview]:
        return [reindex_pb2.CampaignPreview(campaign_id=p.campaign_id,
                account_count=p.account_count, overlap=p.overlap) for p in found]  # fmt: skip

    report = reindex_pb2.ShadowReport(
        prompts=400, sample=256, recall=0.96875, neighbour_overlap=0.5,
        calibration="shipped default", kept=previews(REPORT.kept),
        appearing=previews(REPORT.appearing), vanishing=previews(REPORT.vanishing),
        missing_reference_sets=["sums"],
    )  # fmt: skip
    made = reindex_pb2.GenerationInfo(
        generation_id="gen-2", state=reindex_pb2.GENERATION_STATE_SHADOW, model="second",
        model_sha256="ab", dimension=64, vectors_of="gen-2", report=report,
        index=reindex_pb2.IndexParameters(segment_merge=0, recall=0.5),
    )  # fmt: skip
    made.create_time.FromDatetime(NOON)
    made.MergeFrom(reindex_pb2.GenerationInfo(**changes))
    return made


def operation(
    name: str = NAME, embedded: int = 0, error: str = "", **fields: Any
) -> operations_pb2.Operation:
    told = reindex_pb2.OperationMetadata(
        generation_id="gen-2", phase=reindex_pb2.OPERATION_PHASE_EMBEDDING, prompts_total=400,
        prompts_embedded=embedded, prompts_indexed=3, prompts_per_second=12.5, tokens=9,
    )  # fmt: skip
    told.create_time.FromDatetime(NOON)
    made = operations_pb2.Operation(name=name, **fields)
    if made.done and not error:
        made.response.Pack(info())
    elif error:
        made.error.CopyFrom(status_pb2.Status(code=code_pb2.ABORTED, message=error))
    else:
        told.remaining.FromMilliseconds(1500)
    made.metadata.Pack(told)
    return made


def answers(answer: Any) -> Behaviour:
    return lambda *_: answer


RUNNING = Operation(
    name=NAME,
    done=False,
    generation_id="gen-2",
    phase=OperationPhase.EMBEDDING,
    prompts_total=400,
    prompts_embedded=7,
    prompts_indexed=3,
    prompts_per_second=12.5,
    remaining=timedelta(seconds=1.5),
    created_at=NOON,
    updated_at=None,
    tokens=9,
    generation=None,
    error=None,
)


def test_generations(script: Script, call: Call) -> None:
    bare = reindex_pb2.GenerationInfo(generation_id="gen-1")
    found = reindex_pb2.ListGenerationsResponse(generations=[bare, info()])
    script.steps["ListGenerations"] = [answers(found)]
    first, second = call(script.connection(), "generations")
    assert second == GENERATION
    assert (first.report, first.created_at, first.index) == (None, None, IndexOptions())


def test_words_are_those_of_the_contract() -> None:
    states, phases = reindex_pb2.GenerationState, reindex_pb2.OperationPhase
    assert [f"GENERATION_STATE_{s.name}" for s in GenerationState] == states.keys()
    assert [f"OPERATION_PHASE_{p.name}" for p in OperationPhase] == phases.keys()
    assert list(states.values()) == list(range(len(GenerationState)))
    assert list(phases.values()) == list(range(len(OperationPhase)))


def test_a_state_of_a_newer_server(script: Script, call: Call) -> None:
    newer: Any = 99
    found = reindex_pb2.ListGenerationsResponse(generations=[info(state=newer)])
    script.steps["ListGenerations"] = [answers(found)]
    [generation] = call(script.connection(), "generations")
    assert generation.state is GenerationState.UNSPECIFIED


@pytest.mark.parametrize(
    "index", [IndexOptions(recall=0.5, segment_merge=0), {"recall": 0.5, "segment_merge": 0}]
)
def test_start_reindex(script: Script, call: Call, index: Any) -> None:
    script.steps["StartReindex"] = [answers(operation(embedded=7))]
    started = call(script.connection(), "start_reindex", "second", index=index, validate_only=True)
    assert started == RUNNING
    [request] = script.requests("StartReindex")
    assert request == reindex_pb2.StartReindexRequest(
        model="second",
        index=reindex_pb2.IndexParameters(recall=0.5, segment_merge=0),
        validate_only=True,
    )


def test_an_index_parameter_that_does_not_exist(script: Script, call: Call) -> None:
    with pytest.raises(ValueError, match="no_such"):
        call(script.connection(), "start_reindex", index={"no_such": 1})
    assert script.calls == []


def test_activate_roll_back_delete(script: Script, call: Call) -> None:
    connection = script.connection()
    done = operation(done=True)
    script.steps["ActivateGeneration"] = [answers(operation("operations/a"))]
    script.steps["RollbackGeneration"] = [answers(done)]
    script.steps["DeleteGeneration"] = [answers(reindex_pb2.DeleteGenerationResponse())]
    assert call(connection, "activate_generation", "gen-2").name == "operations/a"
    assert call(connection, "roll_back_generation").generation == GENERATION
    call(connection, "delete_generation", "gen-1")
    assert script.requests("ActivateGeneration")[0].generation_id == "gen-2"
    assert script.requests("DeleteGeneration")[0].generation_id == "gen-1"


def test_operations(script: Script, call: Call) -> None:
    connection = script.connection(token="t")
    pages = [("2", ["operations/a", "operations/b"]), ("", ["operations/c"])]
    script.steps["ListOperations"] = [
        answers(
            operations_pb2.ListOperationsResponse(
                operations=[operation(name) for name in names], next_page_token=token
            )
        )
        for token, names in pages
    ]
    found = call(connection, "operations")
    assert [o.name[-1] for o in found] == ["a", "b", "c"]
    assert [r.page_token for r in script.requests("ListOperations")] == ["", "2"]
    script.steps["GetOperation"] = [answers(operation(error="out of luck", done=True))]
    failed = call(connection, "operation", NAME)
    assert (failed.error.code, failed.error.message) == (grpc.StatusCode.ABORTED, "out of luck")
    assert (failed.generation, failed.remaining) == (None, None)
    script.steps["CancelOperation"] = [answers(empty_pb2.Empty())]
    call(connection, "cancel_operation", NAME)
    assert script.requests("CancelOperation")[0].name == NAME


def test_wait_until_it_is_done(script: Script, call: Call) -> None:
    script.steps["WaitOperation"] = [
        answers(operation(embedded=7)), answers(operation(embedded=9)),
        answers(operation(embedded=400, done=True)),
    ]  # fmt: skip
    told: list[Operation] = []
    ended = call(script.connection(), "wait_for_operation", NAME, progress=told.append)
    assert ended.generation == GENERATION
    assert [o.prompts_embedded for o in told] == [7, 9, 400]
    requests = script.requests("WaitOperation")
    assert {(r.name, r.timeout.ToTimedelta()) for r in requests} == {(NAME, timedelta(seconds=1))}


def test_wait_for_some_time(script: Script, call: Call) -> None:
    script.steps["WaitOperation"] = [answers(operation(embedded=7))]
    assert call(script.connection(), "wait_for_operation", NAME, timeout=0) == RUNNING
    [request] = script.requests("WaitOperation")
    assert request.HasField("timeout")
    assert request.timeout.ToTimedelta() == timedelta(0)


def test_what_ended_in_an_error(script: Script, call: Call) -> None:
    script.steps["WaitOperation"] = [answers(operation(error="out of luck", done=True))]
    told: list[Operation] = []
    with pytest.raises(OperationError, match="ABORTED: out of luck") as caught:
        call(script.connection(), "wait_for_operation", NAME, progress=told.append)
    assert isinstance(caught.value, SimsvcRpcError)
    assert caught.value.operation == told[0]
    again = copy.copy(caught.value)
    assert (str(again), again.operation) == ("ABORTED: out of luck", told[0])


@pytest.mark.parametrize(
    ("name", "args", "method", "answer"),
    [
        ("generations", [], "ListGenerations", reindex_pb2.ListGenerationsResponse()),
        ("operation", [NAME], "GetOperation", operation()),
        ("operations", [], "ListOperations", operations_pb2.ListOperationsResponse()),
        ("wait_for_operation", [NAME], "WaitOperation", operation(done=True)),
        ("cancel_operation", [NAME], "CancelOperation", empty_pb2.Empty()),
    ],
)
def test_what_may_be_repeated_is_retried(
    script: Script, call: Call, name: str, args: list[Any], method: str, answer: Any
) -> None:
    script.steps[method] = [fail(UNAVAILABLE), answers(answer)]
    call(script.connection(), name, *args)
    assert len(script.requests(method)) == 2


@pytest.mark.parametrize(
    ("name", "args", "method"),
    [
        ("start_reindex", ["second"], "StartReindex"),
        ("activate_generation", ["gen-2"], "ActivateGeneration"),
        ("roll_back_generation", [], "RollbackGeneration"),
        ("delete_generation", ["gen-2"], "DeleteGeneration"),
    ],
)
def test_what_begins_or_deletes_something_is_not_retried(
    script: Script, call: Call, name: str, args: list[Any], method: str
) -> None:
    # A second attempt would fail otherwise: nothing else is scripted.
    script.steps[method] = [fail(UNAVAILABLE)]
    with pytest.raises(SimsvcRpcError) as caught:
        call(script.connection(), name, *args)
    assert caught.value.code is UNAVAILABLE
    assert len(script.requests(method)) == 1
