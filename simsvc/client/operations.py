"""Generations and operations as plain values, and how they are asked for and read."""

from __future__ import annotations

import enum
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import grpc
from google.longrunning import operations_pb2
from google.protobuf.timestamp_pb2 import Timestamp

from simsvc.client.errors import SimsvcRpcError, item_error
from simsvc.v1 import reindex_pb2

# Seconds. So often the progress of what is waited for is told, and a lost server noticed.
WAIT = 1.0
_Word = TypeVar("_Word", bound=enum.StrEnum)


class GenerationState(enum.StrEnum):
    """Where a generation stands, in the wire's order. UNSPECIFIED: this client does not know."""

    UNSPECIFIED = "unspecified"
    BUILDING = "building"
    SHADOW = "shadow"
    SERVING = "serving"
    RETIRED = "retired"
    FAILED = "failed"
    CANCELLED = "cancelled"


class OperationPhase(enum.StrEnum):
    """What an operation is at, in the wire's order. UNSPECIFIED: this client does not know."""

    UNSPECIFIED = "unspecified"
    EMBEDDING = "embedding"
    INDEXING = "indexing"
    COMPARING = "comparing"
    LOADING = "loading"
    CATCHING_UP = "catching_up"
    DUAL_EMBEDDING = "dual_embedding"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """What an index is built with; None: what the server's settings say. See `IndexParameters`."""

    segment_prompts: int | None = None
    segment_merge: int | None = None
    segment_largest: int | None = None
    ann_prompts: int | None = None
    recall: float | None = None


@dataclass(frozen=True, slots=True)
class CampaignPreview:
    """A campaign in a report; its id is "" for a group that is none yet."""

    campaign_id: str
    account_count: int
    overlap: float


@dataclass(frozen=True, slots=True)
class ShadowReport:
    """What a generation would change. See `ShadowReport` in reindex.proto."""

    prompts: int
    sample: int
    recall: float
    neighbour_overlap: float
    calibration: str
    kept: tuple[CampaignPreview, ...]
    appearing: tuple[CampaignPreview, ...]
    vanishing: tuple[CampaignPreview, ...]
    missing_reference_sets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Generation:
    """A model, the vectors that it made of all prompts, and an index over them.

    `vectors_of` is the generation whose vectors it uses: itself, unless it has an index alone.
    `report` is there once it was compared.
    """

    generation_id: str
    state: GenerationState
    model: str
    model_sha256: str
    dimension: int
    vectors_of: str
    index: IndexOptions
    created_at: datetime | None
    report: ShadowReport | None


@dataclass(frozen=True, slots=True)
class OperationFailure:
    """Why an operation ended without a result."""

    code: grpc.StatusCode
    message: str


@dataclass(frozen=True, slots=True)
class Operation:
    """Something that takes long. See `OperationMetadata` in reindex.proto.

    `name` is "" for what was only checked, `remaining` None where it is not known, `tokens` 0
    except for what was only checked. `generation` is the result, `error` why there is none.
    """

    name: str
    done: bool
    generation_id: str
    phase: OperationPhase
    prompts_total: int
    prompts_embedded: int
    prompts_indexed: int
    prompts_per_second: float
    remaining: timedelta | None
    created_at: datetime | None
    updated_at: datetime | None
    tokens: int
    generation: Generation | None
    error: OperationFailure | None


class OperationError(SimsvcRpcError):
    """An operation that was waited for ended in an error; the calls about it did not fail."""

    def __init__(self, operation: Operation, failure: OperationFailure) -> None:
        super().__init__(failure.code, failure.message)
        # What makes it again when it is copied or unpickled.
        self.args = (operation, failure)
        self.operation = operation


class Waiting:
    """Waits for an operation in short calls. `timeout` is in seconds, None: until it is done."""

    def __init__(self, name: str, timeout: float | None) -> None:
        self._name = name
        self._end = None if timeout is None else time.monotonic() + timeout

    def request(self) -> operations_pb2.WaitOperationRequest:
        """Return the next request."""
        left = WAIT if self._end is None else min(WAIT, self._end - time.monotonic())
        request = operations_pb2.WaitOperationRequest(name=self._name)
        request.timeout.FromMilliseconds(max(0, int(left * 1000)))
        return request

    def is_over(self, operation: Operation) -> bool:
        """Return whether to stop waiting. OperationError if the operation ended in an error."""
        if operation.error is not None:
            raise OperationError(operation, operation.error)
        return operation.done or (self._end is not None and time.monotonic() >= self._end)


def start_request(
    model: str, index: Mapping[str, int | float] | IndexOptions | None, *, validate_only: bool
) -> reindex_pb2.StartReindexRequest:
    """Return the request of a reindex. ValueError for an index parameter that is unknown."""
    chosen = asdict(index) if isinstance(index, IndexOptions) else dict(index or {})
    parameters = reindex_pb2.IndexParameters(**chosen)
    return reindex_pb2.StartReindexRequest(
        model=model, index=parameters, validate_only=validate_only
    )


def generation_of(info: reindex_pb2.GenerationInfo) -> Generation:
    """Return a generation as a plain value."""
    return Generation(
        generation_id=info.generation_id,
        state=_word(GenerationState, info.state),
        model=info.model,
        model_sha256=info.model_sha256,
        dimension=info.dimension,
        vectors_of=info.vectors_of,
        index=IndexOptions(**{field.name: value for field, value in info.index.ListFields()}),
        created_at=_time(info.create_time),
        report=_report(info.report) if info.HasField("report") else None,
    )


def operation_of(answer: operations_pb2.Operation) -> Operation:
    """Return an operation as a plain value."""
    told = reindex_pb2.OperationMetadata()
    answer.metadata.Unpack(told)
    made = reindex_pb2.GenerationInfo()
    failed = item_error(answer.error)
    return Operation(
        name=answer.name,
        done=answer.done,
        generation_id=told.generation_id,
        phase=_word(OperationPhase, told.phase),
        prompts_total=told.prompts_total,
        prompts_embedded=told.prompts_embedded,
        prompts_indexed=told.prompts_indexed,
        prompts_per_second=told.prompts_per_second,
        remaining=told.remaining.ToTimedelta() if told.HasField("remaining") else None,
        created_at=_time(told.create_time),
        updated_at=_time(told.update_time),
        tokens=told.tokens,
        generation=generation_of(made) if answer.response.Unpack(made) else None,
        error=OperationFailure(failed.code, failed.message) if answer.HasField("error") else None,
    )


def _report(report: reindex_pb2.ShadowReport) -> ShadowReport:
    return ShadowReport(
        prompts=report.prompts,
        sample=report.sample,
        recall=report.recall,
        neighbour_overlap=report.neighbour_overlap,
        calibration=report.calibration,
        kept=tuple(map(_preview, report.kept)),
        appearing=tuple(map(_preview, report.appearing)),
        vanishing=tuple(map(_preview, report.vanishing)),
        missing_reference_sets=tuple(report.missing_reference_sets),
    )


def _preview(preview: reindex_pb2.CampaignPreview) -> CampaignPreview:
    return CampaignPreview(preview.campaign_id, preview.account_count, preview.overlap)


def _word(words: type[_Word], number: int) -> _Word:
    known = list(words)
    # A newer server may have more of them.
    return known[number] if 0 <= number < len(known) else known[0]


def _time(stamp: Timestamp) -> datetime | None:
    return stamp.ToDatetime(UTC) if stamp.ByteSize() else None
