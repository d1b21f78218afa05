"""Whether an engine computes what the model computes in single precision."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from simsvc.embed.engine import Cut, Engine, Window

LEAST_MEAN, LEAST = 0.995, 0.98
# Of every length that matters: single words to more than a window, other scripts, code.
TEXTS: tuple[str, ...] = (
    "hello",
    "Why is the sky blue?",
    "Summarise the minutes below in three bullet points.",
    "def area(r):\n    return 3.14159 * r ** 2\n\nprint(area(2.5))",
    "SELECT town, COUNT(*) FROM orders WHERE total > 40 GROUP BY town ORDER BY 2 DESC;",
    "Ein Zug fährt um 8:15 Uhr ab und braucht 95 Minuten. Wann kommt er an?",
    "请把下面的句子翻译成英文：今天的天气很好。",
    "¿Cuántos litros caben en un depósito de 40 × 30 × 25 cm?",
    "Sort 9, 4, 7, 1 and explain each swap. " * 3,
    "A baker sells 48 rolls in the morning and half as many after noon. How many in a week? " * 4,
    "Compare two plans for a small garden: one with herbs only, one with a pond. " * 9,
    "Write the minutes of a meeting in which nobody agrees about the colour of the door. " * 14,
)


class UnfaithfulEngineError(Exception):
    """An engine's vectors are too far from those of the model in single precision."""


def windows_of(engine: Engine) -> list[Window]:
    """Return the fixed texts that are one window: where longer ones are cut, a setting says."""
    cuts: Sequence[Cut] = engine.cut(TEXTS)
    return [cut.windows[0] for cut in cuts if cut.tokens <= engine.info.window_tokens]


def check(engine: Engine, reference: npt.NDArray[np.float32]) -> float:
    """Return the mean cosine of an engine's vectors of the fixed texts to the model's (n, d).

    All at once and one by one, which may take different ways. UnfaithfulEngineError where the mean
    is under 0.995 or any is under 0.98.
    """
    windows = windows_of(engine)
    together = engine.encode(windows).vectors
    alone = np.concatenate([engine.encode([window]).vectors for window in windows])
    cosines = np.concatenate([(part * reference).sum(axis=1) for part in (together, alone)])
    mean, least = float(cosines.mean()), float(cosines.min())
    # Not a number is not enough either.
    if not (mean >= LEAST_MEAN and least >= LEAST):
        raise UnfaithfulEngineError(
            f"{engine.name} computes other vectors than the model in float32: cosine {mean:.4f} "
            f"on average (at least {LEAST_MEAN}), {least:.4f} at least (at least {LEAST})"
        )
    return mean
