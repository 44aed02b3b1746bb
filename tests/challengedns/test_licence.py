"""Licence keys as clients send them: in an Authorization header or in the path."""

from __future__ import annotations

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from zoneproof.challengedns.api.licence import key_in_path, licence_key
from zoneproof.challengedns.store.keys import has_hash, hash_key, licence_key_id, new_licence_key

KEY = "zp_0123abcd_" + "A-z_0" * 8


def read(authorization: str | bytes | None, path: str = "/register") -> str:
    headers = []
    if authorization is not None:
        raw = authorization.encode() if isinstance(authorization, str) else authorization
        headers.append((b"authorization", raw))
    return licence_key(Request({"type": "http", "headers": headers, **key_in_path(path)}))


def standard(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def unpadded_url(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize("encode", [standard, unpadded_url])
@pytest.mark.parametrize("user", ["", "u", "us", "use", "user@example.org", "ÿ?>~"])
@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
def test_the_password_of_basic_is_the_key_whatever_the_user(
    encode: object, user: str, scheme: str
) -> None:
    assert callable(encode)
    assert read(f"{scheme} {encode(f'{user}:{KEY}')}") == KEY


def test_a_key_as_the_user_without_a_password_counts() -> None:
    assert read(f"Basic {standard(f'{KEY}:')}") == KEY
    assert read(f"Basic {standard(KEY)}") == KEY


def test_a_bearer_token_is_the_key() -> None:
    assert read(f"Bearer {KEY}") == KEY
    assert read(f"bearer   {KEY} ") == KEY


@pytest.mark.parametrize(
    "header", [None, "", "Basic", "Basic ", "Basic %%%", "Basic =", "Digest x", KEY, "Basic gICA"]
)
def test_what_cannot_be_read_is_no_key(header: str | None) -> None:
    assert read(header) == ""


@given(st.binary(max_size=60).filter(lambda text: b"\n" not in text))
def test_no_header_does_harm(header: bytes) -> None:
    assert isinstance(read(b"Basic " + header), str)


@given(st.text(max_size=40), st.text(max_size=40).filter(bool))
def test_any_user_and_password_come_through_both_encodings(user: str, password: str) -> None:
    user = user.replace(":", "")
    for encode in (standard, unpadded_url):
        assert read(f"Basic {encode(f'{user}:{password}')}") == password


@pytest.mark.parametrize("prefix", ["", "/", "/acme", "/k/other/deep"])
@pytest.mark.parametrize("middle", ["/k/", "//k//"])
@pytest.mark.parametrize("end", ["/register", "/update", "//register", "/update/", "/register//"])
def test_the_key_is_found_in_the_path(prefix: str, middle: str, end: str) -> None:
    assert read(None, f"{prefix}{middle}{KEY}{end}") == KEY


@pytest.mark.parametrize(
    "path", ["/register", "/k/register", "/k//update", "/ok/x/register", "/k/x/health", "/k/x/y"]
)
def test_other_paths_hold_no_key(path: str) -> None:
    assert read(None, path) == ""


def test_the_key_in_the_path_goes_before_the_header() -> None:
    assert read(f"Basic {standard('proxy:password')}", f"/k/{KEY}/register") == KEY


def test_a_new_key_is_long_random_and_fit_for_urls_and_names_its_id() -> None:
    made = [new_licence_key() for _ in range(50)]
    assert len({key for _, key in made}) == 50
    for key_id, key in made:
        assert re.fullmatch(r"zp_[0-9a-f]{8}_[A-Za-z0-9_-]{40}", key)
        assert licence_key_id(key) == key_id


@pytest.mark.parametrize("text", ["", "x", KEY + "A", KEY[:-1], KEY + "\n", KEY.upper(), "é" * 52])
def test_what_has_not_the_form_of_a_key_has_no_id(text: str) -> None:
    assert licence_key_id(KEY) == "0123abcd"
    assert licence_key_id(text) is None


def test_only_the_key_itself_has_its_hash() -> None:
    assert has_hash(KEY, hash_key(KEY))
    assert not has_hash(KEY[:-1] + "x", hash_key(KEY))
    assert not has_hash("\ud800", hash_key(KEY))
