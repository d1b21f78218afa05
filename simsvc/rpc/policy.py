"""Which roles may call what. A method that is not here may be called by nobody."""

from __future__ import annotations

from dataclasses import dataclass

from google.longrunning import operations_pb2
from google.protobuf.message import Message

from simsvc.core.access import ALL_ROLES, Role
from simsvc.v1 import (
    alerts_pb2,
    campaigns_pb2,
    info_pb2,
    ingest_pb2,
    insight_pb2,
    reference_sets_pb2,
    reindex_pb2,
    review_pb2,
    search_pb2,
    share_pb2,
)

_INGEST = frozenset({Role.INGEST})
_READ = frozenset({Role.ANALYST, Role.REVIEWER})
_CHECK = _READ | _INGEST
_OVERVIEW = _READ | {Role.OPERATOR}
_OPERATE = frozenset({Role.OPERATOR})
_REVIEW = frozenset({Role.REVIEWER})
_CURATE = frozenset({Role.REVIEWER, Role.OPERATOR})


@dataclass(frozen=True, slots=True)
class Method:
    """Who may call a method, what it takes, and which repeated field's items fail singly."""

    roles: frozenset[Role]
    request: type[Message]
    items: str = ""


INGEST, SEARCH, CAMPAIGNS, REVIEW, INSIGHT, SHARE, ALERTS, REFERENCES, REINDEX, INFO = (
    f"simsvc.v1.{name}Service"
    for name in (
        "Ingest", "Search", "Campaign", "Review", "Insight", "Share", "Alert", "ReferenceSet",
        "Reindex", "Info",
    )
)  # fmt: skip
OPERATIONS = "google.longrunning.Operations"
SERVICES = (
    INGEST, SEARCH, CAMPAIGNS, REVIEW, INSIGHT, SHARE, ALERTS, REFERENCES, REINDEX, INFO,
    OPERATIONS,
)  # fmt: skip

METHODS = {
    f"/{INGEST}/ObservePrompt": Method(_INGEST, ingest_pb2.ObservePromptRequest),
    f"/{INGEST}/BatchObservePrompts": Method(
        _INGEST, ingest_pb2.BatchObservePromptsRequest, "prompts"
    ),
    f"/{INGEST}/StreamPrompts": Method(_INGEST, ingest_pb2.StreamPromptsRequest),
    f"/{SEARCH}/SearchPrompts": Method(_READ, search_pb2.SearchPromptsRequest),
    f"/{SEARCH}/GetPrompt": Method(_READ, search_pb2.GetPromptRequest),
    f"/{SEARCH}/GetAccount": Method(_READ, search_pb2.GetAccountRequest),
    f"/{CAMPAIGNS}/ListCampaigns": Method(_OVERVIEW, campaigns_pb2.ListCampaignsRequest),
    f"/{CAMPAIGNS}/GetCampaign": Method(_READ, campaigns_pb2.GetCampaignRequest),
    f"/{CAMPAIGNS}/WatchCampaigns": Method(_READ, campaigns_pb2.WatchCampaignsRequest),
    f"/{CAMPAIGNS}/CheckAccounts": Method(_CHECK, campaigns_pb2.CheckAccountsRequest),
    f"/{REVIEW}/AssignCampaign": Method(_READ, review_pb2.AssignCampaignRequest),
    f"/{REVIEW}/CommentCampaign": Method(_READ, review_pb2.CommentCampaignRequest),
    f"/{REVIEW}/ConfirmCampaign": Method(_REVIEW, review_pb2.ConfirmCampaignRequest),
    f"/{REVIEW}/DismissCampaign": Method(_REVIEW, review_pb2.DismissCampaignRequest),
    f"/{REVIEW}/ReopenCampaign": Method(_REVIEW, review_pb2.ReopenCampaignRequest),
    f"/{REVIEW}/ExcludeAccount": Method(_REVIEW, review_pb2.ExcludeAccountRequest),
    f"/{REVIEW}/MergeCampaigns": Method(_REVIEW, review_pb2.MergeCampaignsRequest),
    f"/{REVIEW}/SplitCampaign": Method(_REVIEW, review_pb2.SplitCampaignRequest),
    f"/{REVIEW}/UndoReview": Method(_READ, review_pb2.UndoReviewRequest),
    f"/{REVIEW}/ListReviews": Method(_READ, review_pb2.ListReviewsRequest),
    f"/{REVIEW}/ListAuditEntries": Method(_CURATE, review_pb2.ListAuditEntriesRequest),
    f"/{REVIEW}/VerifyAuditLog": Method(_CURATE, review_pb2.VerifyAuditLogRequest),
    f"/{INSIGHT}/GetCampaignTimeline": Method(_READ, insight_pb2.GetCampaignTimelineRequest),
    f"/{INSIGHT}/GetCampaignMap": Method(_READ, insight_pb2.GetCampaignMapRequest),
    f"/{INSIGHT}/GetCampaignGraph": Method(_READ, insight_pb2.GetCampaignGraphRequest),
    f"/{INSIGHT}/GetCampaignFrames": Method(_READ, insight_pb2.GetCampaignFramesRequest),
    f"/{INSIGHT}/GetCampaignCoverage": Method(_READ, insight_pb2.GetCampaignCoverageRequest),
    f"/{INSIGHT}/GetAccountActivity": Method(_READ, insight_pb2.GetAccountActivityRequest),
    f"/{SHARE}/ExportCampaign": Method(_REVIEW, share_pb2.ExportCampaignRequest),
    f"/{SHARE}/ImportIndicators": Method(_REVIEW, share_pb2.ImportIndicatorsRequest),
    f"/{SHARE}/ListIndicators": Method(_OVERVIEW, share_pb2.ListIndicatorsRequest),
    f"/{SHARE}/MatchIndicators": Method(_READ, share_pb2.MatchIndicatorsRequest),
    f"/{SHARE}/DeleteIndicator": Method(_CURATE, share_pb2.DeleteIndicatorRequest),
    f"/{ALERTS}/ListWebhooks": Method(_OPERATE, alerts_pb2.ListWebhooksRequest),
    f"/{ALERTS}/ListDeliveries": Method(_OPERATE, alerts_pb2.ListDeliveriesRequest),
    f"/{ALERTS}/RetryDelivery": Method(_OPERATE, alerts_pb2.RetryDeliveryRequest),
    f"/{ALERTS}/TestWebhook": Method(_OPERATE, alerts_pb2.TestWebhookRequest),
    f"/{REFERENCES}/LoadReferenceSet": Method(_CURATE, reference_sets_pb2.LoadReferenceSetRequest),
    f"/{REFERENCES}/ListReferenceSets": Method(
        _OVERVIEW, reference_sets_pb2.ListReferenceSetsRequest
    ),
    f"/{REFERENCES}/DeleteReferenceSet": Method(
        _CURATE, reference_sets_pb2.DeleteReferenceSetRequest
    ),
    f"/{REINDEX}/StartReindex": Method(_OPERATE, reindex_pb2.StartReindexRequest),
    f"/{REINDEX}/ListGenerations": Method(_OVERVIEW, reindex_pb2.ListGenerationsRequest),
    f"/{REINDEX}/ActivateGeneration": Method(_OPERATE, reindex_pb2.ActivateGenerationRequest),
    f"/{REINDEX}/RollbackGeneration": Method(_OPERATE, reindex_pb2.RollbackGenerationRequest),
    f"/{REINDEX}/DeleteGeneration": Method(_OPERATE, reindex_pb2.DeleteGenerationRequest),
    f"/{OPERATIONS}/GetOperation": Method(_OVERVIEW, operations_pb2.GetOperationRequest),
    f"/{OPERATIONS}/ListOperations": Method(_OVERVIEW, operations_pb2.ListOperationsRequest),
    f"/{OPERATIONS}/CancelOperation": Method(_OPERATE, operations_pb2.CancelOperationRequest),
    f"/{OPERATIONS}/DeleteOperation": Method(_OPERATE, operations_pb2.DeleteOperationRequest),
    f"/{OPERATIONS}/WaitOperation": Method(_OVERVIEW, operations_pb2.WaitOperationRequest),
    f"/{INFO}/GetServerInfo": Method(ALL_ROLES, info_pb2.GetServerInfoRequest),
}
