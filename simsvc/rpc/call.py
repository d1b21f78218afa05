"""What is known of the call that is being served."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field

from simsvc.core.access import Principal
from simsvc.domain.errors import Violation


@dataclass(slots=True)
class Call:
    """Who calls, and which items of the request did not parse (index → what is wrong)."""

    principal: Principal
    faults: dict[int, Violation] = field(default_factory=dict)


current_call: ContextVar[Call] = ContextVar("current_call")
