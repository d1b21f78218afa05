"""Commands about alerts on their way to webhooks."""

from __future__ import annotations

import enum
import json as json_module
from itertools import islice
from typing import Annotated

import typer
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message
from rich.table import Table

from simsvc.cli.connect import (
    DEFAULT_ADDRESS,
    AddressOption,
    CaOption,
    JsonOption,
    TokenOption,
    connected,
)
from simsvc.cli.show import console, inert, when
from simsvc.client import DeliveryState
from simsvc.share.alert import schema as alert_schema

_REFUSED = 1
webhooks_app = typer.Typer(
    no_args_is_help=True, help="Alerts to webhooks: list, deliveries, retry, test, schema."
)


class State(enum.StrEnum):
    """See `DeliveryState`."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


@webhooks_app.command("list")
def list_webhooks(
    address: AddressOption = DEFAULT_ADDRESS,
    token: TokenOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """List the webhooks of the server's settings."""
    with connected(address, token, ca) as client:
        held = client.list_webhooks()
    for webhook in held:
        if json:
            _print_json(webhook)
        else:
            wanted = ", ".join(webhook.changes) or "every change"
            gone = "; gone: it answered 410" if webhook.gone else ""
            typer.echo(f"{inert(webhook.name).plain}: {wanted}{gone}")


@webhooks_app.command()
def deliveries(
    state: Annotated[State | None, typer.Option(help="Only these.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Deliveries shown.")] = 50,
    address: AddressOption = DEFAULT_ADDRESS,
    token: TokenOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """List alerts that were or are to be delivered, newest first."""
    with connected(address, token, ca) as client:
        pages = client.deliveries(state.value if state else "", min(limit, 200))
        held = list(islice(pages, limit))
    if json:
        for delivery in held:
            _print_json(delivery)
        return
    table = Table(title=f"{len(held)} deliveries", title_justify="left")
    for name in ("delivery", "webhook", "campaign", "change", "state", "tries", "last", "made"):
        table.add_column(name)
    for d in held:
        named = DeliveryState.Name(d.state).removeprefix("DELIVERY_STATE_").lower()
        last = inert(" ".join(part for part in (str(d.status or ""), d.problem) if part))
        table.add_row(
            d.delivery_id, inert(d.webhook), d.campaign_id, d.change, named, str(d.attempts), last,
            when(d.create_time),
        )  # fmt: skip
    console().print(table)


@webhooks_app.command()
def retry(
    delivery_id: Annotated[str, typer.Argument(help="A dead one.")],
    address: AddressOption = DEFAULT_ADDRESS,
    token: TokenOption = None,
    ca: CaOption = None,
) -> None:
    """Try a dead delivery again."""
    with connected(address, token, ca) as client:
        client.retry_delivery(delivery_id)
    typer.echo(f"{delivery_id} will be tried again")


@webhooks_app.command("test")
def try_out(
    name: Annotated[str, typer.Argument(help="The webhook's name.")],
    address: AddressOption = DEFAULT_ADDRESS,
    token: TokenOption = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Send a test, once. Exit code 1 if the receiver does not take it."""
    with connected(address, token, ca) as client:
        answer = client.test_webhook(name)
    if json:
        _print_json(answer)
    else:
        typer.echo(f"status {answer.status or '-'} {inert(answer.problem).plain}".rstrip())
    if not 200 <= answer.status < 300:
        raise typer.Exit(_REFUSED)


@webhooks_app.command()
def schema() -> None:
    """Print the JSON Schema of what a webhook gets."""
    typer.echo(json_module.dumps(alert_schema(), indent=2))


def _print_json(message: Message) -> None:
    typer.echo(MessageToJson(message, indent=None, preserving_proto_field_name=True))
