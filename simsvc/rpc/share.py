"""ShareService."""

from __future__ import annotations

import asyncio

from simsvc.core.indicators import Indicators, Match, Matches
from simsvc.core.sharing import Sharing
from simsvc.domain.errors import InvalidError, Violation
from simsvc.domain.sharing import Indicator, Tlp
from simsvc.domain.validation import Limits, id_violations
from simsvc.ports.clock import Clock
from simsvc.rpc.call import current_call
from simsvc.rpc.convert import account_name, timestamp
from simsvc.rpc.guard import Context
from simsvc.share.export import Exporter, ExportFormat
from simsvc.share.reading import read_bundle
from simsvc.v1 import share_pb2, share_pb2_grpc

_FORMATS = frozenset(int(form) for form in ExportFormat)
_TLPS = frozenset(int(tlp) for tlp in Tlp)
_MOST_IDS = 1000
_ACCOUNTS = 1000


class ShareServicer(share_pb2_grpc.ShareServiceServicer):
    """See share.proto."""

    def __init__(
        self,
        sharing: Sharing,
        indicators: Indicators,
        exporter: Exporter,
        clock: Clock,
        limits: Limits,
    ) -> None:
        self._sharing = sharing
        self._indicators = indicators
        self._exporter = exporter
        self._clock = clock
        self._limits = limits

    async def ExportCampaign(
        self, request: share_pb2.ExportCampaignRequest, context: Context
    ) -> share_pb2.ExportCampaignResponse:
        """See share.proto."""
        wrong = id_violations("campaign_id", request.campaign_id, self._limits)
        if request.format not in _FORMATS:
            wrong.append(Violation("format", "UNKNOWN_FORMAT", "must be one of ExportFormat"))
        if request.tlp and request.tlp not in _TLPS:
            wrong.append(Violation("tlp", "UNKNOWN_TLP", "must be one of Tlp"))
        if wrong:
            raise InvalidError(wrong)
        form, tlp = ExportFormat(request.format), Tlp(request.tlp or Tlp.AMBER)
        how = f"{form.name.lower()} {tlp.label}"
        who = current_call.get().principal
        case = await self._sharing.case(who, request.campaign_id, how)
        now = self._clock.now()
        made = await asyncio.to_thread(self._exporter.write, case, form, tlp, now)
        return share_pb2.ExportCampaignResponse(
            content=made.content, media_type=made.media_type, file_name=made.file_name
        )

    async def ImportIndicators(
        self, request: share_pb2.ImportIndicatorsRequest, context: Context
    ) -> share_pb2.ImportIndicatorsResponse:
        """See share.proto."""
        if not request.bundle:
            raise InvalidError([Violation("bundle", "REQUIRED", "must not be empty")])
        bundle = await asyncio.to_thread(read_bundle, request.bundle)
        who = current_call.get().principal
        taken = await self._indicators.take_in(who, bundle.told)
        found = taken.matches
        told = bundle.told
        old = len(told.indicators) + len(told.withdrawn)
        old -= len(taken.indicators) + len(taken.withdrawn)
        return share_pb2.ImportIndicatorsResponse(
            indicators=[self._indicator(i) for i in taken.indicators],
            passed_over=bundle.passed_over + old,
            withdrawn_indicator_ids=[i.indicator_id for i in taken.withdrawn],
            matches=_matches(found),
            prompts_looked_at=found.looked_at,
            prompts_without_text=found.without_text,
        )

    async def ListIndicators(
        self, request: share_pb2.ListIndicatorsRequest, context: Context
    ) -> share_pb2.ListIndicatorsResponse:
        """See share.proto."""
        held = await self._indicators.all()
        return share_pb2.ListIndicatorsResponse(indicators=[self._indicator(i) for i in held])

    async def MatchIndicators(
        self, request: share_pb2.MatchIndicatorsRequest, context: Context
    ) -> share_pb2.MatchIndicatorsResponse:
        """See share.proto."""
        ids = list(dict.fromkeys(request.indicator_ids))
        if len(ids) > _MOST_IDS:
            text = f"holds more than {_MOST_IDS} ids"
            raise InvalidError([Violation("indicator_ids", "TOO_MANY", text)])
        found = await self._indicators.match(current_call.get().principal, ids)
        return share_pb2.MatchIndicatorsResponse(
            matches=_matches(found),
            prompts_looked_at=found.looked_at,
            prompts_without_text=found.without_text,
            passed_over_indicator_ids=found.passed_over,
        )

    async def DeleteIndicator(
        self, request: share_pb2.DeleteIndicatorRequest, context: Context
    ) -> share_pb2.DeleteIndicatorResponse:
        """See share.proto."""
        wrong = id_violations("indicator_id", request.indicator_id, self._limits)
        if wrong:
            raise InvalidError(wrong)
        await self._indicators.delete(current_call.get().principal, request.indicator_id)
        return share_pb2.DeleteIndicatorResponse()

    def _indicator(self, held: Indicator) -> share_pb2.Indicator:
        return share_pb2.Indicator(
            indicator_id=held.indicator_id,
            kind=share_pb2.IndicatorKind.ValueType(held.kind),
            name=held.name,
            producer=held.producer,
            tlp=share_pb2.Tlp.ValueType(held.tlp),
            key_id=held.key_id,
            key_known=self._indicators.knows(held.key_id),
            valid_from=timestamp(held.valid_from),
            valid_until=timestamp(held.valid_until) if held.valid_until else None,
            confidence=held.confidence,
            import_time=timestamp(held.imported_at) if held.imported_at else None,
        )


def _matches(found: Matches) -> list[share_pb2.IndicatorMatch]:
    return [_match(match, found) for match in found.found]


def _match(match: Match, found: Matches) -> share_pb2.IndicatorMatch:
    indicator, part = match.indicator, match.part
    surest = sorted(match.accounts.items(), key=lambda pair: (-pair[1][0], -pair[1][1], pair[0]))
    return share_pb2.IndicatorMatch(
        indicator_id=indicator.indicator_id,
        indicator_name=indicator.name,
        prompts=match.prompts,
        part=part,
        standard_error=indicator.sketch.error(part),
        accounts=[
            share_pb2.MatchedAccount(
                account=account_name(found.names, account), prompts=count, best_part=best
            )
            for account, (count, best) in surest[:_ACCOUNTS]
        ],
        campaign_ids=found.campaigns[indicator.indicator_id],
    )
