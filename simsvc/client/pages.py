"""Single pages of long lists, for what shows them page by page; in the asyncio client."""

# ruff: noqa: ASYNC109  (a timeout here is gRPC's deadline, which the server gets to know)

from __future__ import annotations

from typing import Unpack

import grpc.aio

from simsvc.client import _requests as requests
from simsvc.client._calls import AsyncCalls
from simsvc.client._requests import CampaignFilter
from simsvc.v1 import campaigns_pb2, campaigns_pb2_grpc, review_pb2, review_pb2_grpc


class AsyncPageCalls(AsyncCalls):
    """What `AsyncClient` reads a page at a time. `page_token` is from the page before."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        super().__init__(channel)
        self._campaign_pages = campaigns_pb2_grpc.CampaignServiceStub(channel)
        self._audit_pages = review_pb2_grpc.ReviewServiceStub(channel)

    async def campaigns_page(
        self,
        *,
        page_size: int = 0,
        page_token: str = "",
        timeout: float | None = requests.READ_TIMEOUT,
        **query: Unpack[CampaignFilter],
    ) -> campaigns_pb2.ListCampaignsResponse:
        """Return a page of campaigns. See `CampaignFilter`."""
        request = requests.list_request(query, page_size)
        request.page_token = page_token
        return await self._call(self._campaign_pages.ListCampaigns, request, timeout)

    async def reviews_page(
        self,
        campaign_id: str,
        page_size: int = 0,
        page_token: str = "",
        timeout: float | None = requests.READ_TIMEOUT,
    ) -> review_pb2.ListReviewsResponse:
        """Return a page of what was decided about a campaign, newest first."""
        request = review_pb2.ListReviewsRequest(
            campaign_id=campaign_id, page_size=page_size, page_token=page_token
        )
        return await self._call(self._audit_pages.ListReviews, request, timeout)

    async def audit_page(
        self,
        *,
        principal: str = "",
        action: str = "",
        campaign_id: str = "",
        page_size: int = 0,
        page_token: str = "",
        timeout: float | None = requests.READ_TIMEOUT,
    ) -> review_pb2.ListAuditEntriesResponse:
        """Return a page of the audit log, newest first."""
        request = review_pb2.ListAuditEntriesRequest(
            principal=principal,
            action=action,
            campaign_id=campaign_id,
            page_size=page_size,
            page_token=page_token,
        )
        return await self._call(self._audit_pages.ListAuditEntries, request, timeout)
