"""Signing in at an OpenID provider (OpenID Connect Core 1.0, code flow with PKCE, RFC 7636)."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import msgspec
from starlette.responses import RedirectResponse, Response

from zoneproof.core.aio import SharedCall
from zoneproof.core.errors import ConfigError, InvalidInputError, NotFoundError, ZoneproofError
from zoneproof.core.http import HttpClient, NoReplyError, error_text
from zoneproof.core.text import sanitize, with_extra
from zoneproof.core.toml import read_reference
from zoneproof.core.webhooks import check_url
from zoneproof.manager.people.audit import SIGN_IN_FAILED
from zoneproof.manager.people.columns import check_name
from zoneproof.manager.people.roles import Role
from zoneproof.manager.settings import OidcSettings
from zoneproof.pages.browser import local_path
from zoneproof.web.signing.session import Failures, begin_session
from zoneproof.web.signing.tickets import Tickets
from zoneproof.web.visits import Page, Visit

_COOKIE = "__Host-zoneproof-oidc"
_BACK = "/sign-in/oidc/back"
_LASTS = 600.0  # seconds for whoever is on the way
_KNOWN = 60.0  # seconds for which the provider's document holds
_SECONDS, _LEEWAY = 15.0, 60  # for a request; for clocks that differ
# Those with a public key: with others, whoever knows the client's secret could make a token.
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]


@dataclass(frozen=True)
class _OnTheWay:
    """Somebody who was sent to the provider."""

    nonce: str
    verifier: str
    to: str


States = Tickets[_OnTheWay]
"""Who was sent to the provider and has not come back, by the state that each was given."""

S = TypeVar("S", bound=msgspec.Struct)


class _Provider(msgspec.Struct):
    """The provider's document (OpenID Connect Discovery 1.0 section 3)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str


class Discovery:
    """What the provider's document says, asked for once in a while, whoever comes.

    Strangers can come as often as they like, and the provider would tire of us.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._asking: SharedCall[_Provider] = SharedCall()
        self._found: _Provider | None = None
        self._issuer = ""
        self._until = 0.0

    async def of(self, settings: OidcSettings) -> _Provider:
        """Return it. Raises ConfigError, ZoneproofError."""
        if settings.issuer != self._issuer:
            self._asking, self._found, self._issuer = SharedCall(), None, settings.issuer
        if self._found is not None and self._clock() < self._until:
            return self._found
        found = await self._asking(_discover(settings))
        if settings.issuer == self._issuer:
            self._found, self._until = found, self._clock() + _KNOWN
        return found


class _Tokens(msgspec.Struct):
    id_token: str


def pages(failures: Failures) -> list[Page]:
    """Return the pages."""
    states, discovery = States(_LASTS), Discovery()

    async def leave(visit: Visit) -> Response:
        return await _leave(visit, states, discovery)

    async def come_back(visit: Visit) -> Response:
        try:
            return await _come_back(visit, states, discovery)
        except ZoneproofError:
            if visit.action and failures.wait(f"address {visit.network}"):
                visit.does("")  # not noted, so that nobody can fill the audit log
            raise

    return [
        Page("GET", "/sign-in/oidc", leave, None),
        Page("GET", _BACK, come_back, None),
    ]


def _settings(visit: Visit) -> OidcSettings:
    found = visit.manager.settings.web.oidc
    if found is None:
        raise NotFoundError("there is no OpenID provider in settings.toml: see [web.oidc]")
    return found


def _redirect_url(visit: Visit, settings: OidcSettings) -> str:
    request = visit.request
    base = settings.url.rstrip("/") or f"{request.url.scheme}://{request.headers['host']}"
    return f"{base}{_BACK}"


async def _leave(visit: Visit, states: States, discovery: Discovery) -> Response:
    settings = _settings(visit)
    provider = await discovery.of(settings)
    person = _OnTheWay(
        secrets.token_urlsafe(32), secrets.token_urlsafe(48), local_path(visit.query.text("to"))
    )
    state = states.issue(person, visit.network)
    digest = hashlib.sha256(person.verifier.encode()).digest()
    query = {
        "response_type": "code",
        "client_id": settings.client_id,
        "redirect_uri": _redirect_url(visit, settings),
        "scope": "openid profile email",
        "state": state,
        "nonce": person.nonce,
        "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
        "code_challenge_method": "S256",
    }
    endpoint = provider.authorization_endpoint
    joined = "&" if "?" in endpoint else "?"
    answer = RedirectResponse(f"{endpoint}{joined}{urlencode(query)}", 303)
    # Only the browser that left may come back.
    answer.set_cookie(
        _COOKIE, state, max_age=int(_LASTS), secure=True, httponly=True, samesite="lax"
    )
    return answer


async def _come_back(visit: Visit, states: States, discovery: Discovery) -> Response:
    settings, query = _settings(visit), visit.query
    state = query.text("state")
    if not secrets.compare_digest(visit.request.cookies.get(_COOKIE, "").encode(), state.encode()):
        raise InvalidInputError("this is not the browser that began to sign in: sign in again")
    person = states.take(state)
    visit.does(SIGN_IN_FAILED, "OpenID")
    if query.text("error"):
        told = query.text("error_description") or query.text("error")
        raise InvalidInputError(f"the OpenID provider refuses: {sanitize(told)}")
    provider = await discovery.of(settings)
    token = await _exchange(provider, settings, visit, query.text("code"), person.verifier)
    keys = await _fetch(provider.jwks_uri)
    claims = claims_of(token, keys, settings, person.nonce)
    name, role = name_of(claims, settings), role_of(claims, settings)
    visit.does(SIGN_IN_FAILED, name)
    users = visit.manager.people.users
    user = await users.of_provider(settings.issuer, str(claims["sub"]), name, role)
    return await begin_session(visit, user, person.to)


async def _discover(settings: OidcSettings) -> _Provider:
    url = f"{settings.issuer.rstrip('/')}/.well-known/openid-configuration"
    found = _decoded(await _fetch(url), _Provider, url)
    if found.issuer != settings.issuer:
        raise ConfigError(
            f"{url} is of the issuer '{sanitize(found.issuer)}': set web.oidc.issuer to what the"
            " provider says"
        )
    for endpoint in (found.authorization_endpoint, found.token_endpoint, found.jwks_uri):
        check_url(endpoint)
    return found


async def _exchange(
    provider: _Provider, settings: OidcSettings, visit: Visit, code: str, verifier: str
) -> str:
    """Return the ID token for the code (OpenID Connect Core 1.0 section 3.1.3)."""
    secret = read_reference(settings.client_secret, "web.oidc.client_secret")
    # RFC 6749 section 2.3.1: both are encoded before they are joined.
    login = f"{quote(settings.client_id, safe='')}:{quote(secret, safe='')}"
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": _redirect_url(visit, settings),
        "code_verifier": verifier,
    }
    url = provider.token_endpoint
    body = await _fetch(
        url,
        content=urlencode(form).encode(),
        headers={
            "Content-Type": "application/x-www-form-urlencoded",
            "Authorization": f"Basic {base64.b64encode(login.encode()).decode()}",
        },
        hidden=(secret, code),
    )
    return _decoded(body, _Tokens, url).id_token


async def _fetch(
    url: str,
    *,
    content: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    hidden: tuple[str, ...] = (),
) -> bytes:
    check_url(url)
    client = HttpClient(seconds=_SECONDS)
    try:
        reply = await client.exchange(
            "POST" if content is not None else "GET", url, content=content, headers=headers
        )
    except NoReplyError as error:
        raise ZoneproofError(f"the OpenID provider: {error.message}") from error
    finally:
        await client.close()
    if reply.status != HTTPStatus.OK:
        words = error_text(reply.body, hidden)
        raise ZoneproofError(f"the OpenID provider answers {reply.status} at {url}: {words}")
    return reply.body


def _decoded(body: bytes, form: type[S], url: str) -> S:
    try:
        return msgspec.json.decode(body, type=form)
    except msgspec.MsgspecError as error:
        raise ZoneproofError(
            f"the OpenID provider's answer at {url} is not the expected JSON: {error}"
        ) from error


def claims_of(token: str, keys: bytes, settings: OidcSettings, nonce: str) -> Mapping[str, Any]:
    """Return what an ID token says of a person (OpenID Connect Core 1.0 section 3.1.3.7).

    ``keys`` is the provider's JWK set. Raises ConfigError without the extra, InvalidInputError for
    a token that is not the provider's, for us, of now and with the ``nonce``.
    """
    try:
        from joserfc import jwt
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet
    except ImportError as error:
        raise ConfigError(
            "signing in at an OpenID provider needs a package that is not installed:"
            f" {with_extra('oidc')}"
        ) from error
    rules = jwt.JWTClaimsRegistry(
        leeway=_LEEWAY,
        iss={"essential": True, "value": settings.issuer},
        aud={"essential": True, "value": settings.client_id},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
        nonce={"essential": True, "value": nonce},
    )
    try:
        known = KeySet.import_key_set(msgspec.json.decode(keys))
        claims = jwt.decode(token, known, algorithms=_ALGORITHMS).claims
        rules.validate(claims)
    except (JoseError, ValueError, KeyError, TypeError, msgspec.MsgspecError) as error:
        raise InvalidInputError(
            f"the OpenID provider's token cannot be used: {sanitize(str(error))}"
        ) from error
    if claims.get("azp", settings.client_id) != settings.client_id:
        raise InvalidInputError("the OpenID provider's token is for another client")
    return dict(claims)


def role_of(claims: Mapping[str, Any], settings: OidcSettings) -> Role:
    """Return the highest role that the claims give. Raises InvalidInputError for none."""
    given = claims.get(settings.role_claim, ())
    values = {given} if isinstance(given, str) else set(map(str, given or ()))
    roles: tuple[tuple[Role, tuple[str, ...]], ...] = (
        ("administrator", settings.administrators),
        ("operator", settings.operators),
        ("viewer", settings.viewers),
    )
    for role, wanted in roles:
        if values.intersection(wanted):
            return role
    raise InvalidInputError(
        f"you are known at the OpenID provider, and have no role here: its claim"
        f" {settings.role_claim} names none"
    )


def name_of(claims: Mapping[str, Any], settings: OidcSettings) -> str:
    """Return the name of the person. Raises InvalidInputError for one that cannot be used."""
    return check_name(str(claims.get(settings.name_claim) or claims["sub"]), "user")
