"""What an account does and what a campaign's prompts have in common, for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from simsvc.cli.show import add_row, inert, plain, table_of, when, whole
from simsvc.cli.tables import Listing
from simsvc.client import AccountActivity, CampaignFrames

_BARS = "▁▂▃▄▅▆▇█"
_COLUMNS = 60
_FRAMES = 4
_EXAMPLES = 3
_FIXED, _VARYING = 60, 120


def sparkline(counts: Sequence[int]) -> str:
    """Return counts as bars of one line, at most 60; a dot for none. Of more, some are added up."""
    step = -(-len(counts) // _COLUMNS) or 1
    sums = [sum(counts[i : i + step]) for i in range(0, len(counts), step)]
    most = max(sums, default=0)
    return "".join(_BARS[(n * len(_BARS) - 1) // most] if n else "·" for n in sums)


def activity_rows(activity: AccountActivity) -> list[tuple[str, Text]]:
    """Return what an account does as rows of a table: a name and a text."""
    looked = activity.prompts_looked_at
    compared = f"; the median account's {activity.median_breadth:.1f}"
    breadth = f"{activity.breadth:.1f} topics in {looked} prompts"
    rows = [("volume", _volume(activity))] if activity.days else []
    rows.append(("breadth", Text(breadth + (compared if activity.median_breadth else ""))))
    rows.append(("stand alone", Text(f"{100 * activity.isolation:.0f}% of its prompts, in time")))
    for used in activity.frames:
        users = f"{used.accounts} accounts use it, of those that sent last"
        text = f"{used.prompts} prompts, such as {used.example_prompt_id}; {users}"
        rows.append((used.frame_id, whole(text)))
    return rows


def twins_table(activity: AccountActivity) -> Listing:
    """Return the accounts whose prompts are of the same distribution."""
    columns = ("account", "rho", "prompts", "campaigns")
    table = table_of("Nearest twins", *columns, wrapped=("campaigns",), spare=("prompts",))
    for twin in activity.twins:
        campaigns = ", ".join(twin.campaign_ids) or "-"
        add_row(table, twin.account, f"{twin.rho:.2f}", str(twin.prompts), campaigns)
    return table


def frames_panel(found: CampaignFrames) -> RenderableType:
    """Return the frames of a campaign, with ⟦what varies⟧ marked in examples."""
    parts: list[RenderableType] = []
    for frame in found.frames[:_FRAMES]:
        outside = f", {frame.other_accounts} other accounts use it" if frame.frame_id else ""
        name = frame.frame_id or "no frame"
        used = f"{frame.prompts} prompts of {frame.accounts} accounts{outside}"
        parts.append(whole(f"{name}: {used}"))
        for example in frame.examples[:_EXAMPLES]:
            line = Text(f"  {plain(example.prompt_id)}  ")
            for span in example.spans:
                line.append(_piece(span.text, varying=span.varying))
            parts.append(line if example.spans else line.append("(text not stored)", "dim"))
    if parts:
        parts = [Text("Frames, ⟦with what varies⟧", style="italic"), *parts, Text("")]
    return Group(*parts)


def _piece(text: str, *, varying: bool) -> Text:
    shown = inert(text, _VARYING if varying else _FIXED)
    if not shown.plain:
        return Text("")
    return Text.assemble("⟦", (shown.plain, "bold"), "⟧ ") if varying else shown.append(" ")


def _volume(activity: AccountActivity) -> Text:
    days = activity.days
    counts = [day.prompts for day in days]
    span = f"{when(days[0].day)[:10]} to {when(days[-1].day)[:10]}"
    return Text(f"{sparkline(counts)}  {span}, at most {max(counts)} a day")
