"""AlertService."""

from __future__ import annotations

from collections.abc import Callable

from simsvc.core.alerts import Alerts
from simsvc.domain.alerts import Delivery, DeliveryState
from simsvc.domain.errors import InvalidError, Violation
from simsvc.domain.tokens import TokenSealer
from simsvc.domain.validation import Limits, id_violations
from simsvc.rpc.convert import timestamp
from simsvc.rpc.guard import Context
from simsvc.rpc.search import page_size
from simsvc.v1 import alerts_pb2, alerts_pb2_grpc

_DEFAULT_PAGE = 50
_STATES = frozenset(int(state) for state in DeliveryState)


class AlertServicer(alerts_pb2_grpc.AlertServiceServicer):
    """See alerts.proto. `test_body` writes the body of a test, given its id."""

    def __init__(
        self, alerts: Alerts, sealer: TokenSealer, limits: Limits, test_body: Callable[[str], str]
    ) -> None:
        self._alerts = alerts
        self._sealer = sealer
        self._limits = limits
        self._test_body = test_body

    async def ListWebhooks(
        self, request: alerts_pb2.ListWebhooksRequest, context: Context
    ) -> alerts_pb2.ListWebhooksResponse:
        """See alerts.proto."""
        response = alerts_pb2.ListWebhooksResponse()
        for name, wanted in sorted(self._alerts.webhooks.items()):
            changes = sorted(change.name.lower() for change in wanted.changes)
            response.webhooks.add(name=name, changes=changes, gone=self._alerts.is_gone(name))
        return response

    async def ListDeliveries(
        self, request: alerts_pb2.ListDeliveriesRequest, context: Context
    ) -> alerts_pb2.ListDeliveriesResponse:
        """See alerts.proto."""
        if request.state and request.state not in _STATES:
            text = f"unknown state {request.state}"
            raise InvalidError([Violation("state", "UNKNOWN_STATE", text)])
        state = DeliveryState(request.state) if request.state else None
        size = page_size(request.page_size, "page_size", _DEFAULT_PAGE, self._limits.page_size)
        query = f"deliveries {state}"
        after = None
        if request.page_token:
            at, name = self._sealer.open(query, request.page_token, "page_token")
            after = (int(at), str(name))
        found = await self._alerts.page(state, after, size + 1)
        page = found[:size]
        token = ""
        if len(found) > size:
            token = self._sealer.seal(query, [page[-1].created_at, page[-1].delivery_id])
        return alerts_pb2.ListDeliveriesResponse(
            deliveries=map(_delivery, page), next_page_token=token
        )

    async def RetryDelivery(
        self, request: alerts_pb2.RetryDeliveryRequest, context: Context
    ) -> alerts_pb2.RetryDeliveryResponse:
        """See alerts.proto."""
        self._check("delivery_id", request.delivery_id)
        await self._alerts.retry(request.delivery_id)
        return alerts_pb2.RetryDeliveryResponse()

    async def TestWebhook(
        self, request: alerts_pb2.TestWebhookRequest, context: Context
    ) -> alerts_pb2.TestWebhookResponse:
        """See alerts.proto."""
        self._check("webhook", request.webhook)
        answer = await self._alerts.test(request.webhook, self._test_body)
        return alerts_pb2.TestWebhookResponse(status=answer.status, problem=answer.problem)

    def _check(self, field: str, value: str) -> None:
        wrong = id_violations(field, value, self._limits)
        if wrong:
            raise InvalidError(wrong)


def _delivery(held: Delivery) -> alerts_pb2.Delivery:
    pending = held.state is DeliveryState.PENDING
    return alerts_pb2.Delivery(
        delivery_id=held.delivery_id,
        webhook=held.webhook,
        campaign_id=held.campaign_id,
        change=held.change.name.lower(),
        state=alerts_pb2.DeliveryState.ValueType(held.state),
        attempts=held.attempts,
        status=held.status,
        problem=held.problem,
        create_time=timestamp(held.created_at),
        update_time=timestamp(held.updated_at),
        next_attempt_time=timestamp(held.next_at) if pending else None,
    )
