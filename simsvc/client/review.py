"""Reviews and the audit log, in both clients."""

# ruff: noqa: ASYNC109  (a timeout here is gRPC's deadline, which the server gets to know)

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any, TypeVar

import grpc
import grpc.aio
from google.protobuf.message import Message

from simsvc.client import _requests as requests
from simsvc.client._calls import AsyncCalls, Calls
from simsvc.v1 import campaigns_pb2, review_pb2, review_pb2_grpc

Campaign = campaigns_pb2.Campaign
_M = TypeVar("_M", bound=Message)


def _about(kind: type[_M], campaign: Campaign, **values: Any) -> _M:
    """Return a request about a campaign as the caller has seen it."""
    return kind(campaign_id=campaign.campaign_id, etag=campaign.review.etag, **values)


def _dismissal(campaign: Campaign, reason: str, comment: str) -> review_pb2.DismissCampaignRequest:
    value = campaigns_pb2.DismissalReason.Value(f"DISMISSAL_REASON_{reason.upper()}")
    return _about(review_pb2.DismissCampaignRequest, campaign, reason=value, comment=comment)


class ReviewCalls(Calls):
    """What `Client` calls of ReviewService. None of what changes something is retried.

    Each takes the campaign as it was read, whose etag says what the decision rests on, and returns
    it as it is then. SimsvcRpcError ABORTED if somebody else has decided meanwhile.
    """

    def __init__(self, channel: grpc.Channel) -> None:
        super().__init__(channel)
        self._review = review_pb2_grpc.ReviewServiceStub(channel)

    def assign_campaign(
        self, campaign: Campaign, assignee: str, timeout: float | None = requests.READ_TIMEOUT
    ) -> Campaign:
        """Name who looks after a campaign; "" for nobody."""
        request = _about(review_pb2.AssignCampaignRequest, campaign, assignee=assignee)
        return self._call(self._review.AssignCampaign, request, timeout)

    def comment_campaign(
        self, campaign: Campaign, comment: str, timeout: float | None = requests.READ_TIMEOUT
    ) -> Campaign:
        """Add a remark."""
        request = _about(review_pb2.CommentCampaignRequest, campaign, comment=comment)
        return self._call(self._review.CommentCampaign, request, timeout)

    def confirm_campaign(
        self, campaign: Campaign, comment: str = "", timeout: float | None = requests.READ_TIMEOUT
    ) -> Campaign:
        """Say that a campaign is what it is reported to be."""
        request = _about(review_pb2.ConfirmCampaignRequest, campaign, comment=comment)
        return self._call(self._review.ConfirmCampaign, request, timeout)

    def dismiss_campaign(
        self,
        campaign: Campaign,
        reason: str,
        comment: str = "",
        timeout: float | None = requests.READ_TIMEOUT,
    ) -> Campaign:
        """Say that a campaign is none; `reason` is a DismissalReason such as "viral"."""
        request = _dismissal(campaign, reason, comment)
        return self._call(self._review.DismissCampaign, request, timeout)

    def reopen_campaign(
        self, campaign: Campaign, comment: str = "", timeout: float | None = requests.READ_TIMEOUT
    ) -> Campaign:
        """Take a confirmation or dismissal back."""
        request = _about(review_pb2.ReopenCampaignRequest, campaign, comment=comment)
        return self._call(self._review.ReopenCampaign, request, timeout)

    def exclude_account(
        self,
        campaign: Campaign,
        account_id: str,
        comment: str = "",
        timeout: float | None = requests.READ_TIMEOUT,
    ) -> Campaign:
        """Take an account, by raw id or pseudonym, out of a campaign."""
        request = _about(
            review_pb2.ExcludeAccountRequest, campaign, account_id=account_id, comment=comment
        )
        return self._call(self._review.ExcludeAccount, request, timeout)

    def merge_campaigns(
        self,
        campaign: Campaign,
        merged_campaign_ids: Iterable[str],
        comment: str = "",
        timeout: float | None = requests.READ_TIMEOUT,
    ) -> Campaign:
        """Let other campaigns become part of one."""
        merged = list(merged_campaign_ids)
        request = _about(
            review_pb2.MergeCampaignsRequest, campaign, merged_campaign_ids=merged, comment=comment
        )
        return self._call(self._review.MergeCampaigns, request, timeout)

    def split_campaign(
        self,
        campaign: Campaign,
        account_ids: Iterable[str],
        comment: str = "",
        timeout: float | None = requests.READ_TIMEOUT,
    ) -> Campaign:
        """Make a campaign of its own of some members, and return that."""
        ids = list(account_ids)
        request = _about(
            review_pb2.SplitCampaignRequest, campaign, account_ids=ids, comment=comment
        )
        return self._call(self._review.SplitCampaign, request, timeout)

    def undo_review(
        self, campaign: Campaign, entry_id: str, timeout: float | None = requests.READ_TIMEOUT
    ) -> Campaign:
        """Take one entry of a campaign's history back."""
        request = _about(review_pb2.UndoReviewRequest, campaign, entry_id=entry_id)
        return self._call(self._review.UndoReview, request, timeout)

    def reviews(
        self, campaign_id: str, timeout: float | None = requests.READ_TIMEOUT
    ) -> Iterator[review_pb2.AuditEntry]:
        """Yield what was decided about a campaign, newest first. The timeout is a page's."""
        request = review_pb2.ListReviewsRequest(campaign_id=campaign_id)
        pages = self._pages(self._review.ListReviews, request, timeout)
        return (entry for page in pages for entry in page.entries)

    def audit_entries(
        self,
        *,
        principal: str = "",
        action: str = "",
        campaign_id: str = "",
        page_size: int = 0,
        timeout: float | None = requests.READ_TIMEOUT,
    ) -> Iterator[review_pb2.AuditEntry]:
        """Yield the audit log, newest first. The timeout is a page's."""
        request = review_pb2.ListAuditEntriesRequest(
            principal=principal, action=action, campaign_id=campaign_id, page_size=page_size
        )
        pages = self._pages(self._review.ListAuditEntries, request, timeout)
        return (entry for page in pages for entry in page.entries)

    def verify_audit_log(
        self, timeout: float | None = requests.LOAD_TIMEOUT
    ) -> review_pb2.VerifyAuditLogResponse:
        """Check the hash chain of the audit log."""
        request = review_pb2.VerifyAuditLogRequest()
        return self._call(self._review.VerifyAuditLog, request, timeout)


class AsyncReviewCalls(AsyncCalls):
    """What `AsyncClient` calls of ReviewService; see `ReviewCalls`."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        super().__init__(channel)
        self._review = review_pb2_grpc.ReviewServiceStub(channel)

    async def assign_campaign(
        self, campaign: Campaign, assignee: str, timeout: float | None = requests.READ_TIMEOUT
    ) -> Campaign:
        """Name who looks after a campaign; "" for nobody."""
        request = _about(review_pb2.AssignCampaignRequest, campaign, assignee=assignee)
        return await self._call(self._review.AssignCampaign, request, timeout)

    async def comment_campaign(
        self, campaign: Campaign, comment: str, timeout: float | None = requests.READ_TIMEOUT
    ) -> Campaign:
        """Add a remark."""
        request = _about(review_pb2.CommentCampaignRequest, campaign, comment=comment)
        return await self._call(self._review.CommentCampaign, request, timeout)

    async def confirm_campaign(
        self, campaign: Campaign, comment: str = "", timeout: float | None = requests.READ_TIMEOUT
    ) -> Campaign:
        """Say that a campaign is what it is reported to be."""
        request = _about(review_pb2.ConfirmCampaignRequest, campaign, comment=comment)
        return await self._call(self._review.ConfirmCampaign, request, timeout)

    async def dismiss_campaign(
        self,
        campaign: Campaign,
        reason: str,
        comment: str = "",
        timeout: float | None = requests.READ_TIMEOUT,
    ) -> Campaign:
        """Say that a campaign is none; `reason` is a DismissalReason such as "viral"."""
        request = _dismissal(campaign, reason, comment)
        return await self._call(self._review.DismissCampaign, request, timeout)

    async def reopen_campaign(
        self, campaign: Campaign, comment: str = "", timeout: float | None = requests.READ_TIMEOUT
    ) -> Campaign:
        """Take a confirmation or dismissal back."""
        request = _about(review_pb2.ReopenCampaignRequest, campaign, comment=comment)
        return await self._call(self._review.ReopenCampaign, request, timeout)

    async def exclude_account(
        self,
        campaign: Campaign,
        account_id: str,
        comment: str = "",
        timeout: float | None = requests.READ_TIMEOUT,
    ) -> Campaign:
        """Take an account, by raw id or pseudonym, out of a campaign."""
        request = _about(
            review_pb2.ExcludeAccountRequest, campaign, account_id=account_id, comment=comment
        )
        return await self._call(self._review.ExcludeAccount, request, timeout)

    async def merge_campaigns(
        self,
        campaign: Campaign,
        merged_campaign_ids: Iterable[str],
        comment: str = "",
        timeout: float | None = requests.READ_TIMEOUT,
    ) -> Campaign:
        """Let other campaigns become part of one."""
        merged = list(merged_campaign_ids)
        request = _about(
            review_pb2.MergeCampaignsRequest, campaign, merged_campaign_ids=merged, comment=comment
        )
        return await self._call(self._review.MergeCampaigns, request, timeout)

    async def split_campaign(
        self,
        campaign: Campaign,
        account_ids: Iterable[str],
        comment: str = "",
        timeout: float | None = requests.READ_TIMEOUT,
    ) -> Campaign:
        """Make a campaign of its own of some members, and return that."""
        ids = list(account_ids)
        request = _about(
            review_pb2.SplitCampaignRequest, campaign, account_ids=ids, comment=comment
        )
        return await self._call(self._review.SplitCampaign, request, timeout)

    async def undo_review(
        self, campaign: Campaign, entry_id: str, timeout: float | None = requests.READ_TIMEOUT
    ) -> Campaign:
        """Take one entry of a campaign's history back."""
        request = _about(review_pb2.UndoReviewRequest, campaign, entry_id=entry_id)
        return await self._call(self._review.UndoReview, request, timeout)

    def reviews(
        self, campaign_id: str, timeout: float | None = requests.READ_TIMEOUT
    ) -> AsyncIterator[review_pb2.AuditEntry]:
        """Yield what was decided about a campaign, newest first. The timeout is a page's."""
        request = review_pb2.ListReviewsRequest(campaign_id=campaign_id)
        pages = self._pages(self._review.ListReviews, request, timeout)
        return (entry async for page in pages for entry in page.entries)

    def audit_entries(
        self,
        *,
        principal: str = "",
        action: str = "",
        campaign_id: str = "",
        page_size: int = 0,
        timeout: float | None = requests.READ_TIMEOUT,
    ) -> AsyncIterator[review_pb2.AuditEntry]:
        """Yield the audit log, newest first. The timeout is a page's."""
        request = review_pb2.ListAuditEntriesRequest(
            principal=principal, action=action, campaign_id=campaign_id, page_size=page_size
        )
        pages = self._pages(self._review.ListAuditEntries, request, timeout)
        return (entry async for page in pages for entry in page.entries)

    async def verify_audit_log(
        self, timeout: float | None = requests.LOAD_TIMEOUT
    ) -> review_pb2.VerifyAuditLogResponse:
        """Check the hash chain of the audit log."""
        request = review_pb2.VerifyAuditLogRequest()
        return await self._call(self._review.VerifyAuditLog, request, timeout)
