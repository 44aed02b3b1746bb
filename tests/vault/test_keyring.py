"""Sealed secrets: their form, and that nothing but the right key and context opens them."""

from __future__ import annotations

import traceback

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from zoneproof.core.errors import VaultError
from zoneproof.vault import Key, Keyring, key_id_of

KEY = Key(bytes(range(32)))
RING = Keyring((KEY,), "here")
CONTEXT = "credential|7|token"


@given(st.binary(max_size=5000), st.text(alphabet=st.characters(exclude_categories=["Cs"])))
@settings(deadline=None)
def test_what_was_sealed_opens_with_its_context(plaintext: bytes, context: str) -> None:
    sealed = RING.seal(plaintext, context)
    assert RING.open(sealed, context) == plaintext
    assert key_id_of(sealed) == KEY.id


def test_what_this_version_sealed_opens_for_ever() -> None:
    sealed = bytes.fromhex(
        "012fe2a873a0ff6910375b5f9280a9c39d31d7ececdfe3f8e661af6f498377a0d408e6b0c4461309d8cf13c26e"
        "e6bd0b9628"
    )
    assert RING.open(sealed, CONTEXT) == b"correct horse"


def test_the_form_is_as_documented() -> None:
    sealed = RING.seal(b"secret", CONTEXT)
    assert sealed[:9] == b"\x01" + bytes.fromhex(KEY.id)
    opened = AESGCM(KEY.secret).decrypt(sealed[9:21], sealed[21:], sealed[:9] + CONTEXT.encode())
    assert opened == b"secret"
    assert len(sealed) == 1 + 8 + 12 + len(b"secret") + 16


def test_sealing_twice_gives_different_bytes() -> None:
    assert RING.seal(b"secret", CONTEXT) != RING.seal(b"secret", CONTEXT)


@pytest.mark.parametrize("context", ["", "credential|8|token", "credential|7|toke", CONTEXT + "n"])
def test_another_context_does_not_open_it(context: str) -> None:
    with pytest.raises(VaultError, match="was changed since it was stored, or belongs elsewhere"):
        RING.open(RING.seal(b"secret", CONTEXT), context)


def test_no_changed_bit_goes_unnoticed() -> None:
    sealed = RING.seal(b"secret", CONTEXT)
    for bit in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(VaultError):
            RING.open(bytes(changed), CONTEXT)


@given(st.binary(max_size=100) | st.binary(max_size=100).map(lambda data: b"\x01" + data))
@settings(deadline=None)
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(VaultError):
        RING.open(data, CONTEXT)


def test_a_secret_cut_short_is_named_so() -> None:
    sealed = RING.seal(b"", CONTEXT)
    for length in range(len(sealed)):
        with pytest.raises(VaultError, match="cut short"):
            RING.open(sealed[:length], CONTEXT)


def test_a_secret_from_a_newer_program_asks_for_an_update() -> None:
    with pytest.raises(VaultError, match=r"\(version 2\): update Zoneproof"):
        RING.open(b"\x02" + RING.seal(b"secret", CONTEXT)[1:], CONTEXT)


def test_the_newest_key_seals_and_every_key_opens() -> None:
    new = Key.new()
    ring = Keyring((KEY, new), "here")
    assert ring.open(RING.seal(b"secret", CONTEXT), CONTEXT) == b"secret"
    assert key_id_of(ring.seal(b"secret", CONTEXT)) == new.id


def test_another_key_is_refused_with_the_ids_of_both() -> None:
    other = Key.new()
    with pytest.raises(VaultError) as caught:
        Keyring((other,), "$ZONEPROOF_VAULT_KEY").open(RING.seal(b"secret", CONTEXT), CONTEXT)
    assert caught.value.message == (
        f"a stored secret was sealed with the vault key {KEY.id}, but $ZONEPROOF_VAULT_KEY"
        f" holds {other.id}: add the key {KEY.id} before it"
    )


def test_keys_are_random_and_survive_as_text() -> None:
    key = Key.new()
    assert Key.from_text(key.to_text()) == key
    assert key != Key.new()
    assert key.id != KEY.id


@pytest.mark.parametrize(
    "text",
    ["", "hunter2", "aHVudGVyMg==", "A" * 43, "A" * 44, "A" * 42 + "==", "ä" * 44, "\ud800" * 44],
)
def test_texts_that_are_no_key_are_refused_and_not_shown(text: str) -> None:
    with pytest.raises(ValueError, match="a key has 32 bytes") as caught:
        Key.from_text(text)
    shown = "".join(traceback.format_exception(caught.value, chain=True))
    assert not text or text not in shown
    assert caught.value.__context__ is None


def test_keys_never_show_themselves() -> None:
    for shown in (repr(KEY), str(KEY), repr(RING), f"{RING}"):
        assert KEY.to_text() not in shown
        assert KEY.secret.hex() not in shown
        assert repr(KEY.secret) not in shown
