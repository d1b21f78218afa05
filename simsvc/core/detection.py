"""The detector: counters fed by every prompt, and a tick that tests what changed.

All of it is rebuilt from the record (`observe` in order of seq), so it has no store of its own.
One thread calls it: the writer's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from simsvc.core.accounts import AccountBook
from simsvc.core.analysis import AnalysisRule, Analyst, Samples
from simsvc.core.finding import Finding
from simsvc.core.library import ReferenceLibrary
from simsvc.core.popularity import FamilyTest, FamilyWatch, PopularFamily
from simsvc.core.sightings import Sighting
from simsvc.core.standing import Standing
from simsvc.core.suspicion import Suspicion
from simsvc.domain.campaign import Member
from simsvc.domain.signals.population import Population
from simsvc.domain.verdict import Confidence, Thresholds
from simsvc.ports.index import VectorIndex

__all__ = ["DetectionRule", "Detector", "Finding"]
_PASS_FINDING = 0
# Why an account is in a campaign that sent prompts of one of its families.
FAMILY_REASONS = ("sent near-duplicates of one prompt that more accounts send than is usual",)


@dataclass(frozen=True, slots=True)
class DetectionRule:
    """The rules of the detector's two ways of looking, and what calibration sets.

    `reference_similarity` is the cosine from which a prompt is an item of a reference set.
    """

    families: FamilyTest
    analysis: AnalysisRule
    thresholds: Thresholds
    reference_similarity: float = 0.9


class Detector:
    """Families of near-duplicates on every tick, all accounts together when enough is new."""

    def __init__(
        self, rule: DetectionRule, index: VectorIndex, library: ReferenceLibrary | None = None
    ) -> None:
        self.library = library or ReferenceLibrary(rule.reference_similarity)
        self.families_watch = FamilyWatch(rule.families)
        # Groups found once, which the next look confirms or drops.
        self.unconfirmed = 0
        self._standing = Standing(2 * rule.thresholds.log_p_high)
        self.accounts_book = AccountBook()
        self.analyst = Analyst(
            self.accounts_book, index, rule.analysis, rule.thresholds, self.library
        )

    @property
    def accounts(self) -> int:
        """Distinct accounts, organisations collapsed."""
        return self.families_watch.accounts

    @property
    def families(self) -> int:
        """Families of two prompts or more."""
        return self.families_watch.families

    @property
    def history(self) -> int:
        """Traffic before the window, in µs."""
        return self.families_watch.history

    @property
    def history_sufficient(self) -> bool:
        """Whether popularity rests on more than the traffic of the window itself."""
        return self.families_watch.history_sufficient

    @property
    def latest(self) -> int:
        """Time of the newest prompt, in µs."""
        return self.families_watch.latest

    @property
    def unlooked(self) -> int:
        """Prompts that no look at all accounts has taken into its findings yet."""
        return self.analyst.unlooked

    def family_accounts(self, batch: Sequence[Sighting]) -> list[int]:
        """Return how many accounts each prompt's family has with it, without counting it yet."""
        return self.families_watch.family_accounts(batch)

    def members(self, family: int) -> tuple[Member, ...]:
        """Return the accounts of a family; empty if it is not known."""
        return self.families_watch.members(family)

    def observe(self, batch: Sequence[Sighting]) -> None:
        """Count prompts that are in the record, in ascending order of seq."""
        self.families_watch.observe(batch)
        for seen in batch:
            self.accounts_book.add(seen)
            if seen.trace.origin:
                self.analyst.note_move(seen.trace.origin, seen.actor)

    def population(self, suspects: Iterable[int], *, force: bool = False) -> Population | None:
        """Gather what a look takes, with vectors: see `gather`."""
        samples = self.gather(suspects, force=force)
        return self.analyst.populated(samples) if samples is not None else None

    def gather(self, suspects: Iterable[int], *, force: bool = False) -> Samples | None:
        """Gather what a look at all accounts together takes; None if too little is new.

        `suspects` are the actors in open campaigns. Whatever comes of it goes to `tick`.
        """
        if not force and not self.analyst.due():
            return None
        return self.analyst.gather(suspects)

    def tick(
        self,
        reported: Callable[[int], bool],
        suspicions: Iterable[Suspicion] | None = None,
        *,
        last: bool = False,
    ) -> list[Finding]:
        """Test the families that changed since the last tick, and take over `suspicions`.

        A family that is `reported` already is returned whatever its test says: who joins it now
        belongs to its campaign. Suspicions are None unless there was a look; `last` says that no
        other will follow.
        """
        findings = [_of_family(found) for found in self.families_watch.tick(reported)]
        if suspicions is not None:
            found = [self._of_accounts(suspicion) for suspicion in suspicions]
            findings += self._standing.after_look(found, last=last)
        return findings

    def take_up(self) -> None:
        """Note that what the last look found is recorded."""
        self.unconfirmed = self._standing.unconfirmed
        self.analyst.take_up()

    def test_again(self, families: Iterable[int]) -> None:
        """Test again at the next tick even if nothing is new: the report was not recorded.

        Family 0 stands for a finding about accounts.
        """
        again = set(families)
        self.families_watch.test_again(again - {_PASS_FINDING})
        if _PASS_FINDING in again:
            self.analyst.look_again()

    def forget(self, before: int) -> None:
        """Drop what was last seen before this time (µs), as retention does in the record."""
        self.families_watch.forget(before)
        self.accounts_book.forget(before)
        self.analyst.forget()

    def _of_accounts(self, suspicion: Suspicion) -> Finding:
        measured, verdict = suspicion.measured, suspicion.verdict
        return Finding(
            key=min(measured.seqs),
            family=_PASS_FINDING,
            evidence=measured.evidence,
            members=tuple(self._members(suspicion)),
            confidence=verdict.confidence,
            tactics=tuple(str(t) for t in verdict.tactics),
            coverage=measured.coverage,
            next_steps=verdict.next_steps,
            representatives=measured.seqs,
            log_p=verdict.log_p,
            source=suspicion.seqs,
        )

    def _members(self, suspicion: Suspicion) -> Iterable[Member]:
        for actor, probability in suspicion.members.items():
            state = self.accounts_book.states.get(actor)
            if state is None:
                continue  # Retention has dropped it meanwhile.
            prompts = round(suspicion.source[actor] * state.prompts / len(state.accounts))
            for account in sorted(state.accounts):
                yield Member(
                    account, actor, state.first, state.last, max(prompts, 1),
                    probability, suspicion.reasons[actor],
                )  # fmt: skip


def _of_family(found: PopularFamily) -> Finding:
    members = tuple(
        Member(
            m.account, m.actor, m.first_seen, m.last_seen, m.prompts, m.probability, FAMILY_REASONS
        )
        for m in found.members
    )
    seqs = tuple(dict.fromkeys(seq for e in found.evidence for seq in e.seqs))
    steps = ("Read the prompts: is it a form, an app, or a task that somebody shares out?",)
    return Finding(
        found.family, found.family, found.evidence, members, Confidence.MEDIUM,
        ("variations_of_one_prompt",), None, steps, seqs,
    )  # fmt: skip
