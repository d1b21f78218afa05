"""InsightService."""

from __future__ import annotations

from simsvc.core.insight.accounts import AccountInsight, Doings
from simsvc.core.insight.campaigns import CampaignInsight, FrameUse, Graph
from simsvc.core.insight.projection import MOST
from simsvc.domain.errors import InvalidError
from simsvc.domain.validation import Limits, id_violations
from simsvc.rpc.call import current_call
from simsvc.rpc.convert import account_name, timestamp
from simsvc.rpc.guard import Context
from simsvc.rpc.search import page_size
from simsvc.v1 import insight_pb2, insight_pb2_grpc

_MOST_POINTS = 20_000
_MOST_ACCOUNTS = 500
_MOST_TWINS = 50


class InsightServicer(insight_pb2_grpc.InsightServiceServicer):
    """See insight.proto."""

    def __init__(
        self, campaigns: CampaignInsight, accounts: AccountInsight, limits: Limits
    ) -> None:
        self._campaigns = campaigns
        self._accounts = accounts
        self._limits = limits

    async def GetCampaignTimeline(
        self, request: insight_pb2.GetCampaignTimelineRequest, context: Context
    ) -> insight_pb2.CampaignTimeline:
        """See insight.proto."""
        self._check("campaign_id", request.campaign_id)
        limit = page_size(request.max_points, "max_points", _MOST_POINTS, _MOST_POINTS)
        found = await self._campaigns.timeline(request.campaign_id, limit)
        accounts = sorted(set(found.rows["account"].tolist()))
        places = {account: place for place, account in enumerate(accounts)}
        return insight_pb2.CampaignTimeline(
            accounts=[account_name(found.names, account) for account in accounts],
            times=found.rows["observed_at"].tolist(),
            account_indexes=[places[a] for a in found.rows["account"].tolist()],
            attributed=found.attributed.tolist(),
            prompt_ids=list(map(str, found.rows["seq"].tolist())),
            total_prompts=found.total,
        )

    async def GetCampaignMap(
        self, request: insight_pb2.GetCampaignMapRequest, context: Context
    ) -> insight_pb2.CampaignMap:
        """See insight.proto."""
        if request.campaign_id:
            self._check("campaign_id", request.campaign_id)
        limit = page_size(request.max_points, "max_points", MOST, MOST)
        found = await self._campaigns.map(request.campaign_id, limit)
        return insight_pb2.CampaignMap(
            background=found.background.ravel().tolist(),
            campaign=found.campaign.ravel().tolist(),
            cover=found.cover.ravel().tolist(),
            campaign_prompt_ids=list(map(str, found.campaign_seqs)),
            cover_prompt_ids=list(map(str, found.cover_seqs)),
            explained_variance=found.projection.explained,
            total_prompts=found.projection.total,
        )

    async def GetCampaignGraph(
        self, request: insight_pb2.GetCampaignGraphRequest, context: Context
    ) -> insight_pb2.CampaignGraph:
        """See insight.proto."""
        self._check("campaign_id", request.campaign_id)
        limit = page_size(request.max_accounts, "max_accounts", 0, _MOST_ACCOUNTS)
        return _graph(await self._campaigns.graph(request.campaign_id, limit))

    async def GetCampaignFrames(
        self, request: insight_pb2.GetCampaignFramesRequest, context: Context
    ) -> insight_pb2.CampaignFrames:
        """See insight.proto."""
        self._check("campaign_id", request.campaign_id)
        who = current_call.get().principal
        found = await self._campaigns.frames(who, request.campaign_id)
        return insight_pb2.CampaignFrames(frames=map(_frame, found))

    async def GetCampaignCoverage(
        self, request: insight_pb2.GetCampaignCoverageRequest, context: Context
    ) -> insight_pb2.CampaignCoverage:
        """See insight.proto."""
        self._check("campaign_id", request.campaign_id)
        found = await self._campaigns.growth(request.campaign_id)
        return insight_pb2.CampaignCoverage(
            prompts=found.prompts,
            distinct=found.distinct,
            times=found.times,
            estimated_size=found.coverage.size or 0,
            unseen_share=found.coverage.unseen,
        )

    async def GetAccountActivity(
        self, request: insight_pb2.GetAccountActivityRequest, context: Context
    ) -> insight_pb2.AccountActivity:
        """See insight.proto."""
        self._check("account_id", request.account_id)
        most = page_size(request.max_twins, "max_twins", 0, _MOST_TWINS)
        who = current_call.get().principal
        return _activity(await self._accounts.doings(who, request.account_id, most))

    def _check(self, field: str, value: str) -> None:
        wrong = id_violations(field, value, self._limits)
        if wrong:
            raise InvalidError(wrong)


def _graph(found: Graph) -> insight_pb2.CampaignGraph:
    message = insight_pb2.CampaignGraph(total_accounts=found.total)
    for member in found.members:
        message.nodes.add(
            account=account_name(found.names, member.account),
            attribution_probability=member.probability,
            prompts=member.prompts,
        )
    for link in found.links:
        message.edges.add(
            source=link.one,
            target=link.other,
            kind=insight_pb2.EdgeKind.ValueType(link.kind),
            weight=link.weight,
            reasons=[text for _, text in link.kinds.values()],
        )
    return message


def _frame(use: FrameUse) -> insight_pb2.CampaignFrame:
    message = insight_pb2.CampaignFrame(
        frame_id=_frame_id(use.frame),
        prompts=use.prompts,
        accounts=use.accounts,
        other_accounts=use.others,
    )
    for seq, spans in use.examples:
        example = message.examples.add(prompt_id=str(seq))
        for span in spans:
            example.spans.add(text=span.text, varying=span.varying)
    return message


def _activity(found: Doings) -> insight_pb2.AccountActivity:
    message = insight_pb2.AccountActivity(
        account=account_name(found.names, found.account),
        days=[insight_pb2.DayVolume(day=timestamp(at), prompts=n) for at, n in found.days],
        breadth=found.breadth,
        median_breadth=found.median_breadth,
        prompts_looked_at=found.looked_at,
        isolation=found.isolation,
    )
    for used in found.frames:
        message.frames.add(
            frame_id=_frame_id(used.frame),
            prompts=used.prompts,
            accounts=used.accounts,
            example_prompt_id=str(used.example),
        )
    for twin in found.twins:
        message.twins.add(
            account=account_name(found.names, twin.account),
            rho=twin.rho,
            prompts=twin.prompts,
            campaign_ids=twin.campaigns,
        )
    return message


def _frame_id(frame: int) -> str:
    return f"frame_{frame:016x}" if frame else ""
