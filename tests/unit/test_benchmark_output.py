"""What the speed benchmarks make of their figures."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as ET

from benchmarks.__main__ import _replaced
from benchmarks.curves import draw
from benchmarks.profile import _by_function, _by_thread
from benchmarks.threads import by_kind


def test_curves_are_drawn_the_same_each_time(tmp_path: Path) -> None:
    lines = {"ours": [(1.0, 2.0), (10.0, 4.0)], "theirs": [(1.0, 3.0), (10.0, 9.0)]}
    for name in ("one.svg", "other.svg"):
        draw(lines, tmp_path / "new" / name, "texts", "a second", log=True)
    one, other = ((tmp_path / "new" / name).read_bytes() for name in ("one.svg", "other.svg"))
    assert one == other
    assert ET.fromstring(one).tag.endswith("svg")  # noqa: S314 - made by the line above


def test_only_the_figures_below_a_heading_are_replaced() -> None:
    page = "".join(
        f"## {title}\n\nwords\n\n<!-- figures -->\n\nold\n\n<!-- end of figures -->\n\n"
        for title in ("Index", "Starting")
    )
    first, _, second = _replaced(page, "Starting", "new\n").partition("## Starting")
    assert first == page.partition("## Starting")[0]
    assert second.split() == page.partition("## Starting")[2].replace("old", "new").split()


def test_threads_without_python_are_those_of_libraries() -> None:
    spent = Counter({1: 3.0, 2: 1.0, 3: 0.0, 4: 3.5, 5: 0.5})
    named = {1: "model", 2: "write_0", 3: "read_1", 5: "gRPC event_engine"}
    rows = _by_thread(by_kind(spent, named))
    assert [(row["thread"], row["share"]) for row in rows] == [
        ("workers of OpenVINO and tokenizers", "43.8%"),
        ("model", "37.5%"),
        ("write", "12.5%"),
        ("gRPC core", "6.2%"),
    ]


def test_functions_are_ranked_by_where_samples_end() -> None:
    raw = "thread (1): write_0;run (a.py:1);commit (b.py:2) 3\nthread (2): model;run (a.py:1) 1\n"
    rows = _by_function(raw)
    assert rows[0] == {"thread: function": "write: commit (b.py:2)", "share of samples": "75.0%"}
    assert rows[1]["thread: function"] == "model: run (a.py:1)"
