"""InfoService."""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration

from simsvc.core.status import Status
from simsvc.domain.validation import Limits
from simsvc.rpc.call import current_call
from simsvc.rpc.guard import Context
from simsvc.v1 import info_pb2, info_pb2_grpc


class InfoServicer(info_pb2_grpc.InfoServiceServicer):
    """See info.proto."""

    def __init__(self, status: Status) -> None:
        self._status = status

    async def GetServerInfo(
        self, request: info_pb2.GetServerInfoRequest, context: Context
    ) -> info_pb2.GetServerInfoResponse:
        """See info.proto."""
        status, who = self._status, current_call.get().principal
        return info_pb2.GetServerInfoResponse(
            version=status.version,
            generation=_generation(status),
            limits=_limits(status.limits),
            index=_index(status),
            detection=_detection(status),
            principal=who.name,
            roles=sorted(who.roles),
        )


def _generation(status: Status) -> info_pb2.Generation:
    model = status.model
    return info_pb2.Generation(
        generation_id=status.generation,
        model=model.model,
        model_sha256=model.sha256,
        dimension=model.dimension,
        window_tokens=model.window_tokens,
        max_windows=model.max_windows,
    )


def _limits(limits: Limits) -> info_pb2.Limits:
    return info_pb2.Limits(
        batch_prompts=limits.batch_prompts,
        prompt_bytes=limits.prompt_bytes,
        messages=limits.messages,
        id_bytes=limits.id_bytes,
        attributes=limits.attributes,
        attribute_bytes=limits.attribute_bytes,
        page_size=limits.page_size,
        check_accounts=limits.check_accounts,
        in_flight_prompts=limits.in_flight_prompts,
        retention=_duration(limits.retention * 1e6),
        clock_skew=_duration(limits.clock_skew * 1e6),
    )


def _index(status: Status) -> info_pb2.Index:
    stats = status.index()
    return info_pb2.Index(
        prompts=stats.prompts,
        segments=stats.segments,
        lag=status.index_lag(),
        snapshot_checkpoint=status.snapshot_checkpoint(),
    )


def _detection(status: Status) -> info_pb2.Detection:
    detection = status.detection()
    return info_pb2.Detection(
        accounts=detection.accounts,
        families=detection.families,
        open_campaigns=detection.open_campaigns,
        history=_duration(detection.history),
        history_sufficient=detection.history_sufficient,
        calibration=info_pb2.Calibration(
            source=status.calibration.source,
            sufficient=status.calibration.sufficient,
            remark=status.calibration.remark(),
            prompts=status.calibration.prompts,
            accounts=status.calibration.accounts,
            confirmed=status.calibration.confirmed,
            dismissed=status.calibration.dismissed,
        ),
        shadow=status.shadow,
        prompts_not_looked_at=detection.unlooked,
        unconfirmed_groups=detection.unconfirmed,
    )


def _duration(micros: float) -> Duration:
    duration = Duration()
    duration.FromMicroseconds(int(micros))
    return duration
