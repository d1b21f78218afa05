"""Alerts on their way, in the sync client."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import grpc

from simsvc.client import _requests as requests
from simsvc.client._calls import Calls
from simsvc.v1 import alerts_pb2, alerts_pb2_grpc


class AlertCalls(Calls):
    """What `Client` calls of AlertService."""

    def __init__(self, channel: grpc.Channel) -> None:
        super().__init__(channel)
        self._alerts = alerts_pb2_grpc.AlertServiceStub(channel)

    def list_webhooks(
        self, timeout: float | None = requests.READ_TIMEOUT
    ) -> Sequence[alerts_pb2.Webhook]:
        """Return the webhooks by name."""
        request = alerts_pb2.ListWebhooksRequest()
        return self._call(self._alerts.ListWebhooks, request, timeout).webhooks

    def deliveries(
        self, state: str = "", page_size: int = 0, timeout: float | None = requests.READ_TIMEOUT
    ) -> Iterator[alerts_pb2.Delivery]:
        """Yield deliveries, newest first; `state` is "pending", "delivered" or "dead".

        ValueError for another state. The timeout is that of each page.
        """
        request = alerts_pb2.ListDeliveriesRequest(page_size=page_size)
        if state:
            request.state = alerts_pb2.DeliveryState.Value(f"DELIVERY_STATE_{state.upper()}")
        pages = self._pages(self._alerts.ListDeliveries, request, timeout)
        return (delivery for page in pages for delivery in page.deliveries)

    def retry_delivery(
        self, delivery_id: str, timeout: float | None = requests.READ_TIMEOUT
    ) -> None:
        """Try a dead delivery again."""
        request = alerts_pb2.RetryDeliveryRequest(delivery_id=delivery_id)
        self._call(self._alerts.RetryDelivery, request, timeout)

    def test_webhook(
        self, webhook: str, timeout: float | None = requests.LOAD_TIMEOUT
    ) -> alerts_pb2.TestWebhookResponse:
        """Send a test to a webhook, once."""
        request = alerts_pb2.TestWebhookRequest(webhook=webhook)
        return self._call(self._alerts.TestWebhook, request, timeout)
