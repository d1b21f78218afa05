"""Tokens and roles."""

from __future__ import annotations

import pytest

from simsvc.core.access import ALL_ROLES, Access, Principal, Role, authorise, new_token, token_hash
from simsvc.domain.errors import ForbiddenError, UnauthenticatedError


def test_a_known_token() -> None:
    token, other = new_token(), new_token()
    assert token != other
    assert token.startswith("sim_")
    ana = Principal("ana", frozenset({Role.ANALYST}))
    access = Access({token_hash(token): ana})
    assert not access.is_open
    assert access.authenticate(token) is ana
    for wrong in (None, "", other, token + "x", token_hash(token)):
        with pytest.raises(UnauthenticatedError):
            access.authenticate(wrong)


@pytest.mark.parametrize("token", [None, "", "anything"])
def test_without_tokens_all_may_do_all(token: str | None) -> None:
    access = Access({})
    assert access.is_open
    assert access.authenticate(token).roles == ALL_ROLES


def test_roles() -> None:
    both = Principal("ana", frozenset({Role.ANALYST, Role.INGEST}))
    authorise(both, [Role.OPERATOR, Role.INGEST])
    with pytest.raises(ForbiddenError, match="operator, reviewer"):
        authorise(both, [Role.REVIEWER, Role.OPERATOR])
    for principal in (both, Principal("nobody", frozenset())):
        with pytest.raises(ForbiddenError):
            authorise(principal, [])


def test_a_principal_is_not_changed_by_what_it_was_made_of() -> None:
    principals = {token_hash("t"): Principal("ana", ALL_ROLES)}
    access = Access(principals)
    principals.clear()
    assert access.authenticate("t").name == "ana"
