"""Renewal information is RFC 9773's, and odd answers are no answers."""

from __future__ import annotations

import base64
import json
import random
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from zoneproof.acme import RenewalInfo, cert_id, choose_renewal_time, is_renewal_due
from zoneproof.acme.ari import parse_renewal_info
from zoneproof.core.errors import AcmeConnectionError, AcmeError

NOW = datetime(2026, 8, 1, 12, tzinfo=UTC)
KEY = ec.generate_private_key(ec.SECP256R1())


def certificate(serial: int, key_identifier: bytes | None) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(x509.Name([]))
        .public_key(KEY.public_key())
        .serial_number(serial)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=90))
    )
    if key_identifier is not None:
        extension = x509.AuthorityKeyIdentifier(key_identifier, None, None)
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(KEY, hashes.SHA256())


def answer(start: str, end: str, **more: str) -> bytes:
    return json.dumps({"suggestedWindow": {"start": start, "end": end}, **more}).encode()


def test_cert_id_is_that_of_rfc_9773_section_4_1() -> None:
    key_identifier = bytes.fromhex("69885b6b87464041e1b37b847ba0ae2cde01c8d4")
    made = certificate(0x87654321, key_identifier)
    assert cert_id(made) == "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"


@given(st.integers(1, 2**159 - 1))
def test_cert_id_holds_the_serial_as_der_has_it(serial: int) -> None:
    text = cert_id(certificate(serial, b"k")).partition(".")[2]
    content = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    assert int.from_bytes(content, signed=True) == serial
    assert len(content) == 1 or content[0] or content[1] & 0x80  # the shortest form


def test_certificate_without_authority_key_identifier_has_no_cert_id() -> None:
    with pytest.raises(AcmeError, match="authority key identifier"):
        cert_id(certificate(1, None))


def test_answer_of_rfc_9773_section_4_2_is_read() -> None:
    body = answer(
        "2025-01-02T04:00:00Z",
        "2025-01-03T04:00:00Z",
        explanationURL="https://acme.example.com/docs/ari",
    )
    info = parse_renewal_info(body, "https://ca.test/ari", {"Retry-After": "21600"}, NOW)
    assert info == RenewalInfo(
        start=datetime(2025, 1, 2, 4, tzinfo=UTC),
        end=datetime(2025, 1, 3, 4, tzinfo=UTC),
        ask_again_at=NOW + timedelta(hours=6),
        explanation_url="https://acme.example.com/docs/ari",
    )


@pytest.mark.parametrize(
    ("retry_after", "wait"),
    [
        ("0", timedelta(minutes=1)),
        ("59", timedelta(minutes=1)),
        ("3600", timedelta(hours=1)),
        ("999999999999", timedelta(days=1)),
        ("Sat, 01 Aug 2026 13:00:00 GMT", timedelta(hours=1)),
        ("Sat, 01 Aug 2020 13:00:00 GMT", timedelta(minutes=1)),
        ("whenever", timedelta(hours=6)),
    ],
)
def test_retry_after_counts_within_a_minute_and_a_day(retry_after: str, wait: timedelta) -> None:
    body = answer("2026-09-01T00:00:00Z", "2026-09-02T00:00:00Z")
    info = parse_renewal_info(body, "https://ca.test/ari", {"Retry-After": retry_after}, NOW)
    assert info.ask_again_at == NOW + wait


@pytest.mark.parametrize("end", ["2026-09-01T00:00:00Z", "2026-08-31T00:00:00Z"])
def test_window_that_does_not_end_after_it_starts_is_no_answer(end: str) -> None:
    body = answer("2026-09-01T00:00:00Z", end)
    with pytest.raises(AcmeConnectionError, match="ends before it starts"):
        parse_renewal_info(body, "https://ca.test/ari", {}, NOW)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("0001-01-01T00:00:00+14:00", "2026-09-01T00:00:00Z"),
        ("2026-09-01T00:00:00Z", "9999-12-31T23:59:59-14:00"),
    ],
)
def test_window_at_an_end_of_time_is_no_answer(start: str, end: str) -> None:
    with pytest.raises(AcmeConnectionError, match="out of range"):
        parse_renewal_info(answer(start, end), "https://ca.test/ari", {}, NOW)


def test_explanation_that_is_no_https_url_is_not_shown() -> None:
    body = answer(
        "2026-09-01T00:00:00Z", "2026-09-02T00:00:00Z", explanationURL="javascript:alert(1)"
    )
    assert parse_renewal_info(body, "https://ca.test/ari", {}, NOW).explanation_url == ""


WINDOW = RenewalInfo(NOW, NOW + timedelta(days=2), NOW)


@given(st.integers())
def test_chosen_moment_lies_in_the_window(seed: int) -> None:
    chosen = choose_renewal_time(WINDOW, random.Random(seed))
    assert WINDOW.start <= chosen <= WINDOW.end


def test_chosen_moments_are_spread_over_the_whole_window() -> None:
    source = random.Random(1)
    quarters = {
        int((choose_renewal_time(WINDOW, source) - WINDOW.start) / timedelta(hours=12))
        for _ in range(100)
    }
    assert quarters == {0, 1, 2, 3}


def test_moment_is_chosen_without_a_source_of_chance_too() -> None:
    assert WINDOW.start <= choose_renewal_time(WINDOW) <= WINDOW.end


@pytest.mark.parametrize(
    ("hours", "due"), [(-1, True), (0, True), (0.5, True), (1, False), (2, False)]
)
def test_renewal_is_due_when_its_moment_is_past_or_comes_before_the_next_wake(
    hours: float, due: bool
) -> None:
    chosen = NOW + timedelta(hours=hours)
    assert is_renewal_due(chosen, now=NOW, next_wake=NOW + timedelta(hours=1)) is due
