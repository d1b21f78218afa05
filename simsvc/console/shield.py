"""What every answer carries and every request must: headers, its own host, its own origin."""

from __future__ import annotations

from ipaddress import ip_address

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = "; ".join((
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
))  # fmt: skip
_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
_HSTS = "max-age=31536000"
_SAFE = ("GET", "HEAD")
_LARGEST_BODY = 2 * 1024 * 1024


class Shield:
    """Wraps the application. `local`: only this machine can reach it, so by local names only.

    Otherwise a page of a stranger, whose name he lets point at 127.0.0.1, would be of the
    console's own origin.
    """

    def __init__(self, app: ASGIApp, *, tls: bool, local: bool) -> None:
        self._app = app
        self._tls = tls
        self._local = local

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        static = scope["path"].startswith("/static/")

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                headers["cache-control"] = "public, max-age=3600" if static else "no-store"
                if self._tls:
                    headers["strict-transport-security"] = _HSTS
            await send(message)

        refusal = self._refusal(scope)
        answer = PlainTextResponse(refusal[1], refusal[0]) if refusal else self._app
        await answer(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if self._local and not _is_local(_name(host)):
            return 421, "This console answers to localhost only."
        if "transfer-encoding" in headers:
            return 411, "Say beforehand how long the request is."
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > _LARGEST_BODY:
            return 413, "That is too much for one request."
        scheme = "https" if self._tls else "http"
        if scope["method"] not in _SAFE and not is_own(headers, f"{scheme}://{host}"):
            return 403, "This request did not come from a page of the console."
        return None


def is_own(headers: Headers, origin: str) -> bool:
    """Return whether a browser says that a request comes from a page of an origin.

    Under `Referrer-Policy: no-referrer` a form's Origin is "null"; what then counts is
    Sec-Fetch-Site, which pages cannot set. Without both nobody vouches for the request.
    """
    claimed, site = headers.get("origin"), headers.get("sec-fetch-site")
    if claimed not in (None, "null", origin):
        return False
    return site == "same-origin" if site is not None else claimed == origin


def _is_local(name: str) -> bool:
    """Return whether a name is this machine's whatever a stranger lets it point at."""
    if name == "localhost":
        return True
    try:
        return ip_address(name.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False


def _name(host: str) -> str:
    return host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
