"""Passkeys: registered by whoever is signed in, and used instead of a password (WebAuthn 2)."""

from __future__ import annotations

import importlib.util
import ipaddress
from urllib.parse import urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from zoneproof.core.errors import InvalidInputError
from zoneproof.core.text import with_extra
from zoneproof.manager.people.audit import SIGN_IN_FAILED
from zoneproof.pages.browser import local_path
from zoneproof.web.signing.session import Failures, begin_session
from zoneproof.web.signing.tickets import Tickets
from zoneproof.web.visits import Page, Visit

_LASTS = 300.0  # seconds
_FOR_ANYBODY = ""
Challenges = Tickets[str]
"""The challenges that were handed out, each for a user, or for anybody (empty)."""
_REFUSED = "this passkey is not known here, or was not used as it should be"


def are_possible(request: Request) -> bool:
    """Tell whether a browser can use passkeys here: by a name, for it has none for addresses."""
    try:
        ipaddress.ip_address(_host(request))
    except ValueError:
        return importlib.util.find_spec("webauthn") is not None
    return False


def _host(request: Request) -> str:
    return urlsplit(f"//{request.headers['host']}").hostname or ""


def _origins(request: Request) -> list[str]:
    """Return the origins of our own pages; a proxy may take care of TLS."""
    host = request.headers["host"]
    return [f"https://{host}", f"http://{host}"]


class _ClientData(msgspec.Struct):
    challenge: str


class _Response(msgspec.Struct):
    clientDataJSON: str  # noqa: N815  as WebAuthn calls it


class _Credential(msgspec.Struct):
    id: str
    response: _Response


def take(challenges: Challenges, challenge: bytes, user: str) -> bytes:
    """Return a challenge that was handed out for the user. Raises InvalidInputError."""
    if challenges.take(challenge.decode("ascii", "replace")) != user:
        raise InvalidInputError(_REFUSED)
    return challenge


def _read(text: str) -> tuple[str, bytes]:
    """Return the id and the challenge of what a browser made. Raises InvalidInputError."""
    from webauthn.helpers import base64url_to_bytes

    try:
        found = msgspec.json.decode(text, type=_Credential)
        data = base64url_to_bytes(found.response.clientDataJSON)
        return found.id, base64url_to_bytes(msgspec.json.decode(data, type=_ClientData).challenge)
    except (msgspec.MsgspecError, ValueError) as error:
        raise InvalidInputError(_REFUSED) from error


def pages(failures: Failures) -> list[Page]:
    """Return the pages."""
    challenges = Challenges(_LASTS)

    async def registration_options(visit: Visit) -> Response:
        return await _registration_options(visit, challenges)

    async def register(visit: Visit) -> Response:
        return await _register(visit, challenges)

    async def sign_in_options(visit: Visit) -> Response:
        return _sign_in_options(visit, challenges)

    async def sign_in(visit: Visit) -> Response:
        return await _sign_in(visit, challenges, failures)

    return [
        Page("POST", "/me/passkeys/options", registration_options),
        Page("POST", "/me/passkeys", register),
        Page("POST", "/me/passkeys/{name}/remove", _remove),
        Page("POST", "/sign-in/passkey/options", sign_in_options, None),
        Page("POST", "/sign-in/passkey", sign_in, None),
    ]


def _require_possible(visit: Visit) -> None:
    if not are_possible(visit.request):
        raise InvalidInputError(
            "passkeys need a name, such as localhost, in the address, and the extra 'passkeys':"
            f" {with_extra('passkeys')}"
        )


async def _registration_options(visit: Visit, challenges: Challenges) -> Response:
    _require_possible(visit)
    from webauthn import generate_registration_options, options_to_json
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    user = await visit.manager.people.users.get(visit.person)
    options = generate_registration_options(
        rp_id=_host(visit.request),
        rp_name="Zoneproof",
        user_name=user.name,
        user_id=user.id.encode(),
        challenge=challenges.issue(user.name, visit.network).encode(),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
    )
    return Response(options_to_json(options), media_type="application/json")


async def _register(visit: Visit, challenges: Challenges) -> Response:
    _require_possible(visit)
    from webauthn import verify_registration_response
    from webauthn.helpers import bytes_to_base64url
    from webauthn.helpers.exceptions import WebAuthnException

    name = visit.form.text("name")
    visit.does("passkey add", name or visit.person)
    text = visit.form.text("credential")
    _, challenge = _read(text)
    try:
        found = verify_registration_response(
            credential=text,
            expected_challenge=take(challenges, challenge, visit.person),
            expected_rp_id=_host(visit.request),
            expected_origin=_origins(visit.request),
            require_user_verification=True,
        )
    except WebAuthnException as error:
        raise InvalidInputError(_REFUSED) from error
    people = visit.manager.people
    await people.passkeys.add(
        await people.users.get(visit.person),
        bytes_to_base64url(found.credential_id),
        bytes_to_base64url(found.credential_public_key),
        found.sign_count,
        name,
    )
    return visit.go("/me", "The passkey is registered: you can sign in with it.")


async def _remove(visit: Visit) -> Response:
    visit.does("passkey remove", visit.person)
    await visit.manager.people.passkeys.remove(visit.person, visit.name)
    return visit.go("/me", "The passkey is removed.")


def _sign_in_options(visit: Visit, challenges: Challenges) -> Response:
    _require_possible(visit)
    from webauthn import generate_authentication_options, options_to_json
    from webauthn.helpers.structs import UserVerificationRequirement

    options = generate_authentication_options(
        rp_id=_host(visit.request),
        challenge=challenges.issue(_FOR_ANYBODY, visit.network).encode(),
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return Response(options_to_json(options), media_type="application/json")


async def _sign_in(visit: Visit, challenges: Challenges, failures: Failures) -> Response:
    _require_possible(visit)
    if failures.wait(f"address {visit.network}"):
        raise InvalidInputError("too many attempts: wait a minute")
    visit.does(SIGN_IN_FAILED, "passkey")
    from webauthn import verify_authentication_response
    from webauthn.helpers import base64url_to_bytes
    from webauthn.helpers.exceptions import WebAuthnException

    text, people = visit.form.text("credential"), visit.manager.people
    credential_id, challenge = _read(text)
    known = await people.passkeys.find(credential_id)
    if known is None:
        raise InvalidInputError(_REFUSED)
    visit.does(SIGN_IN_FAILED, known.user)
    try:
        found = verify_authentication_response(
            credential=text,
            expected_challenge=take(challenges, challenge, _FOR_ANYBODY),
            expected_rp_id=_host(visit.request),
            expected_origin=_origins(visit.request),
            credential_public_key=base64url_to_bytes(known.public_key),
            credential_current_sign_count=known.sign_count,
            require_user_verification=True,
        )
    except WebAuthnException as error:
        raise InvalidInputError(_REFUSED) from error
    await people.passkeys.note_use(known, found.new_sign_count)
    user = await people.users.get(known.user)
    return await begin_session(visit, user, local_path(visit.form.text("to")))
