"""`simsvc demo`: a server, made-up traffic, and the campaign that is found in it."""

from __future__ import annotations

import shutil
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from simsvc.cli.queries import typical_prompts
from simsvc.cli.show import campaign_panel, console
from simsvc.client import Campaign, Client, Connection, ItemError, ObservedPrompt
from simsvc.demo.server import running_server
from simsvc.demo.traffic import Event, TrafficPlan, generate
from simsvc.domain.chunks import chunks

_BATCH = 64
_REPORT_SECONDS = 60.0
_PAST = timedelta(days=2)
# Nobody wants to wait minutes for a demo to look again.
SOON = {
    "SIMSVC_DETECTION_TICK": "1",
    "SIMSVC_DETECTION_LOOK": "3",
    "SIMSVC_DETECTION_SHARE": "1",
}


def demo(
    data: Annotated[Path, typer.Option(help="Folder for the demo's data; emptied first.")] = Path(
        "data/demo"
    ),
    prompts: Annotated[int, typer.Option(help="Prompts of the ordinary accounts.")] = 2000,
    seed: Annotated[int, typer.Option(help="Another seed, other traffic.")] = 1,
    keep: Annotated[
        bool | None,
        typer.Option(help="Keep the server running until Ctrl-C. Default: on a terminal."),
    ] = None,
) -> None:
    """Start a server, replay made-up traffic and show the campaign that is found in it."""
    # Whoever ends the demo ends its server too, which has a session of its own.
    signal.signal(signal.SIGTERM, _end)
    terminal = console()
    plan = TrafficPlan(prompts=prompts, seed=seed, start=datetime.now(UTC) - _PAST, span=_PAST)
    events = generate(plan)
    shutil.rmtree(data, ignore_errors=True)
    terminal.print("Starting a server (loading the model takes a few seconds) …")
    with running_server(data, **SOON) as address, Client(Connection(address)) as client:
        seconds = _replay(terminal, client, events)
        _tell_traffic(terminal, events, seconds)
        try:
            campaign = largest_campaign(client, _REPORT_SECONDS)
        except TimeoutError as error:
            terminal.print(f"No report: {error}.")
            raise typer.Exit(1) from error
        if campaign is None:
            terminal.print("No campaign was found.")
            raise typer.Exit(1)
        terminal.print(
            campaign_panel(campaign, typical_prompts(client, campaign.representative_prompt_ids))
        )
        _tell_truth(terminal, client, events)
        _look_further(terminal, campaign, address, data)
        if sys.stdin.isatty() if keep is None else keep:
            terminal.print("The server runs until Ctrl-C.")
            _wait_for_interrupt()


def _end(number: int, _: FrameType | None) -> NoReturn:
    sys.exit(128 + number)


def observed(event: Event) -> ObservedPrompt:
    """Return a made-up request as a backend would send it."""
    return ObservedPrompt(
        request_id=event.request_id,
        account_id=event.account_id,
        organization_id=event.organization_id,
        observed_at=event.observed_at,
        model=event.model,
        messages=event.messages,
        attributes=event.attributes,
    )


def _replay(terminal: Console, client: Client, events: list[Event]) -> float:
    """Send all events through the batch call; return the seconds it took."""
    columns = (TextColumn("replaying"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    started = time.monotonic()
    with Progress(*columns, console=terminal) as progress:
        task = progress.add_task("", total=len(events))
        for batch in chunks(events, _BATCH):
            for result in client.observe_batch([observed(event) for event in batch]):
                if isinstance(result, ItemError):
                    raise typer.BadParameter(f"the server refused a prompt: {result.message}")
            progress.advance(task, len(batch))
    return time.monotonic() - started


def largest_campaign(client: Client, seconds: float) -> Campaign | None:
    """Return the largest campaign once what is reported rests on all prompts.

    TimeoutError if that takes more than `seconds`.
    """
    deadline = time.monotonic() + seconds
    while _is_behind(client):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not all prompts were looked at after {seconds:.0f} s")
        time.sleep(0.5)
    largest = next(client.list_campaigns(state="open", order_by="accounts", page_size=1), None)
    return client.get_campaign(largest.campaign_id) if largest else None


def _is_behind(client: Client) -> bool:
    seen = client.server_info().detection
    return bool(seen.prompts_not_looked_at or seen.unconfirmed_groups)


def _tell_traffic(terminal: Console, events: list[Event], seconds: float) -> None:
    planted = {e.account_id for e in events if e.group}
    terminal.print(
        f"{len(events)} prompts of {len({e.account_id for e in events})} accounts in "
        f"{seconds:.0f} s ({len(events) / seconds:.0f} a second, on disk and indexed). "
        f"{len(planted)} of the accounts work together, half of their traffic is cover.\n"
    )


def _tell_truth(terminal: Console, client: Client, events: list[Event]) -> None:
    """Hold what was found against what was planted."""
    planted = sorted({e.account_id for e in events if e.group})
    others = sorted({e.account_id for e in events} - set(planted))
    found, wrong = (
        sum(
            check.in_open_campaign
            for ids in chunks(accounts, 500)
            for check in client.check_accounts(list(ids))
        )
        for accounts in (planted, others)
    )
    terminal.print(
        f"Planted accounts found: {found} of {len(planted)}. "
        f"Ordinary accounts in a campaign: {wrong} of {len(others)}.\n"
    )


def _look_further(terminal: Console, campaign: Campaign, address: str, data: Path) -> None:
    here = _command()
    member = campaign.members[0].account
    terminal.print(
        f"Look further (server at {address}, data in {data}):\n"
        f"  export SIMSVC_ADDRESS={address}\n"
        f"  {here} campaigns list\n"
        f"  {here} campaigns show {campaign.campaign_id}\n"
        f"  {here} account {member}\n"
        f"  {here} search --prompt {campaign.representative_prompt_ids[0]}\n"
        f'  {here} search "find the anomalies in a ledger" --min-similarity 0.4\n'
        f"  {here} status\n"
        f"To start it again later: SIMSVC_LISTEN={address} SIMSVC_DATA_DIR={data} {here} serve\n",
        soft_wrap=True,
        highlight=False,
    )


def _command() -> str:
    """Return how this program was called, from the working folder if it lies below it."""
    program = Path(sys.argv[0]).absolute()
    below = program.is_relative_to(Path.cwd())
    return str(program.relative_to(Path.cwd())) if below else program.name


def _wait_for_interrupt() -> None:
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        return
