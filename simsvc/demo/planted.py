"""The planted group's prompts: one instruction, worded anew each time."""

from __future__ import annotations

import random
from dataclasses import dataclass

from simsvc.demo.phrases import SLOTS

GROUP = "coordinated"


@dataclass(frozen=True, slots=True)
class _Subject:
    """What figures are asked about: who reads them, their name, the rows and the two columns."""

    reader: str
    figures: str
    rows: tuple[str, ...]
    columns: tuple[str, str]


_SUBJECTS = tuple(
    _Subject(reader, figures, tuple(rows.split(", ")), columns)
    for reader, figures, rows, columns in (
        ("ledger auditor", "ledger figures", "rent, payroll, freight, supplies, travel",
         ("debit", "credit")),
        ("stock controller", "warehouse counts", "bolts, timber, paint, tiles, cable",
         ("received", "issued")),
        ("energy analyst", "meter readings", "kitchen, boiler, lifts, laundry, lighting",
         ("day", "night")),
        ("clinic registrar", "patient counts", "surgery, dental, eyes, children, imaging",
         ("admitted", "discharged")),
        ("traffic planner", "vehicle counts", "bridge, tunnel, ring road, harbour, square",
         ("inbound", "outbound")),
        ("election observer", "ballot counts", "north, south, old town, hillside, riverbank",
         ("cast", "counted")),
        ("dairy inspector", "milk records", "brown herd, upper farm, goats, lower farm, heifers",
         ("morning", "evening")),
        ("chip tester", "wafer yields", "lot A, lot B, lot C, lot D, lot E", ("tested", "passed")),
        ("librarian", "loan statistics", "novels, maps, comics, journals, scores",
         ("lent", "returned")),
        ("hydrologist", "river gauges", "weir, mill, delta, gorge, spring",
         ("upstream", "outflow")),
        ("ticket inspector", "passenger counts", "tram, ferry, night bus, funicular, metro",
         ("boarded", "alighted")),
        ("seed bank curator", "germination trials", "barley, lupin, sorghum, poppy, flax",
         ("sown", "sprouted")),
    )
)  # fmt: skip
# Weights: a data set has more of one thing than of another.
_SHARES = (3, 2, 2, *[1] * (len(_SUBJECTS) - 3))
_ROLES = (
    "You are a senior {reader}.",
    "Act as a senior {reader}.",
    "You are an experienced senior {reader}.",
    "Take the role of a senior {reader}.",
    "You work for us as a senior {reader}.",
)
_TASKS = (
    "Find every anomaly in the table of {figures} below.",
    "Examine the small table of {figures} below and find all anomalies.",
    "Identify each anomaly in the following table of {figures}.",
    "Go through the table of {figures} below and point out all anomalies.",
    "Look for anomalies in the {figures} of the table below.",
)
_STEPS = (
    "Show every step of your reasoning before you conclude.",
    "Show each step of the reasoning that leads to your conclusion.",
    "Write out all steps of your reasoning, then conclude.",
    "Show every step of your reasoning, one by one.",
    "Show all of your reasoning, step by step.",
)
_CHECKS = (
    "Recompute the totals and say which entry does not balance.",
    "Recalculate all totals and name the entry that does not balance.",
    "Check the totals again and tell which entry does not balance.",
    "Compute the totals anew and mark the entry that does not balance.",
)
_ENDS = (
    "End with a confidence between 0 and 1 for each anomaly.",
    "Finish with a confidence from 0 to 1 for each anomaly.",
    "Give a confidence between 0 and 1 for every anomaly at the end.",
    "Close with one confidence value, 0 to 1, for each anomaly.",
)
_HEADS = (
    "{figures} of {name}, {quarter}:",
    "Table ({quarter}, prepared by {name}):",
    "{figures} for {quarter}, clerk {name}:",
    "{quarter} {figures}, kept by {name}:",
)


def planted_text(rng: random.Random) -> str:
    """Return one variation: other wording, order of clauses, names and figures."""
    [subject] = rng.choices(_SUBJECTS, _SHARES)
    clauses = [rng.choice(options) for options in (_STEPS, _CHECKS, _ENDS)]
    if rng.random() < 0.5:
        clauses[0], clauses[1] = clauses[1], clauses[0]
    role = rng.choice(_ROLES).format(reader=subject.reader)
    task = rng.choice(_TASKS).format(figures=subject.figures)
    return f"{' '.join((role, task, *clauses))}\n\n{_table(subject, rng)}"


def planted_texts(count: int, rng: random.Random) -> list[str]:
    """Return `count` distinct variations."""
    texts: dict[str, None] = {}
    while len(texts) < count:
        texts[planted_text(rng)] = None
    return list(texts)


def _table(subject: _Subject, rng: random.Random) -> str:
    quarter = f"Q{rng.randint(1, 4)} {rng.randint(2019, 2025)}"
    head = rng.choice(_HEADS).format(
        figures=subject.figures.capitalize(), name=rng.choice(SLOTS["name"]), quarter=quarter
    )
    first, second = subject.columns
    entries = rng.sample(subject.rows, 4)
    rows = (f"{e}: {first} {_figure(rng)}, {second} {_figure(rng)}" for e in entries)
    return "\n".join((head, *rows))


def _figure(rng: random.Random) -> int:
    return rng.randint(10, 999) * 10
