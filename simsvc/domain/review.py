"""What people decide about campaigns. Times are µs since the epoch."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Verdict(enum.IntEnum):
    """A reviewer's judgement; the numbers are those of the wire."""

    NONE = 1
    CONFIRMED = 2
    DISMISSED = 3


class DismissalReason(enum.IntEnum):
    """Why a campaign is none; the numbers are those of the wire."""

    SHARED_APP = 1
    EDUCATION = 2
    BENCHMARK = 3
    VIRAL = 4
    ONE_CUSTOMER = 5
    INTERNAL = 6
    CHANCE = 7
    OTHER = 8


@dataclass(frozen=True, slots=True)
class Review:
    """How people have judged a campaign.

    `reason`, `comment`, `by` and `at` belong to the verdict. `excluded` are accounts that do not
    belong, `apart` campaigns that it is not to be merged with, whatever the detector finds. `news`
    says what is new since it was dismissed or confirmed. `revision` counts the reviews.
    """

    verdict: Verdict = Verdict.NONE
    assignee: str = ""
    reason: DismissalReason | None = None
    comment: str = ""
    by: str = ""
    at: int = 0
    excluded: frozenset[int] = frozenset()
    apart: frozenset[str] = frozenset()
    news: tuple[str, ...] = ()
    revision: int = 0
