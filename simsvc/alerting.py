"""What tells webhooks, made from the settings."""

from __future__ import annotations

from simsvc.core.alerts import Alerts
from simsvc.core.feed import CampaignFeed
from simsvc.domain.alerts import RetryRule, Subscription
from simsvc.ports.clock import Clock
from simsvc.record.deliveries import SqlDeliveries
from simsvc.record.open import Database
from simsvc.record.sql import SqlRecord
from simsvc.settings import Settings
from simsvc.settings_alerts import decode_secret
from simsvc.share.alert import AlertWriter
from simsvc.share.sender import Receiver, WebhookSender


def make_alerts(
    settings: Settings, jobs: Database, record: SqlRecord, feed: CampaignFeed, clock: Clock
) -> Alerts:
    """Return what tells webhooks, none if the settings name none. Call on the event loop.

    Deliveries are noted over the engine of `jobs`, not on the writing thread.
    """
    receivers = {
        webhook.name: Receiver(webhook.url.get_secret_value(), decode_secret(webhook.secret))
        for webhook in settings.webhooks
    }
    return Alerts(
        [Subscription(w.name, w.wanted, w.confidence) for w in settings.webhooks],
        SqlDeliveries(jobs.engine),
        record,
        feed,
        WebhookSender(receivers, settings.webhook_timeout),
        RetryRule(settings.webhook_first, settings.webhook_longest, settings.webhook_tries),
        clock,
        AlertWriter(settings.webhook_console).write,
    )
