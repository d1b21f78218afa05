"""Python's garbage collector, kept from going through what never becomes garbage."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


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
