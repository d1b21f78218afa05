"""SearchService."""

from __future__ import annotations

import math

from simsvc.core.casework import Casework
from simsvc.core.lookup import Lookup, SearchFilter, SearchQuery, SearchResult
from simsvc.core.status import Status
from simsvc.domain.errors import InvalidError, Violation
from simsvc.domain.grouping import Group
from simsvc.domain.prompt import views_of
from simsvc.domain.validation import Limits, as_messages, id_violations, message_violations
from simsvc.rpc.call import current_call
from simsvc.rpc.convert import (
    account_name,
    excerpt,
    organization_name,
    pairs_of,
    seq_of,
    stored_prompt,
    time_of,
    timestamp,
)
from simsvc.rpc.guard import Context
from simsvc.v1 import search_pb2, search_pb2_grpc

_DEFAULT_PAGE = 20
_DEFAULT_PER_ACCOUNT = 3
_PAGE_PROMPTS = 2000


class SearchServicer(search_pb2_grpc.SearchServiceServicer):
    """See search.proto."""

    def __init__(
        self, lookup: Lookup, casework: Casework, status: Status, similarity: float
    ) -> None:
        self._lookup = lookup
        self._casework = casework
        self._status = status
        self._limits = status.limits
        self._similarity = similarity

    async def SearchPrompts(
        self, request: search_pb2.SearchPromptsRequest, context: Context
    ) -> search_pb2.SearchPromptsResponse:
        """See search.proto."""
        reader = _Reader(self._limits, self._similarity, self._status.dimension)
        query = reader.query(request)
        found = await self._lookup.search(current_call.get().principal, query)
        return search_pb2.SearchPromptsResponse(
            groups=[_group(group, found) for group in found.page.groups],
            total_accounts=found.page.accounts,
            total_actors=found.page.actors,
            total_prompts=found.page.prompts,
            next_page_token=found.next_token,
            generation=self._status.generation,
            index_lag=self._status.index_lag(),
        )

    async def GetPrompt(
        self, request: search_pb2.GetPromptRequest, context: Context
    ) -> search_pb2.StoredPrompt:
        """See search.proto."""
        seq = seq_of(request.prompt_id, "prompt_id")
        prompt, names = await self._lookup.prompt(current_call.get().principal, seq)
        return stored_prompt(prompt, names)

    async def GetAccount(
        self, request: search_pb2.GetAccountRequest, context: Context
    ) -> search_pb2.Account:
        """See search.proto."""
        wrong = id_violations("account_id", request.account_id, self._limits)
        if wrong:
            raise InvalidError(wrong)
        who = current_call.get().principal
        facts, names = await self._lookup.account(who, request.account_id)
        return search_pb2.Account(
            account=account_name(names, facts.account),
            account_id=names.accounts[facts.account].raw,
            organizations=[organization_name(names, o) for o in facts.organizations],
            first_observed_at=timestamp(facts.first_observed),
            last_observed_at=timestamp(facts.last_observed),
            prompts=facts.prompts,
            distinct_payloads=facts.distinct_payloads,
            campaign_ids=self._casework.campaigns_of(facts.account),
            recent_prompt_ids=[str(seq) for seq in facts.recent],
        )


class _Reader:
    """Reads a search request; InvalidError where it is wrong."""

    def __init__(self, limits: Limits, similarity: float, dimension: int) -> None:
        self._limits = limits
        self._similarity = similarity
        self._dimension = dimension

    def query(self, request: search_pb2.SearchPromptsRequest) -> SearchQuery:
        limit = self._limits.page_size
        kind = request.WhichOneof("query")
        if kind is None:
            raise InvalidError([Violation("query", "REQUIRED", "one kind of query must be set")])
        text = self._text(request) if kind in ("text", "messages") else None
        size = page_size(request.page_size, "page_size", _DEFAULT_PAGE, limit)
        return SearchQuery(
            text=text,
            seq=seq_of(request.prompt_id, "prompt_id") if kind == "prompt_id" else None,
            vector=self._vector(request) if kind == "vector" else None,
            where=self._filter(request.filter),
            page_size=size,
            page_token=request.page_token,
            per_account=page_size(
                request.prompts_per_account,
                "prompts_per_account",
                _DEFAULT_PER_ACCOUNT,
                max(1, _PAGE_PROMPTS // size),
            ),
        )

    def _vector(self, request: search_pb2.SearchPromptsRequest) -> tuple[float, ...]:
        values = request.vector.values
        # Before they are copied: millions would hold up the event loop.
        if len(values) != self._dimension:
            text = f"must hold {self._dimension} values"
            raise InvalidError([Violation("vector.values", "WRONG_SIZE", text)])
        return tuple(values)

    def _text(self, request: search_pb2.SearchPromptsRequest) -> str:
        if request.WhichOneof("query") == "messages":
            pairs = pairs_of(request.messages.messages)
            wrong = [v.under("messages") for v in message_violations(pairs, self._limits)]
            if wrong:
                raise InvalidError(wrong)
            return views_of(as_messages(pairs)).payload
        text = request.text
        if not text.strip():
            raise InvalidError([Violation("text", "EMPTY", "is blank")])
        if len(text.encode()) > self._limits.prompt_bytes:
            limit = self._limits.prompt_bytes
            raise InvalidError([Violation("text", "TOO_LONG", f"longer than {limit} bytes")])
        return text

    def _filter(self, message: search_pb2.SearchFilter) -> SearchFilter:
        wrong = []
        for field in ("account_id", "organization_id"):
            value = getattr(message, field)
            wrong += id_violations(field, value, self._limits) if value else []
        similarity = self._similarity
        if message.HasField("min_similarity"):
            similarity = message.min_similarity
            if math.isnan(similarity) or not -1 <= similarity <= 1:
                wrong.append(Violation("min_similarity", "OUT_OF_RANGE", "must be within [-1, 1]"))
        try:
            start, end = time_of(message, "start_time"), time_of(message, "end_time")
        except InvalidError as error:
            wrong.extend(error.violations)
        else:
            if start is not None and end is not None and start >= end:
                wrong.append(Violation("end_time", "BEFORE_START", "must be after start_time"))
        if wrong:
            raise InvalidError([v.under("filter") for v in wrong])
        return SearchFilter(message.account_id, message.organization_id, start, end, similarity)


def page_size(value: int, field: str, default: int, limit: int) -> int:
    """Return a page size: the default for 0, no more than the limit (AIP-158)."""
    if value < 0:
        raise InvalidError([Violation(field, "NEGATIVE", "must not be negative")])
    return min(value or default, limit)


def _group(group: Group, found: SearchResult) -> search_pb2.AccountMatches:
    return search_pb2.AccountMatches(
        account=account_name(found.names, group.account),
        organization=organization_name(found.names, group.organization),
        match_count=group.count,
        best_similarity=group.best,
        first_observed_at=timestamp(group.first),
        last_observed_at=timestamp(group.last),
        matches=[
            search_pb2.Match(
                similarity=score, prompt=stored_prompt(excerpt(found.prompts[seq]), found.names)
            )
            for seq, score in zip(group.seqs, group.scores, strict=True)
            # Retention may have taken a prompt since the index was asked.
            if seq in found.prompts
        ],
    )
