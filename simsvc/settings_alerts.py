"""The settings of alerts."""

from __future__ import annotations

import base64
import binascii
import ipaddress
from urllib.parse import urlsplit

import httpx
from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings

from simsvc.domain.campaign import Change
from simsvc.domain.verdict import Confidence

_LEAST_SECRET = 24
_CHANGES = {change.name.lower(): change for change in Change}
_CONFIDENCES = {confidence.name.lower(): confidence for confidence in Confidence}


class WebhookSettings(BaseModel):
    """A receiver of alerts."""

    name: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")
    url: SecretStr
    secret: SecretStr
    changes: frozenset[str] = frozenset()
    min_confidence: str = "low"

    @field_validator("url")
    @classmethod
    def _is_safe(cls, value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        parts = urlsplit(text)
        try:
            # Later, what cannot be called would end the server.
            httpx.URL(text).host.encode("idna")
            whole = parts.port != 0
        except (httpx.InvalidURL, UnicodeError, ValueError) as error:
            raise ValueError("must be a URL") from error
        if not whole or not parts.hostname or parts.scheme not in ("https", "http"):
            raise ValueError("must be an https URL")
        if parts.scheme == "http" and not _is_here(parts.hostname):
            raise ValueError("must be https, unless it is on this machine")
        return value

    @field_validator("secret")
    @classmethod
    def _is_long(cls, value: SecretStr) -> SecretStr:
        if len(decode_secret(value)) < _LEAST_SECRET:
            raise ValueError(f"must be {_LEAST_SECRET} bytes or more in base64")
        return value

    @model_validator(mode="after")
    def _is_known(self) -> WebhookSettings:
        unknown = self.changes - _CHANGES.keys()
        if unknown:
            raise ValueError(f"changes must be of {', '.join(_CHANGES)}")
        if self.min_confidence not in _CONFIDENCES:
            raise ValueError(f"min_confidence must be one of {', '.join(_CONFIDENCES)}")
        return self

    @property
    def wanted(self) -> frozenset[Change]:
        """Return the changes; none means all."""
        return frozenset(_CHANGES[name] for name in self.changes)

    @property
    def confidence(self) -> Confidence:
        """Return the least confidence."""
        return _CONFIDENCES[self.min_confidence]


class AlertSettings(BaseSettings):
    """See `Settings`, which these are part of."""

    webhooks: tuple[WebhookSettings, ...] = Field(
        (),
        description="Receivers of alerts as {name, url, secret, changes, min_confidence}; the "
        "secret in base64, with or without `whsec_`.",
    )
    webhook_console: str = Field("", description="Base URL of the console, for links in alerts.")
    webhook_timeout: float = Field(10.0, gt=0, description="How long a receiver may take.")
    webhook_first: float = Field(
        5.0, gt=0, description="Time before the second attempt; thrice as long each time."
    )
    webhook_longest: float = Field(6 * 3600.0, gt=0, description="Longest time between attempts.")
    webhook_tries: int = Field(
        12, ge=1, description="Attempts until an alert is a dead letter; 12 take about a day."
    )

    @model_validator(mode="after")
    def _names_differ(self) -> AlertSettings:
        if len({webhook.name for webhook in self.webhooks}) != len(self.webhooks):
            raise ValueError("webhooks must have different names")
        return self


def decode_secret(value: SecretStr) -> bytes:
    """Return the bytes of a webhook's secret."""
    try:
        text = value.get_secret_value().removeprefix("whsec_")
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("must be base64") from error


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
