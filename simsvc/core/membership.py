"""Which accounts are in open campaigns, by keyed hash: the backend's hot path asks this."""

from __future__ import annotations

from collections.abc import Iterable

from simsvc.core.campaigns import CampaignBook
from simsvc.domain.campaign import Campaign
from simsvc.domain.pseudonyms import Keyring
from simsvc.ports.record import Record


class Membership:
    """Maps the hashes of campaign members to their references; all in memory.

    `learn` runs on the writing thread; `check` may be called from any.
    """

    def __init__(self, record: Record, book: CampaignBook, keyring: Keyring) -> None:
        self._record = record
        self._book = book
        self._keyring = keyring
        self._accounts: dict[bytes, int] = {}
        self._known: set[int] = set()

    def learn(self, campaigns: Iterable[Campaign]) -> None:
        """Read the hashes of members that are new."""
        members = {account for c in campaigns for account in c.members} - self._known
        for account, hashes in self._record.account_hashes(sorted(members)).items():
            self._accounts.update(dict.fromkeys(hashes, account))
        self._known |= members

    def check(self, account_id: str) -> tuple[str, ...]:
        """Return the open campaigns of an account, given its raw id or its pseudonym."""
        account = self.find(account_id)
        return () if account is None else self._book.check(account)

    def find(self, account_id: str) -> int | None:
        """Return the reference of an account that is or was in a campaign."""
        for value in self._keyring.hashes_of("acct", "account", account_id):
            account = self._accounts.get(value)
            if account is not None:
                return account
        return None
