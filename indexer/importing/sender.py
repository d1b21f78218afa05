"""Prompts through the batch call, until the server has taken or refused each."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence

from grpc import StatusCode

from simsvc.client import Client, ItemError, ObservedPrompt, SimsvcRpcError
from simsvc.client.buffering import (
    BufferOptions,
    CallSize,
    Remedy,
    Verdict,
    remedy_of,
    retry_delay,
    verdict_of,
)

BATCH_PROMPTS = 256
BATCH_CHARACTERS = 4 * 2**20
# Long prompts are embedded in many windows, on a host that may do little a second.
_CALL_SECONDS = 120.0
_BACKOFF = BufferOptions(backoff_max=5.0)

Taken = str | ItemError


class CannotSendError(SimsvcRpcError):
    """The server refuses the caller, or was not there for too long: what it answered last."""

    @classmethod
    def after(cls, last: SimsvcRpcError, message: str) -> CannotSendError:
        """Return it with what an error says, and a message."""
        return cls(last.code, message, last.reason, last.field, last.violations, last.retry_after)


class Sender:
    """Sends batches one after the other, so that the server has the prompts in their order.

    A server that is overloaded, restarting or away is waited for, up to `patience` seconds in
    which it takes nothing. `waiting` is told why, each reason once until a batch is taken without
    any wait: then it is told "".
    """

    def __init__(self, client: Client, patience: float, waiting: Callable[[str], None]) -> None:
        self._client = client
        self._patience = patience
        self._waiting = waiting
        self._size = CallSize(BATCH_PROMPTS)
        self._failures = 0
        self._since = time.monotonic()
        self._waited = False
        # An overload may come with every batch: it ends when one is taken at once.
        self._told: set[str] = set()

    def send(self, prompts: Sequence[ObservedPrompt]) -> list[Taken]:
        """Return each prompt's id in the record, or why it was refused. CannotSendError."""
        results: dict[int, Taken] = {}
        self._since, self._waited = time.monotonic(), False
        left = list(range(len(prompts)))
        while left:
            part = left[: self._size.most]
            done = self._attempt([prompts[i] for i in part])
            results.update({part[place]: taken for place, taken in done.items()})
            left = [i for i in left if i not in results]
        if self._told and not self._waited:
            self._told.clear()
            self._waiting("")
        return [results[i] for i in range(len(prompts))]

    def _attempt(self, part: Sequence[ObservedPrompt]) -> dict[int, Taken]:
        """Send once; return what is settled by place, after a pause if nothing is."""
        try:
            answers = self._client.observe_batch(part, _CALL_SECONDS)
        except SimsvcRpcError as error:
            return self._failed(part, error)
        settled: dict[int, Taken] = {}
        retry_after = 0.0
        for place, answer in enumerate(answers):
            if not isinstance(answer, ItemError):
                settled[place] = answer.prompt_id
            elif verdict_of(answer) is Verdict.REJECTED:
                settled[place] = answer
            else:
                retry_after = max(retry_after, answer.retry_after or 0.0)
        if settled:
            self._failures, self._since = 0, time.monotonic()
            self._size.taken()
        if len(settled) < len(part):
            code, told = StatusCode.RESOURCE_EXHAUSTED, "the server is overloaded"
            self._pause(SimsvcRpcError(code, told, retry_after=retry_after))
        return settled

    def _failed(self, part: Sequence[ObservedPrompt], error: SimsvcRpcError) -> dict[int, Taken]:
        remedy = remedy_of(error)
        if remedy is Remedy.NONE:
            raise CannotSendError.after(error, error.message) from error
        if remedy is Remedy.PARTS and len(part) == 1:
            field = error.field or "messages"
            return {0: ItemError(error.code, error.message, error.reason, field)}
        self._size.failed(len(part), remedy, self._failures)
        if remedy is not Remedy.PARTS:
            self._pause(error)
        return {}

    def _pause(self, last: SimsvcRpcError) -> None:
        why, retry_after = str(last), last.retry_after or 0.0
        if time.monotonic() - self._since > self._patience:
            told = f"nothing was taken for {self._patience:g} s: {last.message}"
            raise CannotSendError.after(last, told) from last
        self._failures += 1
        self._waited = True
        if why not in self._told:
            self._told.add(why)
            self._waiting(why)
        time.sleep(retry_delay(self._failures, retry_after, _BACKOFF, random.random()))  # noqa: S311
