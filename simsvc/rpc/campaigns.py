"""CampaignService."""

from __future__ import annotations

from collections.abc import AsyncIterator

from simsvc.core.access import Role
from simsvc.core.casework import ORDERS, CampaignQuery, CaseFile, Casework
from simsvc.domain.campaign import CampaignState
from simsvc.domain.counter import counter_evidence
from simsvc.domain.errors import InvalidError, Violation
from simsvc.domain.review import Verdict
from simsvc.domain.validation import Limits, id_violations, is_id
from simsvc.domain.verdict import Confidence
from simsvc.rpc.call import current_call
from simsvc.rpc.convert import account_name, campaign_message, member_message, timestamp
from simsvc.rpc.guard import Context
from simsvc.rpc.search import page_size
from simsvc.v1 import campaigns_pb2, campaigns_pb2_grpc

_DEFAULT_PAGE = 50
# In shadow mode, who acts on accounts is not told; who reads campaigns is.
_READERS = frozenset({Role.ANALYST, Role.REVIEWER})
_ENUMS = {"state": CampaignState, "min_confidence": Confidence, "verdict": Verdict}


class CampaignServicer(campaigns_pb2_grpc.CampaignServiceServicer):
    """See campaigns.proto."""

    def __init__(self, casework: Casework, limits: Limits, *, shadow: bool) -> None:
        self._shadow = shadow
        self._casework = casework
        self._limits = limits

    async def ListCampaigns(
        self, request: campaigns_pb2.ListCampaignsRequest, context: Context
    ) -> campaigns_pb2.ListCampaignsResponse:
        """See campaigns.proto."""
        size = page_size(request.page_size, "page_size", _DEFAULT_PAGE, self._limits.page_size)
        page, token = self._casework.page(_query(request), size, request.page_token)
        return campaigns_pb2.ListCampaignsResponse(
            campaigns=map(campaign_message, page), next_page_token=token
        )

    async def GetCampaign(
        self, request: campaigns_pb2.GetCampaignRequest, context: Context
    ) -> campaigns_pb2.Campaign:
        """See campaigns.proto."""
        wrong = id_violations("campaign_id", request.campaign_id, self._limits)
        if wrong:
            raise InvalidError(wrong)
        return case_message(await self._casework.case(request.campaign_id))

    async def WatchCampaigns(
        self, request: campaigns_pb2.WatchCampaignsRequest, context: Context
    ) -> AsyncIterator[campaigns_pb2.WatchCampaignsResponse]:
        """See campaigns.proto."""
        async for event, token in self._casework.watch(request.resume_token):
            yield campaigns_pb2.WatchCampaignsResponse(
                change=campaigns_pb2.CampaignChange.ValueType(event.change),
                campaign=campaign_message(event.campaign),
                change_time=timestamp(event.at),
                resume_token=token,
            )

    async def CheckAccounts(
        self, request: campaigns_pb2.CheckAccountsRequest, context: Context
    ) -> campaigns_pb2.CheckAccountsResponse:
        """See campaigns.proto."""
        self._check_ids(request)
        response = campaigns_pb2.CheckAccountsResponse()
        hidden = self._shadow and not current_call.get().principal.roles & _READERS
        for account_id in request.account_ids:
            result = response.results.add()
            if not hidden and (campaigns := self._casework.check(account_id)):
                result.in_open_campaign = True
                result.campaign_ids.extend(campaigns)
        return response

    def _check_ids(self, request: campaigns_pb2.CheckAccountsRequest) -> None:
        ids, limit = request.account_ids, self._limits.check_accounts
        if not ids:
            raise InvalidError([Violation("account_ids", "REQUIRED", "must hold at least one id")])
        if len(ids) > limit:
            raise InvalidError(
                [Violation("account_ids", "TOO_MANY", f"holds more than {limit} ids")]
            )
        wrong = [
            violation
            for i, account_id in enumerate(ids)
            if not is_id(account_id, self._limits)
            for violation in id_violations(f"account_ids[{i}]", account_id, self._limits)
        ]
        if wrong:
            raise InvalidError(wrong)


def case_message(case: CaseFile) -> campaigns_pb2.Campaign:
    """Return a campaign with all about it."""
    message = campaign_message(case.campaign)
    members = sorted(
        case.campaign.members.values(), key=lambda m: (-m.probability, -m.prompts, m.account)
    )
    message.members.extend(member_message(m, case.names) for m in members)
    message.counter_evidence.extend(counter_evidence(case.campaign))
    message.representative_prompt_ids.extend(str(seq) for seq in case.representatives)
    excluded = sorted(case.campaign.review.excluded)
    message.review.excluded_accounts.extend(account_name(case.names, a) for a in excluded)
    return message


def _query(request: campaigns_pb2.ListCampaignsRequest) -> CampaignQuery:
    wrong = []
    for field, known in _ENUMS.items():
        value = getattr(request, field)
        if value and value not in set(known):
            wrong.append(Violation(field, f"UNKNOWN_{field.upper()}", f"unknown value {value}"))
    order = request.order_by or "update_time"
    if order not in ORDERS:
        wrong.append(Violation("order_by", "UNKNOWN_ORDER", f"must be one of {', '.join(ORDERS)}"))
    if wrong:
        raise InvalidError(wrong)
    return CampaignQuery(
        state=CampaignState(request.state) if request.state else None,
        confidence=Confidence(request.min_confidence) if request.min_confidence else None,
        verdict=Verdict(request.verdict) if request.verdict else None,
        assignee=request.assignee,
        order=order,
    )
