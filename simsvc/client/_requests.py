"""What both clients send and how they read the answers."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

import grpc
from grpc_health.v1 import health_pb2

from simsvc.client.errors import ItemError, SimsvcRpcError, item_error
from simsvc.client.prompts import ObservedPrompt, clean_text, messages_of, timestamp
from simsvc.v1 import campaigns_pb2, ingest_pb2, reference_sets_pb2, search_pb2, types_pb2

# Seconds. Before a deadline, the channel makes up to four attempts.
OBSERVE_TIMEOUT = 10.0
BATCH_TIMEOUT = 30.0
SEARCH_TIMEOUT = 30.0
READ_TIMEOUT = 10.0
LOAD_TIMEOUT = 120.0
HEALTH_TIMEOUT = 5.0

HEALTH_CHECK = "/grpc.health.v1.Health/Check"
_LOADED = 256
_UNREACHABLE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
_QUERIES = ("text", "messages", "prompt_id", "vector")

Result = types_pb2.Outcome | ItemError
Encode = Callable[[ObservedPrompt], types_pb2.Prompt]


@dataclass(frozen=True, slots=True)
class Observed:
    """The result of one prompt of a stream; `request_id` tells which."""

    request_id: str
    result: Result


class SearchArgs(TypedDict, total=False):
    """What to search for. One of `text`, `messages`, `prompt_id` and `vector` must be given.

    The others narrow the search and shape the pages; see `SearchPromptsRequest` in search.proto.
    `start` is inclusive, `end` exclusive; both need a time zone. None is as good as left out.
    """

    text: str | None
    messages: Sequence[tuple[str, str]] | None
    prompt_id: str | None
    vector: Sequence[float] | None
    account_id: str | None
    organization_id: str | None
    start: datetime | None
    end: datetime | None
    min_similarity: float | None
    page_size: int | None
    page_token: str | None
    prompts_per_account: int | None


class CampaignFilter(TypedDict, total=False):
    """Which campaigns, and in which order. None and "" are as good as left out.

    `state` is "open", "quiet", "merged" or "dismissed"; `min_confidence` "low", "medium" or "high";
    `verdict` "none", "confirmed" or "dismissed"; `assignee` the name of a token's holder.
    `order_by` is told in `ListCampaignsRequest` in campaigns.proto.
    """

    state: str | None
    min_confidence: str | None
    verdict: str | None
    assignee: str | None
    order_by: str | None


class StreamSource:
    """The requests of a stream.

    A prompt that cannot be encoded ends them, and its error is kept: raised from a request
    iterator it would be lost in gRPC, which tells the caller of a cancelled call only.
    """

    def __init__(self, encode: Encode) -> None:
        self._encode = encode
        self._error: ValueError | None = None

    def requests(
        self, prompts: Iterable[ObservedPrompt]
    ) -> Iterator[ingest_pb2.StreamPromptsRequest]:
        """Yield the request of each prompt."""
        try:
            for prompt in prompts:
                yield ingest_pb2.StreamPromptsRequest(prompt=self._encode(prompt))
        except ValueError as error:
            self._error = error

    async def requests_aio(
        self, prompts: AsyncIterable[ObservedPrompt]
    ) -> AsyncIterator[ingest_pb2.StreamPromptsRequest]:
        """Yield the request of each prompt."""
        try:
            async for prompt in prompts:
                yield ingest_pb2.StreamPromptsRequest(prompt=self._encode(prompt))
        except ValueError as error:
            self._error = error

    def check(self) -> None:
        """Raise the error that ended the requests, if one did."""
        if self._error is not None:
            raise self._error


def search_request(args: SearchArgs, *, replace_bad_text: bool) -> search_pb2.SearchPromptsRequest:
    """Return the request of a search. ValueError for none or several queries, or a bad value."""
    request = search_pb2.SearchPromptsRequest(
        filter=_filter(args),
        page_size=args.get("page_size") or 0,
        page_token=args.get("page_token") or "",
        prompts_per_account=args.get("prompts_per_account") or 0,
    )
    if sum(args.get(kind) is not None for kind in _QUERIES) != 1:
        raise ValueError(f"give one of {', '.join(_QUERIES)}")
    if (text := args.get("text")) is not None:
        # Like the contents of messages, so that a search finds what was observed.
        request.text = clean_text(text) if replace_bad_text else text
    if (messages := args.get("messages")) is not None:
        turns = messages_of(messages, replace_bad_text=replace_bad_text)
        request.messages.CopyFrom(search_pb2.Conversation(messages=turns))
    if (prompt_id := args.get("prompt_id")) is not None:
        request.prompt_id = prompt_id
    if (vector := args.get("vector")) is not None:
        request.vector.CopyFrom(search_pb2.Vector(values=vector))
    return request


def list_request(args: CampaignFilter, page_size: int) -> campaigns_pb2.ListCampaignsRequest:
    """Return the request of the first page of campaigns. ValueError for an unknown name."""
    request = campaigns_pb2.ListCampaignsRequest(
        page_size=page_size,
        assignee=args.get("assignee") or "",
        order_by=args.get("order_by") or "",
    )
    if state := args.get("state"):
        request.state = campaigns_pb2.CampaignState.Value(f"CAMPAIGN_STATE_{state.upper()}")
    if confidence := args.get("min_confidence"):
        name = f"CONFIDENCE_{confidence.upper()}"
        request.min_confidence = campaigns_pb2.Confidence.Value(name)
    if verdict := args.get("verdict"):
        request.verdict = campaigns_pb2.Verdict.Value(f"VERDICT_{verdict.upper()}")
    return request


def results_of(response: ingest_pb2.BatchObservePromptsResponse, sent: int) -> list[Result]:
    """Return the results of a batch. SimsvcRpcError if they are not as many as were sent."""
    if len(response.results) != sent:
        text = f"{len(response.results)} results for {sent} prompts"
        raise SimsvcRpcError(grpc.StatusCode.INTERNAL, text)
    return [_result(result) for result in response.results]


def observed(response: ingest_pb2.StreamPromptsResponse) -> Observed:
    """Return the result of one prompt of a stream."""
    return Observed(response.result.request_id, _result(response.result))


def is_up(answer: health_pb2.HealthCheckResponse) -> bool:
    """Return whether a health check was answered with SERVING."""
    return answer.status == health_pb2.HealthCheckResponse.SERVING


def is_unreachable(error: SimsvcRpcError) -> bool:
    """Return whether an error means that nobody answered."""
    return error.code in _UNREACHABLE


def _result(result: ingest_pb2.ObserveResult) -> Result:
    match result.WhichOneof("result"):
        case "outcome":
            return result.outcome
        case "error":
            return item_error(result.error)
        case _:
            return ItemError(grpc.StatusCode.UNKNOWN, "the server sent no result")


def _filter(args: SearchArgs) -> search_pb2.SearchFilter:
    start, end = args.get("start"), args.get("end")
    return search_pb2.SearchFilter(
        account_id=args.get("account_id") or "",
        organization_id=args.get("organization_id") or "",
        start_time=None if start is None else timestamp(start),
        end_time=None if end is None else timestamp(end),
        min_similarity=args.get("min_similarity"),
    )


def load_requests(
    reference_set_id: str, texts: Sequence[str], allowed_template: bool
) -> Iterator[reference_sets_pb2.LoadReferenceSetRequest]:
    """Yield requests that add texts to a reference set, some at a time."""
    kind = (
        reference_sets_pb2.REFERENCE_SET_KIND_ALLOWED_TEMPLATE
        if allowed_template
        else reference_sets_pb2.REFERENCE_SET_KIND_DATA_SET
    )
    for start in range(0, max(len(texts), 1), _LOADED):
        yield reference_sets_pb2.LoadReferenceSetRequest(
            reference_set_id=reference_set_id,
            kind=kind,
            texts=[clean_text(text) for text in texts[start : start + _LOADED]],
        )
