"""What analysts look at, in both clients."""

# ruff: noqa: ASYNC109  (a timeout here is gRPC's deadline, which the server gets to know)

from __future__ import annotations

import grpc
import grpc.aio

from simsvc.client import _requests as requests
from simsvc.client._calls import AsyncCalls, Calls
from simsvc.v1 import insight_pb2, insight_pb2_grpc


class InsightCalls(Calls):
    """What `Client` calls of InsightService."""

    def __init__(self, channel: grpc.Channel) -> None:
        super().__init__(channel)
        self._insight = insight_pb2_grpc.InsightServiceStub(channel)

    def campaign_timeline(
        self, campaign_id: str, max_points: int = 0, timeout: float | None = requests.READ_TIMEOUT
    ) -> insight_pb2.CampaignTimeline:
        """Return when which account of a campaign sent what."""
        request = insight_pb2.GetCampaignTimelineRequest(
            campaign_id=campaign_id, max_points=max_points
        )
        return self._call(self._insight.GetCampaignTimeline, request, timeout)

    def campaign_map(
        self,
        campaign_id: str = "",
        max_points: int = 0,
        timeout: float | None = requests.READ_TIMEOUT,
    ) -> insight_pb2.CampaignMap:
        """Return where a campaign's prompts lie among all; without one, all."""
        request = insight_pb2.GetCampaignMapRequest(campaign_id=campaign_id, max_points=max_points)
        return self._call(self._insight.GetCampaignMap, request, timeout)

    def campaign_graph(
        self, campaign_id: str, max_accounts: int = 0, timeout: float | None = requests.READ_TIMEOUT
    ) -> insight_pb2.CampaignGraph:
        """Return what links the accounts of a campaign."""
        request = insight_pb2.GetCampaignGraphRequest(
            campaign_id=campaign_id, max_accounts=max_accounts
        )
        return self._call(self._insight.GetCampaignGraph, request, timeout)

    def campaign_frames(
        self, campaign_id: str, timeout: float | None = requests.READ_TIMEOUT
    ) -> insight_pb2.CampaignFrames:
        """Return what a campaign's prompts have in common word by word; in the audit log."""
        request = insight_pb2.GetCampaignFramesRequest(campaign_id=campaign_id)
        return self._call(self._insight.GetCampaignFrames, request, timeout)

    def campaign_coverage(
        self, campaign_id: str, timeout: float | None = requests.READ_TIMEOUT
    ) -> insight_pb2.CampaignCoverage:
        """Return how the set that is asked for grows."""
        request = insight_pb2.GetCampaignCoverageRequest(campaign_id=campaign_id)
        return self._call(self._insight.GetCampaignCoverage, request, timeout)

    def account_activity(
        self, account_id: str, max_twins: int = 0, timeout: float | None = requests.READ_TIMEOUT
    ) -> insight_pb2.AccountActivity:
        """Return what an account does, and who is like it; in the audit log."""
        request = insight_pb2.GetAccountActivityRequest(account_id=account_id, max_twins=max_twins)
        return self._call(self._insight.GetAccountActivity, request, timeout)


class AsyncInsightCalls(AsyncCalls):
    """What `AsyncClient` calls of InsightService; see `InsightCalls`."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        super().__init__(channel)
        self._insight = insight_pb2_grpc.InsightServiceStub(channel)

    async def campaign_timeline(
        self, campaign_id: str, max_points: int = 0, timeout: float | None = requests.READ_TIMEOUT
    ) -> insight_pb2.CampaignTimeline:
        """Return when which account of a campaign sent what."""
        request = insight_pb2.GetCampaignTimelineRequest(
            campaign_id=campaign_id, max_points=max_points
        )
        return await self._call(self._insight.GetCampaignTimeline, request, timeout)

    async def campaign_map(
        self,
        campaign_id: str = "",
        max_points: int = 0,
        timeout: float | None = requests.READ_TIMEOUT,
    ) -> insight_pb2.CampaignMap:
        """Return where a campaign's prompts lie among all; without one, all."""
        request = insight_pb2.GetCampaignMapRequest(campaign_id=campaign_id, max_points=max_points)
        return await self._call(self._insight.GetCampaignMap, request, timeout)

    async def campaign_graph(
        self, campaign_id: str, max_accounts: int = 0, timeout: float | None = requests.READ_TIMEOUT
    ) -> insight_pb2.CampaignGraph:
        """Return what links the accounts of a campaign."""
        request = insight_pb2.GetCampaignGraphRequest(
            campaign_id=campaign_id, max_accounts=max_accounts
        )
        return await self._call(self._insight.GetCampaignGraph, request, timeout)

    async def campaign_frames(
        self, campaign_id: str, timeout: float | None = requests.READ_TIMEOUT
    ) -> insight_pb2.CampaignFrames:
        """Return what a campaign's prompts have in common word by word; in the audit log."""
        request = insight_pb2.GetCampaignFramesRequest(campaign_id=campaign_id)
        return await self._call(self._insight.GetCampaignFrames, request, timeout)

    async def campaign_coverage(
        self, campaign_id: str, timeout: float | None = requests.READ_TIMEOUT
    ) -> insight_pb2.CampaignCoverage:
        """Return how the set that is asked for grows."""
        request = insight_pb2.GetCampaignCoverageRequest(campaign_id=campaign_id)
        return await self._call(self._insight.GetCampaignCoverage, request, timeout)

    async def account_activity(
        self, account_id: str, max_twins: int = 0, timeout: float | None = requests.READ_TIMEOUT
    ) -> insight_pb2.AccountActivity:
        """Return what an account does, and who is like it; in the audit log."""
        request = insight_pb2.GetAccountActivityRequest(account_id=account_id, max_twins=max_twins)
        return await self._call(self._insight.GetAccountActivity, request, timeout)
