"""The asyncio client. What its methods do is told in simsvc.client.client."""

# ruff: noqa: ASYNC109  (a timeout here is gRPC's deadline, which the server gets to know)

from __future__ import annotations

from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Iterable,
    Sequence,
)
from typing import Self, Unpack

from grpc_health.v1 import health_pb2

from simsvc.client import _requests as requests
from simsvc.client._calls import call_errors
from simsvc.client._requests import CampaignFilter, Observed, Result, SearchArgs
from simsvc.client.channel import Connection
from simsvc.client.errors import SimsvcRpcError
from simsvc.client.generations import AsyncGenerationCalls
from simsvc.client.insight import AsyncInsightCalls
from simsvc.client.pages import AsyncPageCalls
from simsvc.client.prompts import ObservedPrompt, prompt_message
from simsvc.client.review import AsyncReviewCalls
from simsvc.client.share import AsyncShareCalls
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


class AsyncClient(
    AsyncGenerationCalls, AsyncReviewCalls, AsyncInsightCalls, AsyncShareCalls, AsyncPageCalls
):
    """`Client` for asyncio, with the same methods, arguments and errors.

    Must be made and used in one running event loop. Close a stream that is left early with
    `contextlib.aclosing`, or its call goes on until it is collected.
    """

    def __init__(self, connection: Connection, *, replace_bad_text: bool = True) -> None:
        self._replace_bad_text = replace_bad_text
        self._channel = connection.open_aio()
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

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection."""
        await self._channel.close()

    def encode(self, prompt: ObservedPrompt) -> types_pb2.Prompt:
        """See `Client.encode`."""
        return prompt_message(prompt, replace_bad_text=self._replace_bad_text)

    async def observe(
        self, prompt: ObservedPrompt, timeout: float | None = requests.OBSERVE_TIMEOUT
    ) -> types_pb2.Outcome:
        """See `Client.observe`."""
        request = ingest_pb2.ObservePromptRequest(prompt=self.encode(prompt))
        return (await self._call(self._ingest.ObservePrompt, request, timeout)).outcome

    async def observe_batch(
        self, prompts: Iterable[ObservedPrompt], timeout: float | None = requests.BATCH_TIMEOUT
    ) -> list[Result]:
        """See `Client.observe_batch`."""
        return await self.observe_encoded([self.encode(prompt) for prompt in prompts], timeout)

    async def observe_encoded(
        self,
        prompts: Sequence[types_pb2.Prompt],
        timeout: float | None = requests.BATCH_TIMEOUT,
    ) -> list[Result]:
        """See `Client.observe_encoded`."""
        request = ingest_pb2.BatchObservePromptsRequest(prompts=prompts)
        response = await self._call(self._ingest.BatchObservePrompts, request, timeout)
        return requests.results_of(response, len(prompts))

    async def stream(
        self, prompts: AsyncIterable[ObservedPrompt], timeout: float | None = None
    ) -> AsyncGenerator[Observed, None]:
        """See `Client.stream`; `prompts` is read in a task of gRPC.

        If the server ends the stream while a prompt is being written, grpc.aio may report INTERNAL
        in the place of the server's error (https://github.com/grpc/grpc/issues/36066).
        """
        source = requests.StreamSource(self.encode)
        with call_errors():
            call = self._ingest.StreamPrompts(source.requests_aio(prompts), timeout=timeout)
            try:
                async for response in call:
                    yield requests.observed(response)
            finally:
                call.cancel()
        source.check()

    async def search(
        self, *, timeout: float | None = requests.SEARCH_TIMEOUT, **query: Unpack[SearchArgs]
    ) -> search_pb2.SearchPromptsResponse:
        """See `Client.search`."""
        request = requests.search_request(query, replace_bad_text=self._replace_bad_text)
        return await self._call(self._search.SearchPrompts, request, timeout)

    def search_all(
        self, *, timeout: float | None = requests.SEARCH_TIMEOUT, **query: Unpack[SearchArgs]
    ) -> AsyncIterator[search_pb2.SearchPromptsResponse]:
        """See `Client.search_all`."""
        request = requests.search_request(query, replace_bad_text=self._replace_bad_text)
        return self._pages(self._search.SearchPrompts, request, timeout)

    async def get_prompt(
        self, prompt_id: str, timeout: float | None = requests.READ_TIMEOUT
    ) -> search_pb2.StoredPrompt:
        """See `Client.get_prompt`."""
        request = search_pb2.GetPromptRequest(prompt_id=prompt_id)
        return await self._call(self._search.GetPrompt, request, timeout)

    async def get_account(
        self, account_id: str, timeout: float | None = requests.READ_TIMEOUT
    ) -> search_pb2.Account:
        """See `Client.get_account`."""
        request = search_pb2.GetAccountRequest(account_id=account_id)
        return await self._call(self._search.GetAccount, request, timeout)

    def list_campaigns(
        self,
        *,
        page_size: int = 0,
        timeout: float | None = requests.READ_TIMEOUT,
        **query: Unpack[CampaignFilter],
    ) -> AsyncIterator[campaigns_pb2.Campaign]:
        """See `Client.list_campaigns`."""
        pages = self._pages(
            self._campaigns.ListCampaigns, requests.list_request(query, page_size), timeout
        )
        return (campaign async for page in pages for campaign in page.campaigns)

    async def get_campaign(
        self, campaign_id: str, timeout: float | None = requests.READ_TIMEOUT
    ) -> campaigns_pb2.Campaign:
        """See `Client.get_campaign`."""
        request = campaigns_pb2.GetCampaignRequest(campaign_id=campaign_id)
        return await self._call(self._campaigns.GetCampaign, request, timeout)

    async def watch_campaigns(
        self, resume_token: str = "", timeout: float | None = None
    ) -> AsyncGenerator[campaigns_pb2.WatchCampaignsResponse, None]:
        """See `Client.watch_campaigns`."""
        request = campaigns_pb2.WatchCampaignsRequest(resume_token=resume_token)
        with call_errors():
            call = self._campaigns.WatchCampaigns(request, timeout=timeout)
            try:
                async for response in call:
                    yield response
            finally:
                call.cancel()

    async def check_accounts(
        self, account_ids: Iterable[str], timeout: float | None = requests.READ_TIMEOUT
    ) -> list[campaigns_pb2.AccountCheck]:
        """See `Client.check_accounts`."""
        request = campaigns_pb2.CheckAccountsRequest(account_ids=account_ids)
        return list((await self._call(self._campaigns.CheckAccounts, request, timeout)).results)

    async def load_reference_set(
        self,
        reference_set_id: str,
        texts: Sequence[str],
        *,
        allowed_template: bool = False,
        timeout: float | None = requests.LOAD_TIMEOUT,
    ) -> reference_sets_pb2.ReferenceSet:
        """See `Client.load_reference_set`."""
        made = reference_sets_pb2.ReferenceSet()
        for request in requests.load_requests(reference_set_id, texts, allowed_template):
            made = await self._call(self._references.LoadReferenceSet, request, timeout)
        return made

    async def list_reference_sets(
        self, timeout: float | None = requests.READ_TIMEOUT
    ) -> Sequence[reference_sets_pb2.ReferenceSet]:
        """See `Client.list_reference_sets`."""
        request = reference_sets_pb2.ListReferenceSetsRequest()
        response = await self._call(self._references.ListReferenceSets, request, timeout)
        return response.reference_sets

    async def delete_reference_set(
        self, reference_set_id: str, timeout: float | None = requests.READ_TIMEOUT
    ) -> None:
        """See `Client.delete_reference_set`."""
        request = reference_sets_pb2.DeleteReferenceSetRequest(reference_set_id=reference_set_id)
        await self._call(self._references.DeleteReferenceSet, request, timeout)

    async def server_info(
        self, timeout: float | None = requests.READ_TIMEOUT
    ) -> info_pb2.GetServerInfoResponse:
        """See `Client.server_info`."""
        return await self._call(self._info.GetServerInfo, info_pb2.GetServerInfoRequest(), timeout)

    async def is_serving(
        self, service: str = "", timeout: float | None = requests.HEALTH_TIMEOUT
    ) -> bool:
        """See `Client.is_serving`."""
        request = health_pb2.HealthCheckRequest(service=service)
        try:
            return requests.is_up(await self._call(self._health, request, timeout))
        except SimsvcRpcError as error:
            if requests.is_unreachable(error):
                return False
            raise
