"""A typed client of simsvc, sync (`Client`) and asyncio (`AsyncClient`).

`PromptBuffer` and `AsyncPromptBuffer` are for API backends: they take prompts without slowing the
caller. Messages of the contract that the clients return are named here too; generations and
operations are plain values.
"""

from simsvc.client._requests import CampaignFilter, Observed, Result, SearchArgs
from simsvc.client.aio import AsyncClient
from simsvc.client.aio_buffer import AsyncPromptBuffer
from simsvc.client.buffer import PromptBuffer
from simsvc.client.buffering import BufferOptions, BufferStats
from simsvc.client.channel import Connection
from simsvc.client.client import Client
from simsvc.client.errors import FieldViolation, ItemError, SimsvcRpcError
from simsvc.client.operations import (
    CampaignPreview,
    Generation,
    GenerationState,
    IndexOptions,
    Operation,
    OperationError,
    OperationFailure,
    OperationPhase,
    ShadowReport,
)
from simsvc.client.prompts import ObservedPrompt, clean_text
from simsvc.v1.alerts_pb2 import Delivery, DeliveryState, Webhook
from simsvc.v1.campaigns_pb2 import (
    AccountCheck,
    Campaign,
    CampaignChange,
    CampaignMember,
    CampaignState,
    Confidence,
    DismissalReason,
    Review,
    Verdict,
    WatchCampaignsResponse,
)
from simsvc.v1.info_pb2 import GetServerInfoResponse
from simsvc.v1.insight_pb2 import (
    AccountActivity,
    CampaignCoverage,
    CampaignFrames,
    CampaignGraph,
    CampaignMap,
    CampaignTimeline,
    EdgeKind,
)
from simsvc.v1.reference_sets_pb2 import ReferenceSet, ReferenceSetKind
from simsvc.v1.review_pb2 import AuditEntry, VerifyAuditLogResponse
from simsvc.v1.search_pb2 import (
    Account,
    AccountMatches,
    Match,
    SearchPromptsResponse,
    StoredPrompt,
    TextState,
)
from simsvc.v1.share_pb2 import (
    ExportCampaignResponse,
    ExportFormat,
    Indicator,
    IndicatorKind,
    IndicatorMatch,
    Tlp,
)
from simsvc.v1.types_pb2 import Outcome, Role

__all__ = [
    "Account",
    "AccountActivity",
    "AccountCheck",
    "AccountMatches",
    "AsyncClient",
    "AsyncPromptBuffer",
    "AuditEntry",
    "BufferOptions",
    "BufferStats",
    "Campaign",
    "CampaignChange",
    "CampaignCoverage",
    "CampaignFilter",
    "CampaignFrames",
    "CampaignGraph",
    "CampaignMap",
    "CampaignMember",
    "CampaignPreview",
    "CampaignState",
    "CampaignTimeline",
    "Client",
    "Confidence",
    "Connection",
    "Delivery",
    "DeliveryState",
    "DismissalReason",
    "EdgeKind",
    "ExportCampaignResponse",
    "ExportFormat",
    "FieldViolation",
    "Generation",
    "GenerationState",
    "GetServerInfoResponse",
    "IndexOptions",
    "Indicator",
    "IndicatorKind",
    "IndicatorMatch",
    "ItemError",
    "Match",
    "Observed",
    "ObservedPrompt",
    "Operation",
    "OperationError",
    "OperationFailure",
    "OperationPhase",
    "Outcome",
    "PromptBuffer",
    "ReferenceSet",
    "ReferenceSetKind",
    "Result",
    "Review",
    "Role",
    "SearchArgs",
    "SearchPromptsResponse",
    "ShadowReport",
    "SimsvcRpcError",
    "StoredPrompt",
    "TextState",
    "Tlp",
    "Verdict",
    "VerifyAuditLogResponse",
    "WatchCampaignsResponse",
    "Webhook",
    "clean_text",
]
