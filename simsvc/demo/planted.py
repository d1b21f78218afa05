"""The planted group's prompts: one instruction, worded anew each time."""

from __future__ import annotations

import random

from simsvc.demo.phrases import SLOTS

GROUP = "coordinated"


_ROLES = (
    "You are a senior ledger auditor.",
    "Act as a senior ledger auditor.",
    "You are an experienced senior ledger auditor.",
    "Take the role of a senior ledger auditor.",
    "You work for us as a senior ledger auditor.",
)
_TASKS = (
    "Find every anomaly in the table of ledger figures below.",
    "Examine the small table of ledger figures below and find all anomalies.",
    "Identify each anomaly in the following table of ledger figures.",
    "Go through the table of ledger figures below and point out all anomalies.",
    "Look for anomalies in the ledger figures of the table below.",
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
    "Ledger of {name}, {quarter}:",
    "Table ({quarter}, prepared by {name}):",
    "Ledger figures for {quarter}, clerk {name}:",
    "{quarter} ledger, kept by {name}:",
)


_ENTRIES = ("rent", "payroll", "freight", "supplies", "travel", "insurance", "repairs", "licences")
# What else the ledger says of itself: no two are alike, as items of a data set are not.
_WHO = (
    "the courier",
    "a hotel in Porto",
    "our dentist",
    "the ferry company",
    "a school",
    "the bakery",
    "the piano tuner",
    "a film crew",
    "the beekeeper",
    "an airline",
    "the vineyard",
    "the notary",
    "a roofer",
    "the zoo",
    "a solar farm",
    "the choir",
    "an orchard",
    "the locksmith",
    "a museum",
    "the fishing cooperative",
)
_DID = (
    "paid twice for",
    "sent back",
    "never received",
    "was overcharged for",
    "cancelled",
    "ordered late",
    "gave a discount on",
    "lost the receipt for",
    "insured",
    "leased",
)
_WHAT = (
    "forty blankets",
    "a snow plough",
    "the spring catalogue",
    "two hundred jars",
    "a microscope",
    "the stage lights",
    "nine tyres",
    "a wedding cake",
    "the beehives",
    "an anchor",
    "medical gloves",
    "the grand piano",
    "seed potatoes",
    "a rooftop antenna",
    "penguin feed",
    "the oak barrels",
    "sheet music",
    "a forklift",
    "school uniforms",
    "the fire alarm",
)


def planted_text(rng: random.Random) -> str:
    """Return one variation: other wording, order of clauses, names, figures and remark."""
    clauses = [rng.choice(options) for options in (_STEPS, _CHECKS, _ENDS)]
    if rng.random() < 0.5:
        clauses[0], clauses[1] = clauses[1], clauses[0]
    instruction = " ".join((rng.choice(_ROLES), rng.choice(_TASKS), *clauses))
    return f"{instruction}\n\n{_table(rng)}"


def planted_texts(count: int, rng: random.Random) -> list[str]:
    """Return `count` distinct variations."""
    texts: dict[str, None] = {}
    while len(texts) < count:
        texts[planted_text(rng)] = None
    return list(texts)


def _table(rng: random.Random) -> str:
    quarter = f"Q{rng.randint(1, 4)} {rng.randint(2019, 2025)}"
    head = rng.choice(_HEADS).format(name=rng.choice(SLOTS["name"]), quarter=quarter)
    entries = rng.sample(_ENTRIES, 4)
    rows = (f"{e}: debit {_figure(rng)}, credit {_figure(rng)}" for e in entries)
    remarks = [f"{rng.choice(_WHO)} {rng.choice(_DID)} {rng.choice(_WHAT)}" for _ in "ab"]
    return "\n".join((head, *rows, f"Remarks: {remarks[0]}; {remarks[1]}."))


def _figure(rng: random.Random) -> int:
    return rng.randint(10, 999) * 10
