"""Commands about alerts on their way to webhooks."""

from __future__ import annotations

import enum
import json
from itertools import islice
from typing import Annotated

import typer

from simsvc.cli.connect import REFUSED, Server, asks
from simsvc.cli.show import add_row, console, inert, plain, print_json, table_of, when, word
from simsvc.client import DeliveryState
from simsvc.share.alert import schema as alert_schema

webhooks_app = typer.Typer(
    no_args_is_help=True, help="Alerts to webhooks: list, deliveries, retry, test, schema."
)


class State(enum.StrEnum):
    """See `DeliveryState`."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


@webhooks_app.command("list")
@asks
def list_webhooks(server: Server) -> None:
    """List the webhooks of the server's settings."""
    with server.client() as client:
        held = client.list_webhooks()
    for webhook in held:
        if server.json:
            print_json(webhook)
        else:
            wanted = ", ".join(webhook.changes) or "every change"
            gone = "; gone: it answered 410" if webhook.gone else ""
            typer.echo(plain(f"{webhook.name}: {wanted}{gone}"))


@webhooks_app.command()
@asks
def deliveries(
    server: Server,
    state: Annotated[State | None, typer.Option(help="Only these.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Deliveries shown.")] = 50,
) -> None:
    """List alerts that were or are to be delivered, newest first."""
    with server.client() as client:
        pages = client.deliveries(state.value if state else "", min(limit, 200))
        held = list(islice(pages, limit))
    if server.json:
        for delivery in held:
            print_json(delivery)
        return
    columns = ("delivery", "webhook", "campaign", "change", "state", "tries", "last", "made")
    table = table_of(
        f"{len(held)} deliveries", *columns, wrapped=("webhook", "last", "made"),
        spare=("made", "change", "campaign", "last", "webhook"),
    )  # fmt: skip
    for d in held:
        named = word(DeliveryState.Name, d.state, "DELIVERY_STATE_")
        last = inert(" ".join(part for part in (str(d.status or ""), d.problem) if part))
        add_row(
            table, d.delivery_id, inert(d.webhook), d.campaign_id, d.change, named,
            str(d.attempts), last, when(d.create_time),
        )  # fmt: skip
    console().print(table)


@webhooks_app.command()
@asks
def retry(server: Server, delivery_id: Annotated[str, typer.Argument(help="A dead one.")]) -> None:
    """Try a dead delivery again."""
    with server.client() as client:
        client.retry_delivery(delivery_id)
    if server.json:
        typer.echo(json.dumps({"retried": delivery_id}))
    else:
        typer.echo(f"{plain(delivery_id)} will be tried again")


@webhooks_app.command("test")
@asks
def try_out(
    server: Server, name: Annotated[str, typer.Argument(help="The webhook's name.")]
) -> None:
    """Send a test, once. Exit code 1 if the receiver does not take it."""
    with server.client() as client:
        answer = client.test_webhook(name)
    if server.json:
        print_json(answer)
    else:
        typer.echo(plain(f"status {answer.status or '-'} {answer.problem}"))
    if not 200 <= answer.status < 300:
        raise typer.Exit(REFUSED)


@webhooks_app.command()
def schema() -> None:
    """Print the JSON Schema of what a webhook gets."""
    typer.echo(json.dumps(alert_schema(), indent=2))
