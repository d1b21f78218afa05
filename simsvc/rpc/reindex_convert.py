"""Generations and the operations that make them, as messages."""

from __future__ import annotations

from google.longrunning import operations_pb2
from google.rpc import code_pb2, status_pb2

from simsvc.core.reindex import Plan
from simsvc.domain.generation import IndexParameters, Job, JobState, Phase, Preview, ShadowReport
from simsvc.ports.generation import Generation
from simsvc.rpc.convert import timestamp
from simsvc.v1 import reindex_pb2

PREFIX = "operations/"


def message(generation: Generation) -> reindex_pb2.GenerationInfo:
    """Return a generation with what its comparison found."""
    report = ShadowReport.from_json(generation.report)
    return reindex_pb2.GenerationInfo(
        generation_id=generation.generation_id,
        state=reindex_pb2.GenerationState.ValueType(generation.state),
        model=generation.model.model,
        model_sha256=generation.model.sha256,
        dimension=generation.model.dimension,
        vectors_of=generation.vectors_of,
        index=reindex_pb2.IndexParameters(**generation.index.chosen()),
        create_time=timestamp(generation.created_at),
        report=_report(report) if report else None,
    )


def parameters(index: reindex_pb2.IndexParameters) -> IndexParameters:
    """Return the parameters that are set."""
    return IndexParameters(**{field.name: value for field, value in index.ListFields()})


def _report(report: ShadowReport) -> reindex_pb2.ShadowReport:
    return reindex_pb2.ShadowReport(
        prompts=report.prompts,
        sample=report.sample,
        recall=report.recall,
        neighbour_overlap=report.overlap,
        calibration=report.calibration,
        kept=map(_preview, report.kept),
        appearing=map(_preview, report.new),
        vanishing=map(_preview, report.vanishing),
        missing_reference_sets=report.references,
    )


def _preview(preview: Preview) -> reindex_pb2.CampaignPreview:
    return reindex_pb2.CampaignPreview(
        campaign_id=preview.campaign_id, account_count=preview.accounts, overlap=preview.overlap
    )


def operation(job: Job, generation: Generation | None) -> operations_pb2.Operation:
    """Return a job as an operation; `generation` is what it has made."""
    made = operations_pb2.Operation(name=f"{PREFIX}{job.job_id}")
    made.metadata.Pack(metadata(job))
    made.done = job.state is not JobState.RUNNING
    if job.state is JobState.SUCCEEDED:
        response = reindex_pb2.GenerationInfo(generation_id=job.generation_id)
        made.response.Pack(message(generation) if generation else response)
    elif job.state is JobState.CANCELLED:
        made.error.CopyFrom(status_pb2.Status(code=code_pb2.CANCELLED, message="cancelled"))
    elif job.state is JobState.FAILED:
        made.error.CopyFrom(status_pb2.Status(code=code_pb2.ABORTED, message=job.error))
    return made


def planned(plan: Plan, generation: reindex_pb2.GenerationInfo) -> operations_pb2.Operation:
    """Return what a reindex would be, as an operation that is done."""
    made = operations_pb2.Operation(done=True)
    told = metadata(plan.job)
    told.tokens = plan.tokens
    made.metadata.Pack(told)
    made.response.Pack(generation)
    return made


def metadata(job: Job) -> reindex_pb2.OperationMetadata:
    """Return how far a job is."""
    told = reindex_pb2.OperationMetadata(
        generation_id=job.generation_id,
        phase=_phase(job.phase),
        prompts_total=job.total,
        prompts_embedded=job.embedded,
        prompts_indexed=job.indexed,
        prompts_per_second=job.rate,
        create_time=timestamp(job.created_at),
        update_time=timestamp(job.updated_at),
    )
    left = job.remaining_seconds
    if left is not None and job.state is JobState.RUNNING:
        told.remaining.FromMilliseconds(int(left * 1000))
    return told


def _phase(phase: Phase) -> reindex_pb2.OperationPhase.ValueType:
    return reindex_pb2.OperationPhase.Value(f"OPERATION_PHASE_{phase.name}")
