"""A partner's STIX bundle: what of it this server can look for."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import stix2
from stix2.exceptions import STIXError

from simsvc.domain.errors import InvalidError, Violation
from simsvc.domain.sharing import Indicator, IndicatorKind, Told
from simsvc.domain.sketch import LEAST, SIZE, Sketch
from simsvc.share.inert import visible
from simsvc.share.stix import PATTERN_TYPE, PATTERN_VERSION
from simsvc.share.tlp import strictest

_MICRO = 1_000_000
_NAME = 200
_MOST = 1000
_MOST_ITEMS = 2**40
_KEY_ID = re.compile(r".{1,64}")
_HASH = re.compile(r"[0-9a-f]{16}")
_NOT_STIX = "is no STIX 2.1 bundle"
_KINDS = {kind.name.lower(): kind for kind in IndicatorKind}


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a bundle tells, and how many of its objects are something else."""

    told: Told
    passed_over: int


def read_bundle(content: bytes) -> Bundle:
    """Read a STIX 2.1 bundle. InvalidError naming `bundle` if it is none.

    Objects that this server does not look for are not looked into: their patterns may take minutes.
    """
    said, objects = _opened(content)
    ours = [o for o in objects if _is_ours(o)]
    if len(ours) > _MOST:
        raise _wrong("TOO_MANY", f"holds more than {_MOST} indicators")
    makers = {by for o in ours if isinstance(by := o.get("created_by_ref"), str)}
    identities = {name: o for o in objects if o.get("type") == "identity"
                  and isinstance(name := o.get("id"), str) and name in makers}  # fmt: skip
    parsed = _parsed(said, [*identities.values(), *ours])
    names = {o.id: o.name for o in parsed if isinstance(o, stix2.Identity)}
    found = [o for o in parsed if isinstance(o, stix2.Indicator)]
    # Versions of one object may lie side by side, in any order: the last one counts.
    latest = {o.id: o for o in sorted(found, key=lambda o: o.modified)}
    told = Told(
        tuple(_indicator(o, names) for o in latest.values() if not o.get("revoked", False)),
        tuple(_indicator(o, names) for o in latest.values() if o.get("revoked", False)),
    )
    return Bundle(told, len(objects) - len(found))


def _opened(content: bytes) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return a bundle without its objects, and those."""
    try:
        said = json.loads(content.decode("utf-8"))
    except (UnicodeDecodeError, RecursionError, ValueError) as error:
        raise _wrong("NOT_STIX", _NOT_STIX) from error
    if not isinstance(said, dict) or not isinstance(said.get("type"), str):
        raise _wrong("NOT_STIX", _NOT_STIX)
    if said["type"] != "bundle":
        raise _wrong("NOT_A_BUNDLE", "is a STIX object, but no bundle")
    objects = said.pop("objects", None) or []
    if not isinstance(objects, list) or not all(isinstance(o, dict) for o in objects):
        raise _wrong("NOT_STIX", _NOT_STIX)
    return said, objects


def _is_ours(made: dict[str, Any]) -> bool:
    kind = (made.get("pattern_type"), made.get("pattern_version"))
    return made.get("type") == "indicator" and kind == (PATTERN_TYPE, PATTERN_VERSION)


def _parsed(said: dict[str, Any], objects: list[dict[str, Any]]) -> list[Any]:
    # The library takes no empty list.
    whole = said | ({"objects": objects} if objects else {})
    try:
        parsed = stix2.parse(whole, allow_custom=True, version="2.1")
    except (STIXError, AttributeError, RecursionError, TypeError, ValueError) as error:
        # The library takes a member for an object without a look, and its own message may hold
        # whatever is in the bundle.
        raise _wrong("NOT_STIX", _NOT_STIX) from error
    return list(parsed.get("objects", []))


def _indicator(made: Any, names: dict[str, str]) -> Indicator:
    kind, key_id, sketch = _sketch(made.id, made.pattern)
    until = made.get("valid_until")
    return Indicator(
        indicator_id=made.id,
        kind=kind,
        name=visible(str(made.get("name", "")))[:_NAME],
        producer=visible(names.get(made.get("created_by_ref", ""), ""))[:_NAME],
        tlp=strictest([str(ref) for ref in made.get("object_marking_refs", [])]),
        key_id=key_id,
        valid_from=_micros(made.valid_from),
        valid_until=_micros(until) if until else 0,
        confidence=int(made.get("confidence", 0)),
        sketch=sketch,
        imported_at=0,
        modified=_micros(made.modified),
    )


def _sketch(name: str, pattern: str) -> tuple[IndicatorKind, str, Sketch]:
    try:
        said = json.loads(pattern)
        kind, key_id = _KINDS[said["kind"]], said["key_id"]
        size, values = said["size"], said["values"]
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        raise _wrong("BAD_PATTERN", f"{name}: the pattern is no sketch") from error
    whole = (
        isinstance(key_id, str)
        and _KEY_ID.fullmatch(key_id)
        and key_id.isprintable()
        and type(size) is int
        and size <= _MOST_ITEMS
        and isinstance(values, list)
        and all(isinstance(v, str) and _HASH.fullmatch(v) for v in values)
        and LEAST <= len(set(values)) <= min(size, SIZE)
    )
    if not whole:
        raise _wrong("BAD_PATTERN", f"{name}: the sketch is not whole")
    return kind, key_id, Sketch(tuple(sorted({int(v, 16) for v in values})), size)


def _micros(time: datetime) -> int:
    return int(time.timestamp() * _MICRO)


def _wrong(reason: str, description: str) -> InvalidError:
    return InvalidError([Violation("bundle", reason, description)])
