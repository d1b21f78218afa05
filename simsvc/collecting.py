"""Python's garbage collector, kept from going through what never becomes garbage."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager

# Seconds between two looks at how much is new.
_EVERY = 1.0
# Full collections after so many of the middle generation, each of some 7,000 objects more.
_AFTER = 10
_NEVER = 1 << 30


@contextmanager
def no_collection() -> Iterator[None]:
    """Make objects that stay for good, millions of them, and leave them out of later collections.

    The collector looks for cycles among all that lives each time that a quarter more does: half of
    the time that a start takes, and pauses of the whole process afterwards. Objects of which
    nothing is left are freed all the same, since that does not need a collector.
    """
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


async def collect_in_parts() -> None:
    """Collect what is new often, and leave what is left out of later collections; until cancelled.

    A full collection holds the interpreter's lock for as long as it goes through all that lives,
    and every answer waits for it. What turns into a cycle of garbage only after it was left out
    stays: some of what was under way at that moment.
    """
    young, middle, full = gc.get_threshold()
    gc.set_threshold(young, middle, _NEVER)
    try:
        while True:
            await asyncio.sleep(_EVERY)
            if gc.get_count()[2] >= _AFTER:
                gc.collect()
                gc.freeze()
    finally:
        gc.set_threshold(young, middle, full)
