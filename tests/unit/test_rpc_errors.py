"""Statuses of errors: codes, details, and trailers that a client can receive."""

from __future__ import annotations

import grpc
import pytest
from google.rpc import error_details_pb2
from hypothesis import given, settings
from hypothesis import strategies as st

from simsvc.domain import errors
from simsvc.domain.errors import InvalidError, Violation
from simsvc.domain.prompt import MICROSECONDS
from simsvc.domain.validation import Limits, RawPrompt, violations
from simsvc.rpc.address import UnsafeAddressError, check_address, is_loopback
from simsvc.rpc.convert import seq_of
from simsvc.rpc.errors import DOMAIN, code_of, status_of, trailers_of

FIXED = settings(derandomize=True, deadline=None)
# What gRPC clients take of trailing metadata by default (GRPC_ARG_MAX_METADATA_SIZE).
MOST_TRAILERS = 8192

CODES = [
    (InvalidError([Violation("a", "NUL", "d")]), "INVALID_ARGUMENT", "NUL"),
    (errors.NotFoundError("prompt"), "NOT_FOUND", "NOT_FOUND"),
    (errors.RequestIdReusedError(), "ALREADY_EXISTS", "REQUEST_ID_REUSED"),
    (errors.OverloadedError(0.25), "RESOURCE_EXHAUSTED", "OVERLOADED"),
    (errors.UnavailableError("x"), "UNAVAILABLE", "UNAVAILABLE"),
    (errors.UnauthenticatedError("x"), "UNAUTHENTICATED", "TOKEN_NOT_KNOWN"),
    (errors.ForbiddenError("x"), "PERMISSION_DENIED", "ROLE_MISSING"),
]


@pytest.mark.parametrize(("error", "code", "reason"), CODES, ids=[code for _, code, _ in CODES])
def test_code_and_reason(error: errors.SimsvcError, code: str, reason: str) -> None:
    assert code_of(error) is grpc.StatusCode[code]
    status = status_of(error)
    assert (status.code, status.message) == (grpc.StatusCode[code].value[0], str(error))
    info = error_details_pb2.ErrorInfo()
    status.details[-1].Unpack(info)
    assert (info.reason, info.domain) == (reason, DOMAIN)


@FIXED
@given(st.lists(st.builds(Violation, *[st.text(max_size=9)] * 3), min_size=1, max_size=5))
def test_all_violations_are_told(wrong: list[Violation]) -> None:
    status = status_of(InvalidError(wrong))
    bad, info = error_details_pb2.BadRequest(), error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(bad)
    told = [Violation(v.field, v.reason, v.description) for v in bad.field_violations]
    assert told == wrong
    status.details[1].Unpack(info)
    assert (info.reason, info.metadata["field"]) == (wrong[0].reason, wrong[0].field)


@FIXED
@given(st.floats(0, 3600))
def test_both_ways_to_tell_a_delay_agree(seconds: float) -> None:
    error = errors.OverloadedError(seconds)
    retry = error_details_pb2.RetryInfo()
    status_of(error).details[0].Unpack(retry)
    pushback = dict(trailers_of(error))["grpc-retry-pushback-ms"]
    assert retry.retry_delay.ToMilliseconds() == int(pushback) == int(seconds * 1000)


def test_only_an_overload_pushes_back() -> None:
    pushed = [e for e, _, _ in CODES if "grpc-retry-pushback-ms" in dict(trailers_of(e))]
    assert [type(e) for e in pushed] == [errors.OverloadedError]


def test_many_violations_fit_in_the_trailers() -> None:
    raw = RawPrompt("r", "a", "", None, "", [(9, "\0")] * 1024, {})
    error = InvalidError(violations(raw, Limits(), MICROSECONDS))
    size = sum(len(key) + len(value) for key, value in trailers_of(error)) + len(str(error))
    assert size < MOST_TRAILERS


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "", "0:1", "127.0.0.1.example.org:1", "127.0.0.1,10.0.0.1:1", "ipv4:127.0.0.1:1"],
)
def test_an_odd_address_is_not_taken_for_loopback(address: str) -> None:
    assert not is_loopback(address)


@FIXED
@given(st.text())
def test_any_address_is_judged(address: str) -> None:
    check_address(address, tls=True, tokens=True)
    assert is_loopback(address) in (True, False)


@pytest.mark.parametrize(
    ("tls", "tokens", "missing"),
    [(False, False, "TLS and tokens"), (True, False, "set up tokens"), (False, True, "set up TLS")],
)
def test_what_is_missing_is_said(tls: bool, tokens: bool, missing: str) -> None:
    with pytest.raises(UnsafeAddressError, match=missing):
        check_address("0.0.0.0:1", tls=tls, tokens=tokens)
    check_address("unix-abstract:simsvc", tls=False, tokens=False)


@pytest.mark.parametrize("text", ["", "x1", "-1", "\u0663", "1" * 19])
def test_an_id_that_is_no_number_is_named_by_its_field(text: str) -> None:
    with pytest.raises(InvalidError) as caught:
        seq_of(text, "entry_id")
    [wrong] = caught.value.violations
    assert wrong == Violation("entry_id", "NOT_AN_ENTRY_ID", "is not an entry id")
