"""The commands, except those that `main` adds because they need all parts."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from simsvc.cli import queries, review, searching, sharing
from simsvc.cli.audit import audit_app
from simsvc.cli.connect import JsonOption
from simsvc.cli.generations import generations_app
from simsvc.cli.operations import operations_app
from simsvc.cli.references import references_app
from simsvc.cli.settings_table import settings_list, settings_table, with_settings_table
from simsvc.cli.webhooks import webhooks_app
from simsvc.core.access import Role, new_token, token_hash

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)

for _query in (searching.search, queries.account, queries.check, queries.status):
    app.command()(_query)
app.add_typer(queries.campaigns_app, name="campaigns")
queries.campaigns_app.add_typer(review.review_app, name="review")
for _decision in (review.merge, review.split, sharing.export):
    queries.campaigns_app.command()(_decision)
app.add_typer(audit_app, name="audit")
app.add_typer(webhooks_app, name="webhooks")
app.add_typer(sharing.indicators_app, name="indicators")
app.add_typer(references_app, name="reference-sets")
app.add_typer(generations_app, name="generations")
app.add_typer(operations_app, name="operations")


@app.callback()
def _root() -> None:
    """Find coordinated data set extraction in the prompts of a model API."""


@app.command()
def token(
    name: Annotated[str, typer.Argument(help="Who will hold it; shown in the audit.")],
    role: Annotated[list[Role], typer.Option(help="What it is for; may be repeated.")],
    as_json: JsonOption = False,
) -> None:
    """Make a bearer token: once for its holder, and as a setting that holds only its hash."""
    secret = new_token()
    if as_json:
        setting = {"name": name, "sha256": token_hash(secret), "roles": role}
        typer.echo(json.dumps({"token": secret, "setting": setting}))
        return
    typer.echo(f"token (give it to its holder, it is not stored): {secret}\n")
    typer.echo("setting (in the file that SIMSVC_CONFIG names):")
    typer.echo("[[tokens]]")
    typer.echo(f'name = "{name}"')
    typer.echo(f'sha256 = "{token_hash(secret)}"')
    roles = ", ".join(f'"{item}"' for item in role)
    typer.echo(f"roles = [{roles}]")


@app.command("settings")
def show_settings(
    into: Annotated[
        Path | None, typer.Option(help="Write it between the marks of this Markdown file instead.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print every setting with its default, as a Markdown table."""
    if into is not None:
        into.write_text(with_settings_table(into.read_text()))
    elif as_json:
        for setting in settings_list():
            typer.echo(json.dumps(asdict(setting)))
    else:
        typer.echo(settings_table())
