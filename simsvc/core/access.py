"""Who may do what."""

from __future__ import annotations

import enum
import hashlib
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from simsvc.domain.errors import ForbiddenError, UnauthenticatedError

_TOKEN_PREFIX = "sim_"  # noqa: S105 - a prefix by which secret scanners know a token


class Role(enum.StrEnum):
    """What a token is for."""

    INGEST = "ingest"
    ANALYST = "analyst"
    REVIEWER = "reviewer"
    OPERATOR = "operator"


ALL_ROLES = frozenset(Role)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls."""

    name: str
    roles: frozenset[Role]


_ANYBODY = Principal("anonymous", ALL_ROLES)


def new_token() -> str:
    """Return a fresh bearer token with 256 bits of entropy."""
    return _TOKEN_PREFIX + secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """Return what is stored of a token. SHA-256 is enough: a token cannot be guessed."""
    return hashlib.sha256(token.encode()).hexdigest()


class Access:
    """Knows tokens by their hashes. Without any, every caller may do everything."""

    def __init__(self, principals: Mapping[str, Principal]) -> None:
        self._principals = dict(principals)
        # Whether callers need no token.
        self.is_open = not self._principals

    def authenticate(self, token: str | None) -> Principal:
        """Return who a bearer token belongs to."""
        if self.is_open:
            return _ANYBODY
        if token is None:
            raise UnauthenticatedError("a bearer token is required")
        principal = self._principals.get(token_hash(token))
        if principal is None:
            raise UnauthenticatedError("the bearer token is not known")
        return principal


def authorise(principal: Principal, allowed: Collection[Role]) -> None:
    """Refuse a principal that has none of the roles."""
    if principal.roles.isdisjoint(allowed):
        raise ForbiddenError(f"needs one of the roles {', '.join(sorted(allowed))}")
