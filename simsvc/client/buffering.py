"""What becomes of buffered prompts: the decisions that both buffers share. Pure."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import grpc

from simsvc.client._requests import Result
from simsvc.client.channel import MAX_MESSAGE_BYTES
from simsvc.client.errors import ItemError, SimsvcRpcError
from simsvc.v1 import types_pb2

RETRYABLE = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
    }
)
# Of gRPC's words for a message that is longer than it takes: the code is that of an overload.
_TOO_LONG = "message larger than max"
_MAX_DOUBLINGS = 32
# Calls that must go well before larger ones are tried again, and prompts that never are too many
# for a server which is only busy.
_CALM, _FEW = 8, 32


@dataclass(frozen=True, slots=True)
class BufferOptions:
    """How a buffer works. Times are in seconds; ValueError if a value is not above 0.

    At most `capacity` prompts of `capacity_bytes` in all are held, those being sent included. A
    batch is sent when it has `batch_prompts` (the server takes `Limits.batch_prompts`) or
    `batch_bytes`, or when its first prompt has waited for `linger`. `senders` batches may be on
    their way at once, each for up to `call_timeout`. The first retry comes after about
    `backoff_initial`, each later one after twice the time, up to `backoff_max`. A prompt that is
    not sent within `max_age` is dropped.
    """

    capacity: int = 10_000
    capacity_bytes: int = 256 * 1024 * 1024
    batch_prompts: int = 256
    batch_bytes: int = 8 * 1024 * 1024
    linger: float = 0.1
    max_age: float = 300.0
    senders: int = 2
    call_timeout: float = 30.0
    backoff_initial: float = 0.2
    backoff_max: float = 30.0

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0")
        if self.batch_bytes >= MAX_MESSAGE_BYTES:
            raise ValueError(f"batch_bytes must be below {MAX_MESSAGE_BYTES}")


@dataclass(frozen=True, slots=True)
class BufferStats:
    """Counts since the start: accepted == sent + dropped_expired + rejected + pending.

    `dropped_full` counts the prompts that `put` did not accept. `pending` ones are waiting, or on
    their way.
    """

    accepted: int
    sent: int
    dropped_full: int
    dropped_expired: int
    rejected: int
    pending: int


class Verdict(enum.Enum):
    """What becomes of a prompt after an attempt to send it."""

    SENT = enum.auto()
    RETRY = enum.auto()
    REJECTED = enum.auto()


def verdict_of(result: Result) -> Verdict:
    """Return what becomes of a prompt with this result."""
    if not isinstance(result, ItemError):
        return Verdict.SENT
    return Verdict.RETRY if result.code in RETRYABLE else Verdict.REJECTED


class Remedy(enum.Enum):
    """What may help a call that failed."""

    # It was refused at once for all that it held.
    PARTS = enum.auto()
    # It took too long, or something in it made the server fail.
    TIME_AND_PARTS = enum.auto()
    # The server is overloaded; fewer prompts may find room sooner.
    ROOM = enum.auto()
    # The server cannot be reached.
    TIME = enum.auto()
    NONE = enum.auto()


_REMEDIES = {
    grpc.StatusCode.INVALID_ARGUMENT: Remedy.PARTS,
    grpc.StatusCode.DEADLINE_EXCEEDED: Remedy.TIME_AND_PARTS,
    grpc.StatusCode.INTERNAL: Remedy.TIME_AND_PARTS,
    grpc.StatusCode.UNKNOWN: Remedy.TIME_AND_PARTS,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Remedy.ROOM,
    grpc.StatusCode.UNAVAILABLE: Remedy.TIME,
    # On this side only: nobody has refused its prompts.
    grpc.StatusCode.CANCELLED: Remedy.TIME,
}


def remedy_of(error: SimsvcRpcError) -> Remedy:
    """Return what may help a call with prompts that failed.

    What is wrong with a prompt the server says of that prompt, and lets the call succeed.
    """
    if error.code is grpc.StatusCode.RESOURCE_EXHAUSTED and _TOO_LONG in error.message:
        return Remedy.PARTS
    return _REMEDIES.get(error.code, Remedy.NONE)


class CallSize:
    """How many prompts make a call: half as many after a failure, and more again when all is well.

    What the server refuses may be one long prompt, of which those that follow know nothing.
    """

    def __init__(self, most: int) -> None:
        self._limit = most
        self._calm = 0
        self.most = most

    def failed(self, count: int, remedy: Remedy, failures: int) -> None:
        """Note that a call with so many prompts failed, after as many `failures` in a row."""
        crowded = remedy is Remedy.ROOM and failures > 0 and count > _FEW
        if count > 1 and (crowded or remedy in (Remedy.PARTS, Remedy.TIME_AND_PARTS)):
            self.most, self._calm = min(self.most, count // 2), 0

    def taken(self) -> None:
        """Note that a call went well."""
        self._calm += 1
        if self._calm >= _CALM and self.most < self._limit:
            self.most, self._calm = min(2 * self.most, self._limit), 0


def retry_delay(
    attempts: int, retry_after: float | None, options: BufferOptions, chance: float
) -> float:
    """Return the seconds to wait after so many failed attempts; `chance` in [0, 1) is the jitter.

    Never less than what the server asked for. That is spread as well, so that not all of its
    clients come back at once.
    """
    doubled = options.backoff_initial * 2.0 ** min(attempts - 1, _MAX_DOUBLINGS)
    backoff = min(doubled, options.backoff_max) * (1 + chance) / 2
    return max(backoff, (retry_after or 0.0) * (1 + chance / 4))


def stamped(prompt: types_pb2.Prompt) -> types_pb2.Prompt:
    """Set the time of a prompt that has none: it may be long on its way to the server."""
    if not prompt.HasField("observed_at"):
        prompt.observed_at.GetCurrentTime()
    return prompt
