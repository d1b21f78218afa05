"""The sync client."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import Self, Unpack

from grpc_health.v1 import health_pb2

from simsvc.client import _requests as requests
from simsvc.client._requests import CampaignFilter, Observed, Result, SearchArgs
from simsvc.client.alerts import AlertCalls
from simsvc.client.channel import Connection
from simsvc.client.errors import SimsvcRpcError, rpc_errors
from simsvc.client.generations import GenerationCalls
from simsvc.client.insight import InsightCalls
from simsvc.client.prompts import ObservedPrompt, prompt_message
from simsvc.client.review import ReviewCalls
from simsvc.client.share import ShareCalls
from simsvc.v1 import (
    campaigns_pb2,
    campaigns_pb2_grpc,
    info_pb2,
    info_pb2_grpc,
    ingest_pb2,
    ingest_pb2_grpc,
    reference_sets_pb2,
    reference_sets_pb2_grpc,
    search_pb2,
    search_pb2_grpc,
    types_pb2,
)


class Client(GenerationCalls, ReviewCalls, InsightCalls, ShareCalls, AlertCalls):
    """Calls a simsvc server. May be used by many threads at once.

    Every method raises SimsvcRpcError if the call fails, and ValueError for arguments that cannot
    be sent. Timeouts are in seconds and include retries; None is none. Calls in progress fail with
    CANCELLED when the client is closed.

    `replace_bad_text` puts contents of messages, and the text of a search, through `clean_text`.
    Without it, the server refuses NUL and a lone surrogate is a ValueError.
    """

    def __init__(self, connection: Connection, *, replace_bad_text: bool = True) -> None:
        self._replace_bad_text = replace_bad_text
        self._channel = connection.open()
        super().__init__(self._channel)
        self._ingest = ingest_pb2_grpc.IngestServiceStub(self._channel)
        self._search = search_pb2_grpc.SearchServiceStub(self._channel)
        self._campaigns = campaigns_pb2_grpc.CampaignServiceStub(self._channel)
        self._references = reference_sets_pb2_grpc.ReferenceSetServiceStub(self._channel)
        self._info = info_pb2_grpc.InfoServiceStub(self._channel)
        self._health = self._channel.unary_unary(
            requests.HEALTH_CHECK,
            health_pb2.HealthCheckRequest.SerializeToString,
            health_pb2.HealthCheckResponse.FromString,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    def encode(self, prompt: ObservedPrompt) -> types_pb2.Prompt:
        """Return a prompt as this client sends it, for `observe_encoded`."""
        return prompt_message(prompt, replace_bad_text=self._replace_bad_text)

    def observe(
        self, prompt: ObservedPrompt, timeout: float | None = requests.OBSERVE_TIMEOUT
    ) -> types_pb2.Outcome:
        """Observe one prompt. It is on the server's disk when this returns."""
        request = ingest_pb2.ObservePromptRequest(prompt=self.encode(prompt))
        return self._call(self._ingest.ObservePrompt, request, timeout).outcome

    def observe_batch(
        self, prompts: Iterable[ObservedPrompt], timeout: float | None = requests.BATCH_TIMEOUT
    ) -> list[Result]:
        """Observe prompts, at most `Limits.batch_prompts`. One result for each, in their order."""
        return self.observe_encoded([self.encode(prompt) for prompt in prompts], timeout)

    def observe_encoded(
        self,
        prompts: Sequence[types_pb2.Prompt],
        timeout: float | None = requests.BATCH_TIMEOUT,
    ) -> list[Result]:
        """Do the same for prompts that were encoded before."""
        request = ingest_pb2.BatchObservePromptsRequest(prompts=prompts)
        response = self._call(self._ingest.BatchObservePrompts, request, timeout)
        return requests.results_of(response, len(prompts))

    def stream(
        self, prompts: Iterable[ObservedPrompt], timeout: float | None = None
    ) -> Generator[Observed, None, None]:
        """Observe prompts as they come, and yield their results as those do, in any order.

        `prompts` is read in a thread of gRPC, from the first result asked for on and no faster
        than the server can take it. There are no retries.
        """
        source = requests.StreamSource(self.encode)
        with rpc_errors():
            call = self._ingest.StreamPrompts(source.requests(prompts), timeout=timeout)
            try:
                yield from map(requests.observed, call)
            finally:
                call.cancel()
        source.check()

    def search(
        self, *, timeout: float | None = requests.SEARCH_TIMEOUT, **query: Unpack[SearchArgs]
    ) -> search_pb2.SearchPromptsResponse:
        """Return one page of similar prompts, grouped by account. See `SearchArgs`."""
        request = requests.search_request(query, replace_bad_text=self._replace_bad_text)
        return self._call(self._search.SearchPrompts, request, timeout)

    def search_all(
        self, *, timeout: float | None = requests.SEARCH_TIMEOUT, **query: Unpack[SearchArgs]
    ) -> Iterator[search_pb2.SearchPromptsResponse]:
        """Yield all pages of a search. The timeout is that of each page."""
        request = requests.search_request(query, replace_bad_text=self._replace_bad_text)
        return self._pages(self._search.SearchPrompts, request, timeout)

    def get_prompt(
        self, prompt_id: str, timeout: float | None = requests.READ_TIMEOUT
    ) -> search_pb2.StoredPrompt:
        """Return a prompt of the record."""
        request = search_pb2.GetPromptRequest(prompt_id=prompt_id)
        return self._call(self._search.GetPrompt, request, timeout)

    def get_account(
        self, account_id: str, timeout: float | None = requests.READ_TIMEOUT
    ) -> search_pb2.Account:
        """Return what is known of an account, by its raw id or its pseudonym."""
        request = search_pb2.GetAccountRequest(account_id=account_id)
        return self._call(self._search.GetAccount, request, timeout)

    def list_campaigns(
        self,
        *,
        page_size: int = 0,
        timeout: float | None = requests.READ_TIMEOUT,
        **query: Unpack[CampaignFilter],
    ) -> Iterator[campaigns_pb2.Campaign]:
        """Yield campaigns, latest change first unless told otherwise. See `CampaignFilter`.

        Pages are fetched as they are needed; the timeout is that of each.
        """
        pages = self._pages(
            self._campaigns.ListCampaigns, requests.list_request(query, page_size), timeout
        )
        return (campaign for page in pages for campaign in page.campaigns)

    def get_campaign(
        self, campaign_id: str, timeout: float | None = requests.READ_TIMEOUT
    ) -> campaigns_pb2.Campaign:
        """Return a campaign with its members and evidence."""
        request = campaigns_pb2.GetCampaignRequest(campaign_id=campaign_id)
        return self._call(self._campaigns.GetCampaign, request, timeout)

    def watch_campaigns(
        self, resume_token: str = "", timeout: float | None = None
    ) -> Generator[campaigns_pb2.WatchCampaignsResponse, None, None]:
        """Yield every change after a token, then new ones as they happen. No retries."""
        request = campaigns_pb2.WatchCampaignsRequest(resume_token=resume_token)
        with rpc_errors():
            call = self._campaigns.WatchCampaigns(request, timeout=timeout)
            try:
                yield from call
            finally:
                call.cancel()

    def check_accounts(
        self, account_ids: Iterable[str], timeout: float | None = requests.READ_TIMEOUT
    ) -> list[campaigns_pb2.AccountCheck]:
        """Tell for each raw account id, at most `Limits.check_accounts`, if it is in a campaign."""
        request = campaigns_pb2.CheckAccountsRequest(account_ids=account_ids)
        return list(self._call(self._campaigns.CheckAccounts, request, timeout).results)

    def load_reference_set(
        self,
        reference_set_id: str,
        texts: Sequence[str],
        *,
        allowed_template: bool = False,
        timeout: float | None = requests.LOAD_TIMEOUT,
    ) -> reference_sets_pb2.ReferenceSet:
        """Add prompts of a known data set, or templates that are allowed, in several calls.

        A call that failed may be repeated: what is there is not added again.
        """
        made = reference_sets_pb2.ReferenceSet()
        for request in requests.load_requests(reference_set_id, texts, allowed_template):
            made = self._call(self._references.LoadReferenceSet, request, timeout)
        return made

    def list_reference_sets(
        self, timeout: float | None = requests.READ_TIMEOUT
    ) -> Sequence[reference_sets_pb2.ReferenceSet]:
        """Return all reference sets by id."""
        request = reference_sets_pb2.ListReferenceSetsRequest()
        return self._call(self._references.ListReferenceSets, request, timeout).reference_sets

    def delete_reference_set(
        self, reference_set_id: str, timeout: float | None = requests.READ_TIMEOUT
    ) -> None:
        """Delete a reference set."""
        request = reference_sets_pb2.DeleteReferenceSetRequest(reference_set_id=reference_set_id)
        self._call(self._references.DeleteReferenceSet, request, timeout)

    def server_info(
        self, timeout: float | None = requests.READ_TIMEOUT
    ) -> info_pb2.GetServerInfoResponse:
        """Return what the server is, with its limits."""
        return self._call(self._info.GetServerInfo, info_pb2.GetServerInfoRequest(), timeout)

    def is_serving(
        self, service: str = "", timeout: float | None = requests.HEALTH_TIMEOUT
    ) -> bool:
        """Return whether the server, or one service ("simsvc.v1.IngestService"), can be used.

        False if it cannot be reached; SimsvcRpcError for any other failure.
        """
        request = health_pb2.HealthCheckRequest(service=service)
        try:
            return requests.is_up(self._call(self._health, request, timeout))
        except SimsvcRpcError as error:
            if requests.is_unreachable(error):
                return False
            raise
