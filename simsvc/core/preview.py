"""How many accounts a family will have once prompts are counted that are not recorded yet."""

from __future__ import annotations

from simsvc.core.sightings import Family, Sighting


class FamilyPreview:
    """Takes the prompts of one batch, in order. What it costs does not grow with the family."""

    def __init__(self, family: Family) -> None:
        self._members = family.members
        self._owners = family.owners
        # Of the batch: actors by account, and those that the family does not have yet.
        self._actors: dict[int, int] = {}
        self._new: set[int] = set()

    def accounts_with(self, seen: Sighting) -> int:
        """Count the accounts, organisations collapsed, with this prompt and those before."""
        known = self._actor(seen.account)
        actor = seen.actor if known is None else min(known, seen.actor)
        self._actors[seen.account] = actor
        if known not in (None, actor):
            self._count_again()
        elif actor not in self._owners:
            self._new.add(actor)
        return len(self._owners) + len(self._new)

    def _actor(self, account: int) -> int | None:
        if account in self._actors:
            return self._actors[account]
        member = self._members.get(account)
        return member.actor if member else None

    def _count_again(self) -> None:
        """An account turned out to belong to an organisation, and may have been the only one."""
        before = {a: m.actor for a, m in self._members.items()}
        self._owners = set((before | self._actors).values())
        self._new = set()
