"""S1: many accounts, one rare frame, payloads that nearly all differ.

Null: the frame is just popular. An app's frame is, and its users differ: each has a volume and
habits of its own. So the excess (see `popularity`) only counts with payloads that do not repeat,
and `schedule` and `twins` tell whether accounts behind the frame differ as users do.
"""

from __future__ import annotations

from dataclasses import dataclass

import scipy

from simsvc.domain.signals.tails import finite


@dataclass(frozen=True, slots=True)
class FrameUse:
    """A frame in a group and outside: accounts that use it, prompts, distinct payloads."""

    inside: int
    members: int
    outside: int
    others: int
    prompts: int
    payloads: int

    @property
    def distinct(self) -> float:
        """Return distinct payloads a prompt."""
        return self.payloads / self.prompts if self.prompts else 0.0


def log_p_shared_frame(use: FrameUse) -> float:
    """Test that a frame is commoner among a group's accounts than among others.

    Fisher's exact test, one-sided: hypergeometric upper tail, as a natural logarithm.
    """
    total = use.members + use.others
    users = use.inside + use.outside
    return finite(float(scipy.stats.hypergeom.logsf(use.inside - 1, total, users, use.members)))
