"""Account checks by h2load, a client in C: a caller in Python takes longer than the server.

h2load comes with nghttp2, which systems have packages of (`nghttp2-client` in Debian).
"""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from simsvc.rpc.policy import CAMPAIGNS
from simsvc.v1 import campaigns_pb2

_COMMAND = "h2load"
# gRPC puts before a message whether it is compressed, and its length.
_FRAME = struct.Struct(">BI")
_RATE = re.compile(r"finished in .*?, ([\d.]+) req/s")
_ALL_WELL = re.compile(r"(\d+) done, \1 succeeded, 0 failed, 0 errored")


def is_there() -> bool:
    """Return whether h2load is installed."""
    return shutil.which(_COMMAND) is not None


def checks_per_second(
    address: str, account_ids: Sequence[str], at_once: int, seconds: int
) -> float:
    """Return the checks of these accounts a second, some at once over one connection.

    RuntimeError if the server did not answer them all.
    """
    message = campaigns_pb2.CheckAccountsRequest(account_ids=account_ids).SerializeToString()
    with tempfile.NamedTemporaryFile() as body:
        Path(body.name).write_bytes(_FRAME.pack(0, len(message)) + message)
        headers = ("-H", "content-type: application/grpc", "-H", "te: trailers")
        load = ("--clients", "1", "--max-concurrent-streams", str(at_once))
        url = f"http://{address}/{CAMPAIGNS}/CheckAccounts"
        done = subprocess.run(
            [_COMMAND, *load, "--duration", str(seconds), "--data", body.name, *headers, url],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
    rate = _RATE.search(done.stdout)
    if rate is None or _ALL_WELL.search(done.stdout) is None:
        raise RuntimeError(f"h2load failed: {done.stdout}")
    return float(rate[1])
