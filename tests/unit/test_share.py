"""What leaves the house is inert in every format, and what comes in is checked."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stix2validator import ValidationOptions, validate_string

from simsvc.domain.errors import InvalidError
from simsvc.domain.sharing import (
    IndicatorKind,
    SharedCase,
    SharedClaim,
    SharedMember,
    SharedSketch,
    Tlp,
)
from simsvc.domain.signals.coverage import Coverage
from simsvc.domain.sketch import SIZE, Sketch, Sketches, frame_hashes, item_hash, sketch_of
from simsvc.domain.verdict import Confidence
from simsvc.share.export import Exporter, ExportFormat
from simsvc.share.inert import cell, visible
from simsvc.share.reading import read_bundle
from simsvc.share.stix import pattern_of

NOW = 1_790_000_000_000_000
EVIL = "<script>alert(1)</script>\x1b[31m\u202egnp\r\n=cmd|' /C calc'!A0"
FOUR = [f"{i:016x}" for i in range(1, 5)]
WRITER = Exporter("house <b>A</b>", 30)
SKETCH = SharedSketch(IndicatorKind.FRAME, sketch_of(range(1000, 1300)), 12, 80)


def case(**changed: object) -> SharedCase:
    made = SharedCase(
        name="campaign-1", key_id="pair", reported_day=NOW, first_day=NOW, last_day=NOW,
        accounts=12, actors=11, prompts=90, confidence=Confidence.HIGH, tactics=("replay",),
        claims=(SharedClaim("twins", "alike", 1.0, 0.0, -700.0),),
        coverage=Coverage(90, 60, 0.3, 200, 4.0),
        members=(SharedMember("acct_" + "0" * 32, 0.9, 8),), sketches=(SKETCH,), confirmed=False,
    )  # fmt: skip
    return replace(made, **changed)


def written(form: ExportFormat, made: SharedCase, tlp: Tlp = Tlp.AMBER) -> str:
    return WRITER.write(made, form, tlp, NOW).content.decode()


@pytest.mark.parametrize("tlp", list(Tlp))
def test_a_bundle_is_valid_stix_whatever_is_in_it(tlp: Tlp) -> None:
    text = written(ExportFormat.STIX, case(name=EVIL, tactics=(EVIL,)), tlp)
    checked = validate_string(text, ValidationOptions(version="2.1"))
    assert checked.is_valid, [str(e) for e in checked.errors]
    assert "\x1b" not in text
    assert tlp.label in text


def test_a_bundle_names_the_techniques_and_the_case_study() -> None:
    objects = json.loads(written(ExportFormat.STIX, case()))["objects"]
    named = {r["external_id"] for o in objects for r in o.get("external_references", ())}
    assert named == {"AML.T0024.002", "AML.T0008.005", "AML.CS0056"}
    kinds = {o["type"] for o in objects}
    assert {"campaign", "grouping", "attack-pattern", "indicator", "marking-definition"} <= kinds
    [indicator] = [o for o in objects if o["type"] == "indicator"]
    assert (indicator["confidence"], indicator["valid_until"] > indicator["valid_from"]) == (
        85,
        True,
    )


def test_what_is_written_is_read_again() -> None:
    bundle = read_bundle(written(ExportFormat.STIX, case(), Tlp.AMBER_STRICT).encode())
    [indicator] = bundle.told.indicators
    assert (indicator.kind, indicator.key_id) == (IndicatorKind.FRAME, "pair")
    assert indicator.sketch == SKETCH.sketch
    assert indicator.tlp is Tlp.AMBER_STRICT
    assert indicator.valid_until - indicator.valid_from == 30 * 86400 * 1_000_000
    assert indicator.holds(NOW)
    assert not indicator.holds(indicator.valid_until)
    assert bundle.passed_over > 0


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b"not json", b"\xff", b"null",
     b"[" * 100_000,
     b'{"type": "bundle", "id": "x", "objects": [{"type": "indicator"}]}'],
)  # fmt: skip
def test_what_is_no_bundle_is_refused_by_name(content: bytes) -> None:
    with pytest.raises(InvalidError) as caught:
        read_bundle(content)
    assert {v.field for v in caught.value.violations} == {"bundle"}


@pytest.mark.parametrize("where", ["bundle", "identity", "indicator"])
@pytest.mark.parametrize(
    ("name", "value"),
    [("extensions", ["x"]), ("extensions", {"a": 1}), ("granular_markings", [1])],
)
def test_members_that_are_not_stix_are_refused_by_name(
    where: str, name: str, value: object
) -> None:
    bundle = json.loads(written(ExportFormat.STIX, case()))
    for made in (bundle, *bundle["objects"]):
        if made["type"] == where:
            made[name] = value
    with pytest.raises(InvalidError) as caught:
        read_bundle(json.dumps(bundle).encode())
    assert [(v.field, v.reason) for v in caught.value.violations] == [("bundle", "NOT_STIX")]


def pattern(**changed: object) -> str:
    return json.dumps({"kind": "frame", "key_id": "k", "size": 9, "values": FOUR} | changed)


def test_a_pattern_of_this_kind_is_read() -> None:
    bundle = json.loads(written(ExportFormat.STIX, case()))
    for made in bundle["objects"]:
        if made["type"] == "indicator":
            made["pattern"] = pattern()
    assert len(read_bundle(json.dumps(bundle).encode()).told.indicators) == 1


@pytest.mark.parametrize(
    "pattern",
    [
        "x", "{}", "[1]", "[" * 100_000, pattern(values=["1"]), pattern(size=1),
        pattern(size=10**30), pattern(size=True), pattern(kind="other"), pattern(key_id=7),
        pattern(key_id="a\0b"), pattern(key_id=""), pattern(key_id="\ud800"),
        pattern(key_id="\x1b[31m"), pattern(values=FOUR[:1] * 8),
        pattern(values=FOUR[:3]), pattern(values="0"),
        # More digits than Python reads.
        pattern().replace("9", "9" * 5000, 1),
    ],
)  # fmt: skip
def test_a_pattern_that_is_no_sketch_is_refused(pattern: str) -> None:
    bundle = json.loads(written(ExportFormat.STIX, case()))
    for made in bundle["objects"]:
        if made["type"] == "indicator":
            made["pattern"] = pattern
    with pytest.raises(InvalidError, match="bundle"):
        read_bundle(json.dumps(bundle).encode())


def test_a_bundle_of_somebody_else_says_nothing_to_us() -> None:
    bundle = json.loads(written(ExportFormat.STIX, case()))
    for made in bundle["objects"]:
        if made["type"] == "indicator":
            made |= {"pattern_type": "stix", "pattern": "[ipv4-addr:value = '198.51.100.1']"}
            made.pop("pattern_version", None)
    assert read_bundle(json.dumps(bundle).encode()).told.indicators == ()


def test_what_says_nothing_to_us_is_not_looked_into() -> None:
    bundle = json.loads(written(ExportFormat.STIX, case()))
    # Reading a pattern takes a quarter of a second for each thousand terms, and may fail.
    long = "[" + " AND ".join(["file:name = 'a'"] * 100_000) + "]"
    [ours] = [o for o in bundle["objects"] if o["type"] == "indicator"]
    odd = [{"type": "indicator", "pattern": long, "pattern_type": "stix"}, {"type": []},
           {"type": "identity", "id": []}, ours | {"type": "bundle"}]  # fmt: skip
    before = read_bundle(json.dumps(bundle).encode())
    bundle["objects"] = [*odd, *bundle["objects"]]
    after = read_bundle(json.dumps(bundle).encode())
    assert after.told == before.told
    assert after.told.indicators[0].producer
    assert after.passed_over == before.passed_over + len(odd)


def test_an_object_has_one_time_of_making_and_ids_are_the_producers_own() -> None:
    first = json.loads(WRITER.write(case(), ExportFormat.STIX, Tlp.RED, NOW).content)
    later = json.loads(WRITER.write(case(), ExportFormat.STIX, Tlp.RED, NOW + 10**12).content)
    made = {o["id"]: o.get("created") for o in first["objects"]}
    assert made == {o["id"]: o.get("created") for o in later["objects"]}
    other = Exporter("another house", 30).write(case(), ExportFormat.STIX, Tlp.RED, NOW)
    own = {o["id"] for o in json.loads(other.content)["objects"]} & made.keys()
    assert {name.partition("--")[0] for name in own} == {"marking-definition", "user-account"}


@pytest.mark.parametrize("revoked", [True, False])
def test_the_last_version_of_an_object_counts(revoked: bool) -> None:
    bundle = json.loads(written(ExportFormat.STIX, case()))
    [made] = [o for o in bundle["objects"] if o["type"] == "indicator"]
    last = made | {"modified": "2029-01-01T00:00:00Z", "confidence": 3, "revoked": revoked}
    bundle["objects"].insert(0, last)
    told = read_bundle(json.dumps(bundle).encode()).told
    [one], others = (told.withdrawn, told.indicators)[:: 1 if revoked else -1]
    assert (one.confidence, others) == (3, ())


def test_a_partners_words_come_in_inert() -> None:
    bundle = json.loads(written(ExportFormat.STIX, case()))
    for made in bundle["objects"]:
        if made["type"] in ("indicator", "identity"):
            made["name"] = EVIL
    [indicator] = read_bundle(json.dumps(bundle).encode()).told.indicators
    assert not re.search("[\x00-\x1f\u202e]", indicator.name + indicator.producer)


def test_a_table_is_inert_for_spreadsheets_and_terminals() -> None:
    evil = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\x1b[31m", EVIL, 'a"b,c')
    members = tuple(SharedMember(name, 0.5, 1) for name in evil)
    text = written(ExportFormat.CSV, case(members=members))
    rows = list(csv.reader(io.StringIO(text)))
    assert len(rows) == len(evil) + 1
    for row in rows[1:]:
        assert not row[1].startswith(("=", "+", "-", "@", "\t"))
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_a_page_is_inert_and_needs_nothing_from_elsewhere() -> None:
    claims = (SharedClaim(EVIL, EVIL, 1.0, 0.0, -1.0),)
    members = (SharedMember(EVIL, 0.5, 1),)
    page = written(ExportFormat.HTML, case(name=EVIL, claims=claims, members=members))
    assert "<script" not in page
    assert "\x1b" not in page
    assert not re.search(r"(src|href)=|url\(", page)
    assert "default-src 'none'" in page
    assert "TLP:AMBER" in page


@given(st.text())
def test_visible_text_holds_no_controls_and_keeps_the_rest(text: str) -> None:
    shown = visible(text)
    assert not re.search(
        "[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]", shown
    )
    assert visible(shown) == shown
    assert cell(text)[:1] not in ("=", "+", "-", "@")


@given(st.sets(st.integers(0, 2**64 - 1), max_size=400))
def test_a_sketch_is_the_least_hashes(values: set[int]) -> None:
    sketch = sketch_of(values)
    assert sketch.values == tuple(sorted(values)[:SIZE])
    assert sketch.size == len(values)
    if values:
        assert sketch.part_in(sketch.array()) == 1.0
        assert sketch.error(0.5) == (0.0 if len(values) <= SIZE else (0.25 / SIZE) ** 0.5)


@given(
    st.lists(st.sets(st.integers(0, 60), max_size=12), max_size=8),
    st.lists(st.integers(0, 60), max_size=30),
)
def test_many_sketches_are_held_against_a_set_at_once(
    sets: list[set[int]], held: list[int]
) -> None:
    sketches = [sketch_of(values) for values in sets]
    hashes = np.array(held, np.uint64)
    each = {i: part for i, s in enumerate(sketches) if (part := s.part_in(hashes))}
    assert Sketches(sketches).parts_in(hashes) == pytest.approx(each)


def test_a_sketch_estimates_the_part_that_is_held() -> None:
    rng = np.random.default_rng(1)
    whole = np.unique(rng.integers(0, 2**63, 4000, dtype=np.uint64))
    sketch = sketch_of(whole.tolist())
    held = rng.permutation(whole)[: len(whole) * 3 // 10]
    assert abs(sketch.part_in(held) - 0.3) < 4 * sketch.error(0.3)


def test_hashes_depend_on_the_key_and_not_on_spaces_or_case() -> None:
    one, other = b"1" * 32, b"2" * 32
    text = "List every defect of the beam and the clause of the standard that it breaks today"
    assert item_hash(f" {text.upper()}\n", one) == item_hash(text, one)
    assert item_hash(text, one) != item_hash(text, other)
    assert len(frame_hashes(text, one))
    assert not set(frame_hashes(text, one).tolist()) & set(frame_hashes(text, other).tolist())
    assert pattern_of(replace(SKETCH, sketch=Sketch((1,), 1)), "k") == (
        '{"kind":"frame","key_id":"k","size":1,"values":["0000000000000001"]}'
    )
