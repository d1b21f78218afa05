"""The real prompt sets that traffic is made of, each split in two halves that share nothing.

`calibration` is the half that constants were chosen on, `test` the half that is reported. A text,
or a whole conversation, is in one of them by its hash. Campaigns draw on other sets in each half.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import typer
import zstandard

HALVES = ("calibration", "test")
_MAX_TURNS = 12
_SETS = [
    "sharegpt_v3",
    "sharegpt_repeats",
    "autoj_user_queries",
    "instructionwild",
    "quora",
    "msmarco_queries",
    "miracl_mrtydi",
    "zh_queries",
    "clinc150",
    "banking77",
    "bitext_cs",
    "mmlu",
    "app_templates",
    "alpaca_en",
    "gsm8k_train",
    "t0_p3",
    "awesome_prompts",
    "codealpaca",
    "cot_collection",
    "zero_shot_cot_sets",
    "calls_evol_instruct",
]


@dataclass(frozen=True, slots=True)
class Line:
    """A prompt of a set and what it belongs to there ("" for nothing)."""

    text: str
    group: str


class Sources:
    """One half of every set, read when it is asked for."""

    def __init__(self, folder: Path, half: str) -> None:
        missing = [f"{n}.jsonl.zst" for n in _SETS if not (folder / f"{n}.jsonl.zst").is_file()]
        if missing:
            typer.echo(f"error: {folder} lacks {', '.join(missing)}", err=True)
            typer.echo(
                'Each is a public prompt set, one {"text": …, "group": …} a line; see '
                "docs/evaluation.md for where they come from.",
                err=True,
            )
            raise typer.Exit(2)
        self._folder = folder
        self.half = half
        self._held: dict[str, list[Line]] = {}

    def lines(self, name: str) -> list[Line]:
        """Return this half of a set, in the file's order."""
        if name not in self._held:
            self._held[name] = [
                line for line in _read(self._folder / f"{name}.jsonl.zst") if self._mine(name, line)
            ]
        return self._held[name]

    def texts(self, name: str) -> list[str]:
        """Return the texts of this half of a set."""
        return [line.text for line in self.lines(name)]

    def grouped(self, name: str) -> dict[str, list[str]]:
        """Return the texts by group, groups in the file's order."""
        groups: dict[str, list[str]] = defaultdict(list)
        for line in self.lines(name):
            groups[line.group].append(line.text)
        return dict(groups)

    def conversations(self) -> list[list[str]]:
        """Return the user turns of whole real conversations, the first dozen of each."""
        return [turns[:_MAX_TURNS] for turns in self.grouped("sharegpt_v3").values()]

    def _mine(self, name: str, line: Line) -> bool:
        whole = line.group if name in {"sharegpt_v3", "mmlu", "app_templates"} else line.text
        bit = hashlib.blake2b(whole.encode(), digest_size=1).digest()[0] & 1
        return HALVES[bit] == self.half


@cache
def _read(path: Path) -> tuple[Line, ...]:
    data = zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read()
    # Only "\n" ends a line: texts hold U+2028 and its like.
    rows = [json.loads(line) for line in data.split(b"\n") if line]
    return tuple(Line(row["text"], str(row.get("group") or "")) for row in rows)
