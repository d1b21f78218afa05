"""Sharing with partners, in both clients."""

# ruff: noqa: ASYNC109  (a timeout here is gRPC's deadline, which the server gets to know)

from __future__ import annotations

from collections.abc import Iterable

import grpc
import grpc.aio

from simsvc.client import _requests as requests
from simsvc.client._calls import AsyncCalls, Calls
from simsvc.v1 import share_pb2, share_pb2_grpc


def _export(campaign_id: str, form: str, tlp: str) -> share_pb2.ExportCampaignRequest:
    """Return a request. ValueError for an unknown format or marking."""
    level = tlp.upper().replace("+", "_")
    return share_pb2.ExportCampaignRequest(
        campaign_id=campaign_id,
        format=share_pb2.ExportFormat.Value(f"EXPORT_FORMAT_{form.upper()}"),
        tlp=share_pb2.Tlp.Value(f"TLP_{level}"),
    )


class ShareCalls(Calls):
    """What `Client` calls of ShareService."""

    def __init__(self, channel: grpc.Channel) -> None:
        super().__init__(channel)
        self._share = share_pb2_grpc.ShareServiceStub(channel)

    def export_campaign(
        self,
        campaign_id: str,
        form: str = "stix",
        tlp: str = "amber",
        timeout: float | None = requests.LOAD_TIMEOUT,
    ) -> share_pb2.ExportCampaignResponse:
        """Write a campaign for others, as "stix", "csv" or "html"; in the audit log."""
        request = _export(campaign_id, form, tlp)
        return self._call(self._share.ExportCampaign, request, timeout)

    def import_indicators(
        self, bundle: bytes, timeout: float | None = requests.LOAD_TIMEOUT
    ) -> share_pb2.ImportIndicatorsResponse:
        """Take in a partner's STIX bundle and look for it in own traffic."""
        request = share_pb2.ImportIndicatorsRequest(bundle=bundle)
        return self._call(self._share.ImportIndicators, request, timeout)

    def list_indicators(
        self, timeout: float | None = requests.READ_TIMEOUT
    ) -> share_pb2.ListIndicatorsResponse:
        """Return what partners have told."""
        request = share_pb2.ListIndicatorsRequest()
        return self._call(self._share.ListIndicators, request, timeout)

    def match_indicators(
        self, indicator_ids: Iterable[str] = (), timeout: float | None = requests.LOAD_TIMEOUT
    ) -> share_pb2.MatchIndicatorsResponse:
        """Look for indicators in the newest prompts, all for no ids."""
        request = share_pb2.MatchIndicatorsRequest(indicator_ids=list(indicator_ids))
        return self._call(self._share.MatchIndicators, request, timeout)

    def delete_indicator(
        self, indicator_id: str, timeout: float | None = requests.READ_TIMEOUT
    ) -> None:
        """Forget an indicator."""
        request = share_pb2.DeleteIndicatorRequest(indicator_id=indicator_id)
        self._call(self._share.DeleteIndicator, request, timeout)


class AsyncShareCalls(AsyncCalls):
    """What `AsyncClient` calls of ShareService; see `ShareCalls`."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        super().__init__(channel)
        self._share = share_pb2_grpc.ShareServiceStub(channel)

    async def export_campaign(
        self,
        campaign_id: str,
        form: str = "stix",
        tlp: str = "amber",
        timeout: float | None = requests.LOAD_TIMEOUT,
    ) -> share_pb2.ExportCampaignResponse:
        """Write a campaign for others, as "stix", "csv" or "html"; in the audit log."""
        request = _export(campaign_id, form, tlp)
        return await self._call(self._share.ExportCampaign, request, timeout)

    async def import_indicators(
        self, bundle: bytes, timeout: float | None = requests.LOAD_TIMEOUT
    ) -> share_pb2.ImportIndicatorsResponse:
        """Take in a partner's STIX bundle and look for it in own traffic."""
        request = share_pb2.ImportIndicatorsRequest(bundle=bundle)
        return await self._call(self._share.ImportIndicators, request, timeout)

    async def list_indicators(
        self, timeout: float | None = requests.READ_TIMEOUT
    ) -> share_pb2.ListIndicatorsResponse:
        """Return what partners have told."""
        request = share_pb2.ListIndicatorsRequest()
        return await self._call(self._share.ListIndicators, request, timeout)

    async def match_indicators(
        self, indicator_ids: Iterable[str] = (), timeout: float | None = requests.LOAD_TIMEOUT
    ) -> share_pb2.MatchIndicatorsResponse:
        """Look for indicators in the newest prompts, all for no ids."""
        request = share_pb2.MatchIndicatorsRequest(indicator_ids=list(indicator_ids))
        return await self._call(self._share.MatchIndicators, request, timeout)

    async def delete_indicator(
        self, indicator_id: str, timeout: float | None = requests.READ_TIMEOUT
    ) -> None:
        """Forget an indicator."""
        request = share_pb2.DeleteIndicatorRequest(indicator_id=indicator_id)
        await self._call(self._share.DeleteIndicator, request, timeout)
