"""Who goes first where cores are short: answers, sealing, the model, background work, reindexing.

On Linux a thread has a niceness of its own, and hands it on to those that it starts. Without it an
RPC that takes a tenth of a millisecond waits for a slice of whoever multiplies matrices.
"""

from __future__ import annotations

import os
import sys
import threading

# Sealing: until it is done, every search goes through the segment row by row.
SEALING = 5
# The model's products: nearly all of the processor's time at full ingest.
COMPUTE = 10
# Merging and looks at all accounts.
BACKGROUND = 15
# Batch work, in processes of its own: for `os.nice`.
BATCH = 19


def yield_to_others(niceness: int) -> None:
    """Set the niceness of this thread and of those that it will start. It never takes any back."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        held = os.getpriority(os.PRIO_PROCESS, thread)
        os.setpriority(os.PRIO_PROCESS, thread, max(held, niceness))
