"""How a check is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from indexer.verifying.faults import Checked, Fault

Values = dict[str, Any]


def report_of(found: Sequence[Checked], done: Sequence[str], refused: Sequence[str]) -> Values:
    """Return all that was found as JSON has it, with what a repair did and could not do."""
    return {
        "faults": sum(len(checked.faults) for checked in found),
        "generations": [_values(checked) for checked in found],
        "repaired": list(done),
        "refused": list(refused),
    }


def lines_of(checked: Checked) -> list[str]:
    """Return what was found of a generation in words: a line for it and one for each fault."""
    generation = checked.generation
    upto = "" if checked.checkpoint is None else f", index up to seq {checked.checkpoint}"
    notes = "".join(f", {note}" for note in checked.notes)
    result = f"{len(checked.faults)} faults" if checked.faults else "nothing found"
    head = f"{generation.generation_id} {generation.state.name.lower()}: {checked.prompts} prompts"
    return [f"{head}{upto}{notes}: {result}", *(f"  {_line(fault)}" for fault in checked.faults)]


def _line(fault: Fault) -> str:
    place = "/".join(name for name in (fault.segment, fault.file) if name)
    told = f"{fault.kind}: {place}: {fault.reason}" if place else f"{fault.kind}: {fault.reason}"
    if not fault.seqs:
        return told
    more = ", …" if fault.count > len(fault.seqs) else ""
    return f"{told}: {fault.count} prompts, seq {', '.join(map(str, fault.seqs))}{more}"


def _values(checked: Checked) -> Values:
    generation = checked.generation
    return {
        "generation": generation.generation_id,
        "state": generation.state.name.lower(),
        "prompts": checked.prompts,
        "checkpoint": checked.checkpoint,
        "notes": list(checked.notes),
        "faults": [
            {
                "kind": fault.kind.value,
                "reason": fault.reason,
                "count": fault.count,
                "seqs": list(fault.seqs),
                "segment": fault.segment,
                "file": fault.file,
            }
            for fault in checked.faults
        ],
    }
