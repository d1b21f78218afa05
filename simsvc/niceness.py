"""Who goes first where cores are short: answers, sealing, background work, the model, reindexing.

On Linux a thread has a niceness of its own, and hands it on to those that it starts. Without it an
RPC that takes a tenth of a millisecond waits for a slice of whoever multiplies matrices.

The model comes after all that runs Python: a thread that has the interpreter's lock and waits for a
core keeps everybody waiting, however urgent. For the same reason what it computes in runs none.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading

# Sealing: until it is done, every search goes through the segment row by row.
SEALING = 5
# Merging and looks at all accounts.
BACKGROUND = 15
# The model's products: nearly all of the processor's time at full ingest.
COMPUTE = 19


def yield_to_others(niceness: int) -> None:
    """Set the niceness of this thread and of those that it will start. It never takes any back."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        held = os.getpriority(os.PRIO_PROCESS, thread)
        os.setpriority(os.PRIO_PROCESS, thread, max(held, niceness))


def yield_to_all() -> None:
    """Let this thread, and those that it will start, have what others leave: for batch work."""
    os.nice(COMPUTE)
    if sys.platform == "linux":
        # There is no niceness above the model's. Some sandboxes know no policy but the usual one.
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
