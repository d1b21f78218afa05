"""ReviewService."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Concatenate, ParamSpec, Protocol

from simsvc.core.access import Principal
from simsvc.core.auditing import AuditLog, AuditPage
from simsvc.core.casework import Casework
from simsvc.core.review import Reviews
from simsvc.domain.audit import AuditEntry, AuditFilter
from simsvc.domain.errors import InvalidError, Violation
from simsvc.domain.review import DismissalReason
from simsvc.domain.validation import Limits, id_violations
from simsvc.rpc.call import current_call
from simsvc.rpc.campaigns import case_message
from simsvc.rpc.convert import seq_of, timestamp
from simsvc.rpc.guard import Context
from simsvc.rpc.search import page_size
from simsvc.v1 import campaigns_pb2, review_pb2, review_pb2_grpc

P = ParamSpec("P")
_DEFAULT_PAGE = 50
_COMMENT_BYTES = 4000
_MOST_ACCOUNTS = 50_000
_MOST_MERGED = 100
_REASONS = frozenset(int(reason) for reason in DismissalReason)


class _AboutCampaign(Protocol):
    """A request that says what campaign it is about, and what of it the caller has seen."""

    campaign_id: str
    etag: str


class ReviewServicer(review_pb2_grpc.ReviewServiceServicer):
    """See review.proto."""

    def __init__(self, reviews: Reviews, log: AuditLog, casework: Casework, limits: Limits) -> None:
        self._reviews = reviews
        self._log = log
        self._casework = casework
        self._limits = limits

    async def AssignCampaign(
        self, request: review_pb2.AssignCampaignRequest, context: Context
    ) -> campaigns_pb2.Campaign:
        """See review.proto."""
        wrong = self._common(request.campaign_id, request.etag)
        if request.assignee:
            wrong += id_violations("assignee", request.assignee, self._limits)
        _refuse(wrong)
        return await self._decided(self._reviews.assign, request, request.assignee)

    async def CommentCampaign(
        self, request: review_pb2.CommentCampaignRequest, context: Context
    ) -> campaigns_pb2.Campaign:
        """See review.proto."""
        wrong = self._common(request.campaign_id, request.etag, request.comment)
        if not request.comment.strip():
            wrong.append(Violation("comment", "REQUIRED", "must not be blank"))
        _refuse(wrong)
        return await self._decided(self._reviews.comment, request, request.comment)

    async def ConfirmCampaign(
        self, request: review_pb2.ConfirmCampaignRequest, context: Context
    ) -> campaigns_pb2.Campaign:
        """See review.proto."""
        _refuse(self._common(request.campaign_id, request.etag, request.comment))
        return await self._decided(self._reviews.confirm, request, request.comment)

    async def DismissCampaign(
        self, request: review_pb2.DismissCampaignRequest, context: Context
    ) -> campaigns_pb2.Campaign:
        """See review.proto."""
        wrong = self._common(request.campaign_id, request.etag, request.comment)
        if request.reason not in _REASONS:
            wrong.append(Violation("reason", "UNKNOWN_REASON", "must be one of DismissalReason"))
        _refuse(wrong)
        reason = DismissalReason(request.reason)
        return await self._decided(self._reviews.dismiss, request, reason, request.comment)

    async def ReopenCampaign(
        self, request: review_pb2.ReopenCampaignRequest, context: Context
    ) -> campaigns_pb2.Campaign:
        """See review.proto."""
        _refuse(self._common(request.campaign_id, request.etag, request.comment))
        return await self._decided(self._reviews.reopen, request, request.comment)

    async def ExcludeAccount(
        self, request: review_pb2.ExcludeAccountRequest, context: Context
    ) -> campaigns_pb2.Campaign:
        """See review.proto."""
        wrong = self._common(request.campaign_id, request.etag, request.comment)
        _refuse(wrong + id_violations("account_id", request.account_id, self._limits))
        return await self._decided(
            self._reviews.exclude, request, request.account_id, request.comment
        )

    async def MergeCampaigns(
        self, request: review_pb2.MergeCampaignsRequest, context: Context
    ) -> campaigns_pb2.Campaign:
        """See review.proto."""
        wrong = self._common(request.campaign_id, request.etag, request.comment)
        ids = request.merged_campaign_ids
        _refuse(wrong + self._each("merged_campaign_ids", ids, _MOST_MERGED))
        return await self._decided(self._reviews.merge, request, ids, request.comment)

    async def SplitCampaign(
        self, request: review_pb2.SplitCampaignRequest, context: Context
    ) -> campaigns_pb2.Campaign:
        """See review.proto."""
        wrong = self._common(request.campaign_id, request.etag, request.comment)
        ids = request.account_ids
        _refuse(wrong + self._each("account_ids", ids, _MOST_ACCOUNTS))
        return await self._decided(self._reviews.split, request, ids, request.comment)

    async def UndoReview(
        self, request: review_pb2.UndoReviewRequest, context: Context
    ) -> campaigns_pb2.Campaign:
        """See review.proto."""
        _refuse(self._common(request.campaign_id, request.etag))
        position = seq_of(request.entry_id, "entry_id")
        return await self._decided(self._reviews.undo, request, position)

    async def ListReviews(
        self, request: review_pb2.ListReviewsRequest, context: Context
    ) -> review_pb2.ListReviewsResponse:
        """See review.proto."""
        _refuse(id_violations("campaign_id", request.campaign_id, self._limits))
        size = page_size(request.page_size, "page_size", _DEFAULT_PAGE, self._limits.page_size)
        page = await self._log.reviews(request.campaign_id, size, request.page_token)
        return review_pb2.ListReviewsResponse(
            entries=_entries(page), next_page_token=page.next_token
        )

    async def ListAuditEntries(
        self, request: review_pb2.ListAuditEntriesRequest, context: Context
    ) -> review_pb2.ListAuditEntriesResponse:
        """See review.proto."""
        where = AuditFilter(request.principal, request.action, request.campaign_id)
        wrong = []
        for field in ("principal", "action", "campaign_id"):
            value = getattr(request, field)
            wrong += id_violations(field, value, self._limits) if value else []
        _refuse(wrong)
        size = page_size(request.page_size, "page_size", _DEFAULT_PAGE, self._limits.page_size)
        page = await self._log.page(where, size, request.page_token)
        return review_pb2.ListAuditEntriesResponse(
            entries=_entries(page), next_page_token=page.next_token
        )

    async def VerifyAuditLog(
        self, request: review_pb2.VerifyAuditLogRequest, context: Context
    ) -> review_pb2.VerifyAuditLogResponse:
        """See review.proto."""
        report = await self._log.verify()
        return review_pb2.VerifyAuditLogResponse(
            entries=report.entries,
            unchained=report.unchained,
            head=report.head.hex(),
            first_broken_entry_id=str(report.broken) if report.broken else "",
        )

    async def _decided(
        self,
        decide: Callable[Concatenate[Principal, str, str, P], Awaitable[str]],
        request: _AboutCampaign,
        *values: P.args,
        **named: P.kwargs,
    ) -> campaigns_pb2.Campaign:
        """Let the caller decide, and answer with what the campaign is then."""
        who = current_call.get().principal
        name = await decide(who, request.campaign_id, request.etag, *values, **named)
        return case_message(await self._casework.case(name))

    def _common(self, campaign_id: str, etag: str, comment: str = "") -> list[Violation]:
        wrong = id_violations("campaign_id", campaign_id, self._limits)
        wrong += id_violations("etag", etag, self._limits)
        if len(comment.encode()) > _COMMENT_BYTES:
            wrong.append(Violation("comment", "TOO_LONG", f"longer than {_COMMENT_BYTES} bytes"))
        if "\0" in comment:
            wrong.append(Violation("comment", "NUL", "holds a NUL character"))
        return wrong

    def _each(self, field: str, ids: Sequence[str], most: int) -> list[Violation]:
        if not ids:
            return [Violation(field, "REQUIRED", "must hold at least one id")]
        if len(ids) > most:
            return [Violation(field, "TOO_MANY", f"holds more than {most} ids")]
        return [
            violation
            for i, value in enumerate(ids)
            for violation in id_violations(f"{field}[{i}]", value, self._limits)
        ]


def _refuse(wrong: Sequence[Violation]) -> None:
    if wrong:
        raise InvalidError(wrong)


def _entries(page: AuditPage) -> list[review_pb2.AuditEntry]:
    return [_entry(entry, undoable=entry.position in page.undoable) for entry in page.entries]


def _entry(entry: AuditEntry, *, undoable: bool) -> review_pb2.AuditEntry:
    note = entry.note
    return review_pb2.AuditEntry(
        entry_id=str(entry.position),
        time=timestamp(note.at),
        principal=note.principal,
        action=note.action,
        subject=note.subject,
        campaign_id=note.campaign_id,
        before=note.before,
        after=note.after,
        comment=note.comment,
        undoes=str(note.undoes) if note.undoes else "",
        undone_by=str(entry.undone_by) if entry.undone_by else "",
        hash=entry.digest.hex(),
        undoable=undoable,
    )
