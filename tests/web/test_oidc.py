"""Signing in at an OpenID provider: roles from claims, and tokens that are none."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from tests.support.fake_openid import CLIENT, SECRET, FakeOpenId, open_provider
from tests.support.web_pages import Answer, Client, WebPages
from zoneproof.core.errors import InvalidInputError
from zoneproof.manager.settings import OidcSettings
from zoneproof.pages.seen import revision
from zoneproof.web.signing.oidc import claims_of

OLGA = {"sub": "1", "preferred_username": "olga", "groups": ["staff", "acme-operators"]}


@pytest.fixture
def provider() -> Iterator[FakeOpenId]:
    with open_provider() as fake:
        fake.claims = dict(OLGA)
        yield fake


@pytest.fixture
def pages(provider: FakeOpenId, tmp_path: Path) -> Iterator[WebPages]:
    home = tmp_path / "home"
    home.mkdir()
    (home / "settings.toml").write_text(
        f"""[web.oidc]
issuer = "{provider.issuer}"
client_id = "{CLIENT}"
client_secret = "{SECRET}"
title = "Example ID"
administrators = ["acme-admins"]
operators = ["acme-operators"]
viewers = ["staff"]
"""
    )
    with WebPages(home) as running:
        yield running
        assert not [line for line in running.server.lines if "Traceback" in line]


def ask_provider(url: str) -> str:
    """Return where the provider sends the browser."""
    found = urlsplit(url)
    assert found.hostname
    connection = http.client.HTTPConnection(found.hostname, found.port or 80, timeout=60)
    connection.request("GET", f"{found.path}?{found.query}")
    reply = connection.getresponse()
    reply.read()
    connection.close()
    return reply.headers["Location"]


def leave(client: Client, to: str = "/") -> str:
    """Return where the browser is on its way back from the provider."""
    answer = client.get(f"/sign-in/oidc?to={to}")
    assert answer.status == 303, answer.text
    return ask_provider(answer.headers["Location"]).removeprefix(client.base)


def sign_in(client: Client, to: str = "/") -> Answer:
    return client.get(leave(client, to))


def test_who_is_let_in_there_is_here_with_the_role_of_the_claims(
    pages: WebPages, provider: FakeOpenId
) -> None:
    client = pages.stranger()
    door = client.get("/sign-in").text
    assert "Sign in with Example ID" in door
    assert "Nobody can sign in yet" not in door
    answer = sign_in(client, "/certificates")
    assert (answer.status, answer.headers["Location"]) == (303, "/certificates")
    page = client.get("/certificates").text
    assert "<b>olga</b>" in page
    assert "operator" in page
    assert client.get("/users").status == 403
    provider.claims["groups"] = "acme-admins"
    provider.claims["preferred_username"] = "olga.new"  # who is who is told by the subject
    again = pages.stranger()
    assert sign_in(again).status == 303
    users = again.get("/users").text
    assert "<b>olga</b>" in users
    assert "olga.new" not in users


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        ({"groups": ["others"]}, "no role here"),
        ({"groups": None}, "no role here"),
        ({"iss": "https://evil.example"}, "token cannot be used"),
        ({"aud": "another"}, "token cannot be used"),
        ({"azp": "another"}, "for another client"),
        ({"exp": 1_000_000_000}, "token cannot be used"),
        ({"nonce": "another"}, "token cannot be used"),
        ({"preferred_username": "<script>"}, "not a valid user name"),
    ],
    ids=str,
)
def test_a_token_that_is_not_for_us_now_and_this_person_signs_nobody_in(
    pages: WebPages, provider: FakeOpenId, claims: dict[str, Any], told: str
) -> None:
    provider.claims |= claims
    client = pages.stranger()
    answer = sign_in(client)
    assert answer.status == 400
    assert told in answer.text
    assert client.get("/").status == 303


def test_a_token_with_another_key_signs_nobody_in(pages: WebPages, provider: FakeOpenId) -> None:
    provider.shown_key = ECKey.generate_key("P-256", {"kid": "1"})
    assert "token cannot be used" in sign_in(pages.stranger()).text


def signed(algorithm: str, key: ECKey | OctKey) -> str:
    claims = {"iss": "https://id.example", "aud": CLIENT, "sub": "1", "nonce": "n"}
    now = int(time.time())
    header = {"alg": algorithm, "kid": "1"}
    return jwt.encode(header, {**claims, "iat": now, "exp": now + 60}, key, algorithms=[algorithm])


def test_only_the_providers_public_keys_sign() -> None:
    settings = OidcSettings(
        issuer="https://id.example", client_id=CLIENT, client_secret=SECRET, viewers=("staff",)
    )
    key = ECKey.generate_key("P-256", {"kid": "1"})
    shared = OctKey.import_key(SECRET * 2, {"kid": "1"})
    public = json.dumps({"keys": [key.as_dict(private=False)]}).encode()
    secret = json.dumps({"keys": [shared.as_dict(private=True)]}).encode()
    good = signed("ES256", key)
    assert claims_of(good, public, settings, "n")["sub"] == "1"
    unsigned = "".join(("eyJhbGciOiJub25lIiwia2lkIjoiMSJ9", ".", good.split(".")[1], "."))
    for token, keys in (
        (signed("HS256", shared), secret),  # as whoever knows the client's secret can
        (signed("HS256", shared), public),
        (unsigned, public),
        (good.rpartition(".")[0] + ".", public),
    ):
        with pytest.raises(InvalidInputError, match="token cannot be used"):
            claims_of(token, keys, settings, "n")


def test_a_name_that_somebody_has_here_is_not_taken_over(
    pages: WebPages, provider: FakeOpenId
) -> None:
    alice = pages.administrator()
    provider.claims |= {"preferred_username": "alice", "groups": ["staff"]}
    client = pages.stranger()
    told = sign_in(client).text
    assert "a user alice who signs in otherwise exists here: an administrator removes" in told
    assert client.get("/").status == 303
    assert alice.get("/users").status == 200


def test_only_the_browser_that_left_comes_back_and_once(
    pages: WebPages, provider: FakeOpenId
) -> None:
    left, other = pages.stranger(), pages.stranger()
    back = leave(left)
    assert "not the browser" in other.get(back).text
    assert other.get("/").status == 303
    assert left.get(back).status == 303
    assert left.get(back).status == 400
    assert provider.refused == []


def test_what_the_provider_refuses_is_told(pages: WebPages, provider: FakeOpenId) -> None:
    client = pages.stranger()
    state = parse_qs(urlsplit(leave(client)).query)["state"][0]
    refused = client.get(f"/sign-in/oidc/back?state={state}&error=access_denied")
    assert "refuses: access_denied" in refused.text
    other = pages.stranger()
    back = leave(other)
    provider.codes.clear()
    answer = other.get(back)
    assert answer.status == 502
    assert "invalid_grant" in answer.text
    assert SECRET not in answer.text


def test_strangers_have_the_provider_asked_once(pages: WebPages, provider: FakeOpenId) -> None:
    for _ in range(20):
        assert pages.stranger().get("/sign-in/oidc").status == 303
    assert sign_in(pages.stranger()).status == 303
    assert provider.discovered == 1


def failed_sign_ins(client: Client) -> int:
    entries = client.get("/api/v1/audit?q=sign-in failed".replace(" ", "%20")).json
    return len([one for one in entries if one["action"] == "sign-in failed"])


def test_nobody_fills_the_audit_log(pages: WebPages, provider: FakeOpenId) -> None:
    alice = pages.administrator()
    for back in ("/sign-in/oidc/back", "/sign-in/oidc/back?state=made-up"):
        stranger = pages.stranger()
        stranger.cookies["__Host-zoneproof-oidc"] = "made-up" if "made-up" in back else ""
        assert stranger.get(back).status == 400
    assert failed_sign_ins(alice) == 0
    provider.claims["groups"] = "others"
    for _ in range(9):
        assert sign_in(pages.stranger()).status == 400
    assert 5 <= failed_sign_ins(alice) < 9
    provider.claims["groups"] = "staff"
    assert sign_in(pages.stranger()).status == 303  # who succeeds waits for nothing


def test_settings_that_cannot_work_are_refused(pages: WebPages, tmp_path: Path) -> None:
    alice = pages.administrator()
    opened = revision((tmp_path / "home" / "settings.toml").read_text())
    table = '[web.oidc]\nissuer = "{}"\nclient_id = "a"\nclient_secret = "b"\n{}\n'
    for text, told in (
        (table.format("http://id.example", 'viewers = ["a"]'), "must begin with https"),
        (table.format("https://id.example", ""), "needs administrators, operators or viewers"),
        (
            table.format("https://id.example", 'viewers = ["a"]').replace('"b"', '"@secret"'),
            "client_secret: the path after @ must be an absolute path",
        ),
    ):
        answer = alice.post("/settings", text=text, seen=opened)
        assert (answer.status, told in answer.text) == (400, True), answer.text


def test_without_a_provider_there_is_no_such_way(tmp_path: Path) -> None:
    with WebPages(tmp_path / "home") as pages:
        assert "/sign-in/oidc" not in pages.stranger().get("/sign-in").text
        assert pages.stranger().get("/sign-in/oidc").status == 404
