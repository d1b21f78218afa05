"""Who is signed in. A browser holds an opaque id only; the token stays here, in memory."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from simsvc.client import AsyncClient, GetServerInfoResponse

IDLE_SECONDS = 2 * 3600.0
LONGEST_SECONDS = 12 * 3600.0
_MOST = 1000
_SWEEP_SECONDS = 60.0


@dataclass(slots=True, eq=False)
class Session:
    """One sign-in. Times are on a monotonic clock; `csrf` is what its forms must carry."""

    client: AsyncClient
    principal: str
    roles: frozenset[str]
    begun: float
    used: float
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    # Time and searchable prompts when the system page was last looked at.
    sample: tuple[float, int] | None = None
    rate: float | None = None

    def may(self, *roles: str) -> bool:
        """Return whether the token has one of these roles, as far as the server told."""
        return not self.roles.isdisjoint(roles)

    def accepts(self, token: str) -> bool:
        """Return whether a form carries the token of this session."""
        return hmac.compare_digest(self.csrf.encode(), token.encode())


class Sessions:
    """The sign-ins of one console. Used on one event loop."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sessions: dict[str, Session] = {}

    async def open(self, client: AsyncClient, info: GetServerInfoResponse) -> str:
        """Keep a client; return the id that stands for it."""
        await self.sweep()
        if len(self._sessions) >= _MOST:
            oldest = min(self._sessions, key=lambda key: self._sessions[key].used)
            await self._end(oldest)
        name, now = secrets.token_urlsafe(32), self._clock()
        self._sessions[_hash(name)] = Session(
            client, info.principal or "anonymous", frozenset(info.roles), now, now
        )
        return name

    def find(self, name: str, *, used: bool = True) -> Session | None:
        """Return the session of an id, and note if it is used; None if it has ended."""
        session = self._sessions.get(_hash(name))
        if session is None or not self._lasts(session):
            return None
        if used:
            session.used = self._clock()
        return session

    def lasts(self, session: Session) -> bool:
        """Return whether a session has not ended."""
        return session in self._sessions.values() and self._lasts(session)

    async def close(self, name: str) -> None:
        """End a session; nothing if it has ended."""
        if _hash(name) in self._sessions:
            await self._end(_hash(name))

    async def sweep(self) -> None:
        """End what has expired."""
        for key in [k for k, s in self._sessions.items() if not self._lasts(s)]:
            await self._end(key)

    async def keep_swept(self) -> None:
        """Sweep again and again."""
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            await self.sweep()

    async def close_all(self) -> None:
        """End every session."""
        for key in list(self._sessions):
            await self._end(key)

    def _lasts(self, session: Session) -> bool:
        now = self._clock()
        return now - session.used < IDLE_SECONDS and now - session.begun < LONGEST_SECONDS

    async def _end(self, key: str) -> None:
        await self._sessions.pop(key).client.close()


def _hash(name: str) -> str:
    # Found by its hash, so that looking it up takes no longer for a name that is nearly right.
    return hashlib.sha256(name.encode()).hexdigest()
