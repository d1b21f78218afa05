"""What a prompt leaves behind for the detector, beside its text and vector. It holds no words."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simsvc.domain.shingles import Hashes


class Trace(NamedTuple):
    """Kept with a prompt in the record, so that a restart counts what was counted.

    `frame` names its frame and `origin` the actor that its conversation moved from (0: none).
    `shingles` are 8 bytes each, `framed` one bit each: it lies in the frame. `prefix` and `state`
    name the user turns before it and with it. All hashes are keyed.
    """

    frame: int = 0
    origin: int = 0
    shingles: bytes = b""
    framed: bytes = b""
    prefix: bytes = b""
    state: bytes = b""

    def hashes(self) -> Hashes:
        """Return the shingles (n,)."""
        return np.frombuffer(self.shingles, "<u8").astype(np.uint64)

    def framed_hashes(self) -> Hashes:
        """Return those that lie in the frame."""
        hashes = self.hashes()
        bits = np.unpackbits(np.frombuffer(self.framed, np.uint8), count=len(hashes))
        return hashes[bits.astype(np.bool_)]


NO_TRACE = Trace()
