"""Longer texts: notes to rewrite, pages to summarise, tables and code to look at."""

from __future__ import annotations

import random

from simsvc.demo.phrases import SLOTS, Subject, Topic, fill, sentence_case

NOTES = (
    "the {number} forms on {focus} never reached {name}, so we must start over before {day}",
    "Dear {name}, your remarks on {focus} hurt more people in {city} than you think.",
    "Nobody warned us about {focus} and now the bill is {amount} euros.",
    "Good news from {city}: {focus} is finally sorted, drinks are on {name}!",
    "We regret that {focus} cannot be offered on {day}.",
    "If {name} asks, I was busy with {focus}, not asleep.",
    "Kindly refrain from {thing} in the corridor; {other} is tolerated on {day}.",
    "me and {name} was talking about {focus} and it dont make sense",
    "{thing} arrived broken, {other} is missing, and the courier laughed.",
    "After {number} years in {city} I am handing {focus} over to {name}.",
)

GENRES: tuple[tuple[str, ...], ...] = (
    (
        "Present: {name}, {name}, {name}; apologies from {name}.",
        "{name} reported on {focus} and was asked to come back with figures by {day}.",
        "A vote on {other} was postponed since only {number} members were in the room.",
        "The treasurer has {amount} euros left for {aside}.",
        "{name} objected that {second} had been promised to the people of {city} already.",
        "Any other business: the kettle, and {other}.",
        "It was agreed that nobody speaks to the press about {focus} before {day}.",
        "{name} will ask {person} for a second view on {aside}.",
    ),
    (
        "We reached {city} late, and all {name} could talk about was {focus}.",
        "I slept badly and dreamt of {other}.",
        "In the morning {person} showed us {thing}, for {amount} coins, and winked.",
        "Nothing prepares you for {aside}, least of all a guidebook.",
        "{name} lost a shoe. We laughed for {number} minutes.",
        "By evening the talk had turned to {second}, as it always does here.",
        "I wrote to {name} in {city} and left out the part on {focus}.",
        "The rain stopped on {day}; the smell of it stayed in everything, even in {other}.",
    ),
    (
        "This report deals with {focus} in the district of {city} over {number} years.",
        "Of {amount} households asked, one in {number} had heard about {aside}.",
        "Costs were driven by {other}, contrary to what {name} et al. expected.",
        "The data on {second} are thin and should be read with care.",
        "Interviews with {person} suggest that {thing} is valued for reasons other than money.",
        "We found no sign that {aside} changes before {day}.",
        "A trial with {number} volunteers in {city} is under way.",
        "Recommendation {number}: put {focus} before {other} in the next budget.",
    ),
    (
        "From: {name}. To: {name}. Subject: {focus}.",
        "> On {day} you wrote that {aside} was somebody else's job.",
        "Sorry, I was in {city} and only saw this now.",
        "Can we please keep {other} out of this thread?",
        "{name} has promised {amount} dollars if {second} is settled by {day}.",
        "I am copying in {person}, who knows {thing} better than any of us.",
        "Let me be {tone}: {number} messages about {focus} are enough.",
        "Best, {name} (sent from the train to {city})",
    ),
)

ASKS = (
    "Summarise the text below in {form}:\n\n{body}",
    "{body}\n\n---\nWhat does this say about {thing}? {me}.",
    "Who is responsible for what here? Text follows.\n{body}",
    "tl;dr please\n\n{body}",
    "Find the contradictions between paragraphs, {tone}:\n\n{body}",
    "Extract every name, sum and date from this.\n\n{body}",
)

CODE = (
    "def {verb}_{noun}(rows):\n    seen = {{}}\n    for r in rows:\n"
    "        seen[r['{noun}']] += {number}\n    return seen",
    "SELECT {noun}, COUNT(*) FROM {noun}_{verb} WHERE city = '{city}' GROUP BY {noun2};",
    "const {noun} = await fetch('/{verb}/{noun2}').json();\nconsole.log({noun}.{verb}());",
    "for f in *.{noun}; do {verb} $f | sort -k{number} > $f; done",
    "class {noun}:\n  def __init__(self, {noun2}=[]):\n    self.{noun2} = {noun2}\n"
    "  def {verb}(self):\n    self.{noun2}.append({number})",
    "{noun}:\n  - {verb}: {noun2}\n   retries: {number}\n  timeout: {amount}s",
    "fn {verb}(x: &mut Vec<{noun}>) -> &{noun} {{ let y = {noun}::new({number}); x.push(y); &y }}",
    '=IF({verb}(A{number}:A{amount})>0, VLOOKUP("{noun}", {noun2}!B:B, 3), "")',
    ".{noun} > .{noun2} {{ width: calc(100% - {number}px; float: {verb}; }}",
)

COMPLAINTS = (
    "why does this throw when I deal with {focus}?",
    "My test for {thing} fails only in {city} time zone.",
    "{name} wrote this for {focus} and left the company.",
    "Off by one somewhere? It concerns {second}.",
    "Port this to {dialect} and keep {focus} in mind.",
    "It hangs after {number} minutes; related to {focus}, I guess.",
    "Review please, be {tone}. Purpose: {focus}.",
)

_VERBS = [
    "load",
    "merge",
    "rotate",
    "trim",
    "parse",
    "settle",
    "shuffle",
    "quote",
    "refund",
    "stitch",
    "plant",
    "brew",
    "dock",
    "ping",
]
_NOUNS = [
    "ticket",
    "invoice",
    "badger",
    "pallet",
    "orbit",
    "cheese",
    "ferry",
    "lantern",
    "sensor",
    "tenant",
    "recipe",
    "violin",
    "parcel",
    "glacier",
    "voucher",
    "pigeon",
    "turbine",
    "ledger",
    "kettle",
    "comet",
    "passport",
    "barrel",
    "mosaic",
    "helmet",
]
_DIALECTS = [
    "Rust",
    "Kotlin",
    "plain C",
    "TypeScript",
    "Elixir",
    "Julia",
    "COBOL",
    "Go",
    "Lua",
    "OCaml",
]


def note(subject: Subject, rng: random.Random) -> str:
    """Return one sentence or two that somebody wants rewritten or translated."""
    return fill(rng.choice(NOTES), subject, rng)


def pasted(topic: Topic, subject: Subject, rng: random.Random) -> str:
    """Return a request with a pasted text of several thousand characters."""
    genre, size = rng.choice(GENRES), rng.randint(2000, 7000)
    paragraphs: list[str] = []
    while sum(map(len, paragraphs)) < size:
        about = Subject.draw(topic, rng, subject.thing if rng.random() < 0.5 else "")
        lines = rng.sample(genre, rng.randint(3, 6))
        paragraphs.append(" ".join(sentence_case(fill(line, about, rng)) for line in lines))
    body = "\n\n".join(paragraphs)
    return _with(rng.choice(ASKS), "body", body, subject, rng)


def code(subject: Subject, rng: random.Random) -> str:
    """Return a question about a piece of broken code."""
    noun, other = rng.sample(_NOUNS, 2)
    snippet = rng.choice(CODE).format(
        verb=rng.choice(_VERBS),
        noun=noun,
        noun2=other,
        number=rng.choice(SLOTS["number"]),
        amount=rng.choice(SLOTS["amount"]),
        city=rng.choice(SLOTS["city"]),
    )
    complaint = _with(rng.choice(COMPLAINTS), "dialect", rng.choice(_DIALECTS), subject, rng)
    parts = [sentence_case(complaint), f"```\n{snippet}\n```"]
    return "\n".join(parts if rng.random() < 0.7 else reversed(parts))


def table(topic: Topic, subject: Subject, rng: random.Random) -> str:
    """Return a question about a few rows of made-up data."""
    things = rng.sample(topic.things, rng.randint(3, 7))
    unit = rng.choice(("euros", "visits", "kg", "complaints", "hours", "stars out of 5", "members"))
    rows = "\n".join(f"{thing},{rng.randint(2, 900)}" for thing in things)
    ask = rng.choice(
        (
            "Which is the odd one out, thinking of {focus}?",
            "Chart idea for this, {tone}? {me}.",
            "{name} in {city} sent these. Average and spread, please.",
            "Sort this and comment on {second}.",
            "Do the numbers support {focus}?",
        )
    )
    return f"{fill(ask, subject, rng)}\n{topic.name},{unit}\n{rows}"


def _with(template: str, slot: str, text: str, subject: Subject, rng: random.Random) -> str:
    """Fill a template that has one slot of its own beside the usual ones."""
    before, mark, after = template.partition("{" + slot + "}")
    return fill(before, subject, rng) + (text if mark else "") + fill(after, subject, rng)
