"""How fast the pages of the console answer, with a full record and many campaigns.

What is timed is the console's answer over HTTP, from the first byte of the request to the last of
the page; charts are fetched by their own requests, which are timed as well. Goal: 300 ms.
"""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

import numpy as np
import typer

from benchmarks.filled import remember, snapshot
from benchmarks.machine import machine
from benchmarks.tables import on, table
from simsvc.assembly import make_engine
from simsvc.demo.server import free_port, running_server
from simsvc.domain.campaign import (
    Campaign,
    CampaignEvent,
    CampaignState,
    Change,
    Evidence,
    Member,
    campaign_id_for,
    extent_of,
)
from simsvc.domain.signals.coverage import Coverage
from simsvc.domain.verdict import Confidence
from simsvc.record.open import open_record
from simsvc.settings import Settings

_GOAL_MS = 300
_CALLS = 30
_START_SECONDS = 60.0
_SIZES = (1000, 300, 100, 30)
_QUIET_YEARS = 10 * 365 * 86_400.0
_MARK = re.compile(r'data-csrf="([^"]+)"')


def main(
    prompts: Annotated[int, typer.Option(help="Prompts held.")] = 100_000,
    campaigns: Annotated[int, typer.Option(help="Campaigns in the record.")] = 200,
    quick: Annotated[bool, typer.Option(help="A tenth of it.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Fill a record, start a server and a console, and time each page."""
    if quick:
        prompts, campaigns = prompts // 10, campaigns // 10
    with tempfile.TemporaryDirectory(prefix="simsvc-console-") as folder:
        names = _fill(Path(folder) / "data", prompts, campaigns)
        # Nothing is looked for meanwhile, so that the campaigns stay what they are.
        calm = {"SIMSVC_DETECTION_TICK": "100000", "SIMSVC_CAMPAIGN_QUIET_AFTER": str(_QUIET_YEARS)}
        with running_server(Path(folder) / "data", **calm) as address, _console(address) as visit:
            rows = _timed(visit, names)
    held = machine()
    scale = f"{prompts} prompts, {campaigns} campaigns, the largest of {_SIZES[0]} accounts"
    result = {"machine": held, "scale": scale, "goal_ms": _GOAL_MS, "rows": rows}
    print(json.dumps(result) if as_json else f"{on(held)} {scale}.\n\n{table(rows)}")


def _fill(data: Path, prompts: int, campaigns: int) -> list[str]:
    """Write prompts, a snapshot and campaigns; return the campaigns' ids, largest first."""
    settings = Settings().model_copy(update={"data_dir": data})
    model = make_engine(settings).info
    record = open_record(settings, model)
    remember(record, prompts, model, seed=1)
    snapshot(record, settings, model)
    rows = np.concatenate([b.rows for b in record.replay(0, prompts, 4096, with_vectors=False)])
    made = [_campaign(number, rows) for number in range(campaigns)]
    now = time.time_ns() // 1000
    record.save_campaigns([CampaignEvent(Change.OPENED, c, now) for c in made])
    record.close()
    return [c.campaign_id for c in made]


def _campaign(number: int, rows: Any) -> Campaign:
    """Return a campaign of some accounts of the record, in which nothing is to be found."""
    chosen = np.random.default_rng(number)
    accounts = np.unique(rows["account"])
    size = min(_SIZES[min(number, len(_SIZES) - 1)], len(accounts) // 2)
    picked = chosen.choice(accounts, size, replace=False)
    own = rows[np.isin(rows["account"], picked)]
    members = {int(a): _member(int(a), own[own["account"] == a]) for a in picked}
    now, seqs = time.time_ns() // 1000, own["seq"].astype("<i8")
    evidence = tuple(
        Evidence(signal, "as much as that, where that was to be expected", 5.0, 1.0, -40.0, 0, ())
        for signal in ("twins", "shared_frame", "schedule", "lockstep", "collision_excess")
    )
    return Campaign(
        campaign_id=campaign_id_for("benchmark", number),
        state=CampaignState.OPEN,
        first_reported_at=now,
        updated_at=now + number,
        families=(),
        evidence=evidence,
        extent=extent_of(members.values()),
        members=members,
        confidence=(Confidence.HIGH, Confidence.MEDIUM, Confidence.LOW)[number % 3],
        tactics=("partition", "shared_frame"),
        coverage=Coverage(len(seqs), len(seqs) // 2, 0.3, len(seqs), 4.0),
        next_steps=("Read the representative prompts before acting.",),
        representatives=tuple(int(s) for s in seqs[:10]),
        source=seqs.tobytes(),
    )


def _member(account: int, own: Any) -> Member:
    first, last = int(own["observed_at"].min()), int(own["observed_at"].max())
    return Member(account, account, first, last, len(own), 0.9, ("it sent prompts of the source",))


class _Visit:
    """A signed-in browser, as far as requests go."""

    def __init__(self, listen: str) -> None:
        host, _, port = listen.partition(":")
        self._connection = http.client.HTTPConnection(host, int(port), timeout=60)
        self._own = {"Origin": f"http://{listen}", "Sec-Fetch-Site": "same-origin"}
        self._cookie = ""
        self.csrf = ""

    def sign_in(self) -> None:
        """Sign in to an open server."""
        self.post("/sign-in", {})
        match = _MARK.search(self.get("/system"))
        self.csrf = match[1] if match else ""

    def get(self, path: str) -> str:
        """Return a page. RuntimeError for any other answer."""
        return self._answer("GET", path, None, {"Cookie": self._cookie})

    def post(self, path: str, form: dict[str, str]) -> str:
        """Send a form; return what comes."""
        kind = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": self._cookie}
        return self._answer("POST", path, urlencode(form | {"csrf": self.csrf}), kind | self._own)

    def _answer(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> str:
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        text = answer.read().decode()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:300]}")
        if cookie := answer.getheader("set-cookie"):
            self._cookie = cookie.partition(";")[0]
        return text


@contextmanager
def _console(address: str) -> Iterator[_Visit]:
    """Run a console; yield somebody who has signed in."""
    listen = f"127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "simsvc.main", "console"]
    process = subprocess.Popen(
        [*command, "--address", address, "--listen", listen], stderr=subprocess.DEVNULL
    )
    try:
        yield _signed_in(listen, process)
    finally:
        process.terminate()
        process.wait()


def _signed_in(listen: str, process: subprocess.Popen[bytes]) -> _Visit:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        visit = _Visit(listen)
        try:
            visit.sign_in()
            return visit
        except ConnectionError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def _timed(visit: _Visit, names: Sequence[str]) -> list[dict[str, Any]]:
    large, small = f"/campaigns/{names[0]}", f"/campaigns/{names[-1]}"
    match = re.search(r'href="/accounts/(acct_[0-9a-f]+)"', visit.get(small))
    account = match[1] if match else ""
    paths = {
        "queue": "/",
        "queue, by growth": "/?order=new_accounts",
        f"campaign, {_SIZES[-1]} accounts": small,
        f"campaign, {_SIZES[0]} accounts": large,
        "members, searched": f"{large}/members?q=acct_a",
        "timeline.json": f"{large}/timeline.json",
        "map.json": f"{large}/map.json",
        "graph.json": f"{large}/graph.json",
        "coverage.json": f"{large}/coverage.json",
        "frames": f"{large}/frames",
        "look-up by prompt": "/search?prompt=17",
        "account": f"/accounts/{account}",
        "account's activity": f"/accounts/{account}/activity",
        "system": "/system",
        "audit": "/audit",
    }
    rows = [
        _row(name, [_seconds(visit, path) for _ in range(_CALLS)]) for name, path in paths.items()
    ]
    text = [_posted(visit, number) for number in range(_CALLS)]
    return [*rows, _row("look-up by text", text)]


def _seconds(visit: _Visit, path: str) -> float:
    began = time.perf_counter()
    visit.get(path)
    return time.perf_counter() - began


def _posted(visit: _Visit, number: int) -> float:
    began = time.perf_counter()
    visit.post("/search", {"text": f"how do I mend a tap {number}?", "similarity": "0.3"})
    return time.perf_counter() - began


def _row(name: str, seconds: Sequence[float]) -> dict[str, Any]:
    first, *others = (1000 * s for s in seconds)
    median, late = np.percentile(others, 50), np.percentile(others, 95)
    return {
        "page": name,
        "first ms": round(first),
        "median ms": round(float(median), 1),
        "p95 ms": round(float(late), 1),
        "met": "yes" if late < _GOAL_MS else "no",
    }


if __name__ == "__main__":
    typer.run(main)
