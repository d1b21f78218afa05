"""Sends alerts over HTTP, signed as Standard Webhooks has it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from simsvc.domain.alerts import Answer

_LONGEST_PAUSE = 6 * 3600.0
# `str.isdigit` also takes what `float` does not, such as "²".
_SECONDS = re.compile(r"\s*[0-9]+\s*")


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where a webhook is, and the secret it is signed with."""

    url: str
    secret: bytes


class WebhookSender:
    """Makes one attempt, of `timeout` seconds in all. `close` it at the end.

    Nothing of an answer is read but its status and Retry-After; redirects are not followed, since
    whoever answers must not choose where alerts go.
    """

    def __init__(self, receivers: Mapping[str, Receiver], timeout: float) -> None:
        self._receivers = dict(receivers)
        self._timeout = timeout
        # What one receiver sets is told to none.
        cookies = CookieJar(DefaultCookiePolicy(allowed_domains=()))
        self._client = httpx.AsyncClient(
            timeout=timeout, follow_redirects=False, trust_env=False, cookies=cookies
        )

    async def send(self, webhook: str, delivery_id: str, body: str) -> Answer:
        """See `Sends.send`."""
        receiver = self._receivers[webhook]
        content = body.encode()
        sent_at = int(time.time())
        headers = {
            "content-type": "application/json",
            "user-agent": "simsvc-webhooks/1",
            "webhook-id": delivery_id,
            "webhook-timestamp": str(sent_at),
            "webhook-signature": signature(receiver.secret, delivery_id, sent_at, content),
        }
        request = self._client.build_request("POST", receiver.url, content=content, headers=headers)
        try:
            # The client's own timeout is for each byte that comes.
            async with asyncio.timeout(self._timeout):
                response = await self._client.send(request, stream=True)
                await response.aclose()
        except (httpx.HTTPError, TimeoutError) as error:
            # Its text may hold the URL, which may hold a secret.
            return Answer(0, type(error).__name__)
        problem = "" if response.is_success else response.reason_phrase[:100]
        return Answer(response.status_code, problem, _pause(response.headers.get("retry-after")))

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.aclose()


def signature(secret: bytes, delivery_id: str, sent_at: int, content: bytes) -> str:
    """Return the value of `webhook-signature`: v1, HMAC-SHA256 over id, time and body.

    See the specification, https://www.standardwebhooks.com.
    """
    message = f"{delivery_id}.{sent_at}.".encode() + content
    digest = hmac.digest(secret, message, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"


def _pause(retry_after: str | None) -> float:
    """Return the seconds in a Retry-After header (RFC 9110, section 10.2.3); 0 for none."""
    if not retry_after:
        return 0.0
    if _SECONDS.fullmatch(retry_after):
        seconds = float(retry_after)
    else:
        try:
            seconds = parsedate_to_datetime(retry_after).timestamp() - time.time()
        except (ValueError, OverflowError):
            return 0.0
    return min(max(seconds, 0.0), _LONGEST_PAUSE)
