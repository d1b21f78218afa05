"""What was freed goes back to the system."""

from __future__ import annotations

import subprocess
import sys

import pytest

# Blocks like those of inverted lists, every hundredth of which stays.
SCRIPT = """
import psutil
import simsvc.index.segmented
from simsvc.index.memory import give_back

blocks = [bytearray(40_000) for _ in range(5_000)]
blocks = blocks[::100]
before = psutil.Process().memory_info().rss
give_back()
print(before - psutil.Process().memory_info().rss)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc keeps it")
def test_holes_are_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, check=True)
    assert int(done.stdout) > 100 * 2**20
