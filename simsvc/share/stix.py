"""A campaign as a STIX 2.1 bundle. The same campaign gives the same ids."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import stix2

from simsvc.domain.sharing import IndicatorKind, SharedCase, SharedSketch, Tlp
from simsvc.domain.verdict import Confidence
from simsvc.share.tlp import marking

MEDIA_TYPE = "application/stix+json;version=2.1"
PATTERN_TYPE = "simsvc-sketch"
PATTERN_VERSION = "1"
_NAMESPACE = uuid.UUID("4d2b6c52-5d0f-5b3e-9c0a-2c6f0f7b7a10")
_MICRO = 1_000_000
# When identities of producers were first written like this.
_SINCE = datetime(2026, 11, 25, tzinfo=UTC)
# STIX 2.1 appendix A, scale "None / Low / Med / High".
_CONFIDENCE = {Confidence.LOW: 15, Confidence.MEDIUM: 50, Confidence.HIGH: 85}
_TECHNIQUES = (
    ("AML.T0024.002", "Extract AI Model"),
    ("AML.T0008.005", "AI Service Proxies"),
)
_STUDY = ("AML.CS0056", "Model Distillation Campaigns Targeting Anthropic Claude")
_WHAT = {
    IndicatorKind.FRAME: "Instructions that prompts of the campaign have in common",
    IndicatorKind.DATA_SET: "Data set that the campaign asks for",
}


class StixWriter:
    """Writes bundles of one producer; indicators are valid for so many days."""

    def __init__(self, producer: str, valid_days: int) -> None:
        self._producer = producer
        self._valid = timedelta(days=valid_days)

    def write(self, case: SharedCase, tlp: Tlp, now: int) -> bytes:
        """Return the bundle, made at `now` (µs), in JSON."""
        made = _Made(case, self._producer, tlp, _time(now), _time(now) + self._valid)
        bundle = stix2.Bundle(
            *made.objects(), id=_id("bundle", self._producer, case.name, now), allow_custom=True
        )
        return str(bundle.serialize(indent=2)).encode()


class _Made:
    """The objects of one bundle."""

    def __init__(
        self, case: SharedCase, producer: str, tlp: Tlp, now: datetime, until: datetime
    ) -> None:
        self._case = case
        self._now = now
        self._until = until
        self._producer = producer
        self._mark = stix2.parse(marking(tlp), allow_custom=True)
        self._identity = stix2.Identity(
            id=_id("identity", producer),
            created=_SINCE,
            modified=_SINCE,
            name=producer,
            identity_class="organization",
            object_marking_refs=[self._mark.id],
        )
        self._common: dict[str, Any] = {
            # Of one object, every version has the same.
            "created": _time(case.reported_day),
            "modified": now,
            "created_by_ref": self._identity.id,
            "object_marking_refs": [self._mark.id],
            "confidence": _CONFIDENCE[case.confidence],
        }

    def objects(self) -> list[Any]:
        campaign = self._campaign()
        techniques = [self._technique(*technique) for technique in _TECHNIQUES]
        indicators = [self._indicator(held) for held in self._case.sketches]
        accounts = [self._account(member.account) for member in self._case.members]
        links = [self._link(campaign, "uses", technique) for technique in techniques]
        links += [self._link(indicator, "indicates", campaign) for indicator in indicators]
        content = [campaign, *techniques, *indicators, *links, *accounts]
        grouping = stix2.Grouping(
            id=self._own("grouping"),
            name=f"Evidence for {self._case.name}",
            context="suspicious-activity",
            description=self._evidence(),
            object_refs=[o.id for o in content],
            **self._common,
        )
        return [self._mark, self._identity, *content, grouping]

    def _campaign(self) -> Any:
        case = self._case
        state = "confirmed by a reviewer" if case.confirmed else "not yet judged by a reviewer"
        how = ", ".join(tactic.replace("_", " ") for tactic in case.tactics) or "not told"
        return stix2.Campaign(
            id=self._own("campaign"),
            name=case.name,
            description=(
                f"{case.accounts} accounts ({case.actors} with organisations collapsed) sent "
                f"{case.prompts} prompts of one source. Tactics: {how}. The report is {state}. "
                f"Accounts are pseudonyms under the shared key {case.key_id}; times are days."
            ),
            objective="Collect a training set from the answers of a model (distillation)",
            first_seen=_time(case.first_day),
            last_seen=_time(case.last_day),
            external_references=[_reference(*_STUDY, "studies")],
            **self._common,
        )

    def _technique(self, external_id: str, name: str) -> Any:
        return stix2.AttackPattern(
            id=self._own("attack-pattern", external_id),
            name=name,
            external_references=[_reference(external_id, name, "techniques")],
            **self._common,
        )

    def _indicator(self, held: SharedSketch) -> Any:
        pattern = pattern_of(held, self._case.key_id)
        made_of = "items" if held.kind is IndicatorKind.DATA_SET else "prompts"
        return stix2.Indicator(
            id=self._own("indicator", pattern),
            name=f"{_WHAT[held.kind]} ({self._case.name})",
            description=(
                f"Keyed bottom-k sketch, of {held.prompts} {made_of}; {held.accounts} accounts. "
                "Hold it against own prompts with `simsvc indicators import`."
            ),
            indicator_types=["anomalous-activity"],
            pattern=pattern,
            pattern_type=PATTERN_TYPE,
            pattern_version=PATTERN_VERSION,
            valid_from=self._now,
            valid_until=self._until,
            **self._common,
        )

    def _account(self, name: str) -> Any:
        return stix2.UserAccount(
            id=_id("user-account", name),
            user_id=name,
            object_marking_refs=[self._mark.id],
        )

    def _link(self, source: Any, kind: str, target: Any) -> Any:
        return stix2.Relationship(
            id=self._own("relationship", source.id, kind, target.id),
            source_ref=source.id,
            relationship_type=kind,
            target_ref=target.id,
            **self._common,
        )

    def _own(self, kind: str, *parts: str) -> str:
        """Return the id of an object of this producer about this campaign."""
        return _id(kind, self._producer, self._case.key_id, self._case.name, *parts)

    def _evidence(self) -> str:
        said = [
            f"{c.signal}: {c.value:.4g}, {c.expected:.4g} expected, ln p {c.log_p:.1f}"
            for c in self._case.claims
        ]
        if self._case.coverage:
            seen = self._case.coverage
            size = f", of at least {seen.size} in all" if seen.size else ""
            said.append(f"coverage: {seen.distinct} items{size}")
        return "; ".join(said) or "none told"


def pattern_of(held: SharedSketch, key_id: str) -> str:
    """Return a sketch as the pattern of an indicator: JSON, hashes in hex."""
    return json.dumps(
        {
            "kind": held.kind.name.lower(),
            "key_id": key_id,
            "size": held.sketch.size,
            "values": [f"{value:016x}" for value in held.sketch.values],
        },
        separators=(",", ":"),
    )


def _reference(external_id: str, name: str, kind: str) -> dict[str, str]:
    return {
        "source_name": "mitre-atlas",
        "external_id": external_id,
        "description": name,
        "url": f"https://atlas.mitre.org/{kind}/{external_id}",
    }


def _id(kind: str, *parts: object) -> str:
    return f"{kind}--{uuid.uuid5(_NAMESPACE, json.dumps([kind, *map(str, parts)]))}"


def _time(micros: int) -> datetime:
    return datetime.fromtimestamp(micros / _MICRO, UTC)
