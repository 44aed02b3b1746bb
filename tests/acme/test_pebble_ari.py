"""Renewal information and replacing orders (RFC 9773) with Pebble."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.acme.pebble_client import Recorder, obtain, registered
from tests.support.peers.pebble import renewal_window, set_renewal_info
from zoneproof.acme import cert_id, choose_renewal_time, is_renewal_due
from zoneproof.core.errors import AcmeConnectionError, AcmeProblemError
from zoneproof.testing.pebble import Pebble

HOUR = timedelta(hours=1)


async def test_ca_says_when_to_renew(pebble: Pebble) -> None:
    async with registered(pebble) as client:
        chain = await obtain(client, "example.com", profile="default")
        info = await client.renewal_info(chain.leaf)
    assert info
    assert chain.leaf.not_valid_before_utc < info.start < info.end < chain.leaf.not_valid_after_utc
    assert timedelta(hours=5) < info.ask_again_at - datetime.now(UTC) <= timedelta(hours=6)
    assert info.explanation_url == ""


async def test_ca_wants_a_revoked_certificate_renewed_at_once(pebble: Pebble) -> None:
    async with registered(pebble) as client:
        chain = await obtain(client, "example.com")
        await client.revoke(chain.leaf)
        info = await client.renewal_info(chain.leaf)
    assert info
    assert info.end < datetime.now(UTC)


@pytest.mark.parametrize(("start", "end", "due"), [(-2, -1, True), (-1, 0, True), (48, 72, False)])
async def test_window_that_the_ca_moves_decides(
    pebble: Pebble, start: int, end: int, due: bool
) -> None:
    now = datetime.now(UTC)
    async with registered(pebble) as client:
        chain = await obtain(client, "example.com")
        before = await client.renewal_info(chain.leaf)
        window = renewal_window(now + start * HOUR, now + end * HOUR)
        set_renewal_info(pebble, chain.leaf_pem, window)
        info = await client.renewal_info(chain.leaf)
    assert before
    assert info
    assert (info.start, info.end) == (now + start * HOUR, now + end * HOUR)
    assert info.start != before.start
    chosen = choose_renewal_time(info)
    assert is_renewal_due(chosen, now=now, next_wake=now + HOUR) is due


async def test_other_certificates_keep_their_windows(pebble: Pebble) -> None:
    now = datetime.now(UTC)
    async with registered(pebble) as client:
        moved, kept = [await obtain(client, "example.com") for _ in range(2)]
        before = await client.renewal_info(kept.leaf)
        set_renewal_info(pebble, moved.leaf_pem, renewal_window(now - HOUR, now))
        after = await client.renewal_info(kept.leaf)
    assert before
    assert after
    assert (before.start, before.end) == (after.start, after.end)


async def test_explanation_of_an_early_renewal_is_passed_on(pebble: Pebble) -> None:
    async with registered(pebble) as client:
        chain = await obtain(client, "example.com")
        set_renewal_info(
            pebble,
            chain.leaf_pem,
            '{"suggestedWindow": {"start": "2026-01-01T00:00:00+01:00",'
            ' "end": "2026-01-02T00:00:00Z"}, "explanationURL": "https://ca.test/incident"}',
        )
        info = await client.renewal_info(chain.leaf)
    assert info
    assert info.start == datetime(2025, 12, 31, 23, tzinfo=UTC)
    assert info.explanation_url == "https://ca.test/incident"


@pytest.mark.parametrize(
    "answer",
    [
        '{"suggestedWindow": {"start": "2026-01-02T00:00:00Z", "end": "2026-01-01T00:00:00Z"}}',
        '{"suggestedWindow": {"start": "2026-01-01T00:00:00", "end": "2026-01-02T00:00:00"}}',
        '{"suggestedWindow": {"start": "2026-01-02T00:00:00Z"}}',
        '{"suggestedWindow": "tomorrow"}',
        "[]",
        "{",
        "<html>",
        "null",
    ],
)
async def test_odd_renewal_information_is_no_answer(pebble: Pebble, answer: str) -> None:
    async with registered(pebble) as client:
        chain = await obtain(client, "example.com")
        set_renewal_info(pebble, chain.leaf_pem, answer)
        with pytest.raises(AcmeConnectionError, match="renewal information that cannot be read"):
            await client.renewal_info(chain.leaf)


async def test_certificate_that_the_ca_does_not_know_has_no_renewal_information(
    pebble: Pebble, tmp_path: Path
) -> None:
    async with registered(pebble) as client:
        with Pebble(tmp_path, environment={"PEBBLE_VA_ALWAYS_VALID": "1"}) as elsewhere:
            async with registered(elsewhere) as stranger:
                leaf = (await obtain(stranger, "example.com")).leaf
        with pytest.raises(AcmeProblemError, match="refused"):
            await client.renewal_info(leaf)


async def test_order_says_what_it_replaces_unless_that_is_replaced_already(pebble: Pebble) -> None:
    recorder = Recorder(pebble)
    async with registered(pebble, connect=recorder) as client:
        replaces = cert_id((await obtain(client, "example.com")).leaf)
        await obtain(client, "example.com", "www.example.com", replaces=replaces)
        recorder.seen.clear()
        with pytest.raises(AcmeProblemError) as caught:
            await client._new_order(
                await client.directory(),
                {
                    "identifiers": [{"type": "dns", "value": "example.com"}],
                    "replaces": replaces,
                },
            )
        assert caught.value.is_type("alreadyReplaced")
        await obtain(client, "example.com", replaces=replaces)


async def test_certificate_of_another_account_is_not_replaced_but_ordered(pebble: Pebble) -> None:
    async with registered(pebble) as other:
        replaces = cert_id((await obtain(other, "example.com")).leaf)
    async with registered(pebble) as client:
        await obtain(client, "example.com", replaces=replaces)
