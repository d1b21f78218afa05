"""What can go wrong, in the words of the domain. `rpc` maps these to gRPC statuses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_MOST_VIOLATIONS = 8


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that is wrong with a request.

    `field` is its path in the request, `reason` an UPPER_SNAKE_CASE constant.
    """

    field: str
    reason: str
    description: str

    def under(self, prefix: str) -> Violation:
        """Return the same violation for a message that lies at `prefix`."""
        return Violation(f"{prefix}.{self.field}", self.reason, self.description)


class SimsvcError(Exception):
    """Base of every error that a caller may be told about."""


class InvalidError(SimsvcError):
    """The request is wrong and would be wrong again.

    Only the first few violations are kept: they travel in headers, which clients limit to 8 KiB.
    """

    def __init__(self, violations: Sequence[Violation]) -> None:
        self.violations = tuple(violations[:_MOST_VIOLATIONS])
        told = "; ".join(f"{v.field}: {v.description}" for v in self.violations)
        more = len(violations) - len(self.violations)
        super().__init__(f"{told}; and {more} more" if more else told)


class NotFoundError(SimsvcError):
    """There is no such thing."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"no such {kind}")
        self.kind = kind


class RequestIdReusedError(SimsvcError):
    """A request_id came again with another account or other messages."""

    def __init__(self) -> None:
        super().__init__("request_id was used before with another account or other messages")


class AlreadyThereError(SimsvcError):
    """What is asked for was made already."""


class NotNowError(SimsvcError):
    """The state of things does not allow this: `reason` says which, in UPPER_SNAKE_CASE.

    Asking again changes nothing before somebody has changed the state.
    """

    def __init__(self, reason: str, description: str) -> None:
        super().__init__(description)
        self.reason = reason


class ReviewedMeanwhileError(SimsvcError):
    """Somebody else has decided since the caller looked."""

    def __init__(self) -> None:
        super().__init__("etag: the campaign has been reviewed meanwhile; look again, then decide")


class OverloadedError(SimsvcError):
    """No room now; try again after `retry_after` seconds."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"too many prompts in flight, retry after {retry_after:.2f} s")
        self.retry_after = retry_after


class UnavailableError(SimsvcError):
    """The service cannot do this for now, through no fault of the caller."""


class UnauthenticatedError(SimsvcError):
    """No token, or one that the server does not know."""


class ForbiddenError(SimsvcError):
    """The token is known, but its roles do not allow this."""
