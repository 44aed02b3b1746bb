"""The provider for Joker.com's DMAPI, for resellers: whole zones as text, in a session."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar
from urllib.parse import urlencode

from zoneproof.core.errors import InvalidInputError, ProviderError
from zoneproof.providers.api_request import ApiRequest
from zoneproof.providers.bearer_token import BearerToken
from zoneproof.providers.contract import (
    Alias,
    Limits,
    ProviderContext,
    ProviderInfo,
    TxtRecord,
    Zone,
)
from zoneproof.providers.fields import CredentialField, token_field
from zoneproof.providers.lists import relative_name
from zoneproof.providers.refusals import (
    NO_ZONE,
    NOT_ALLOWED,
    WRONG_KEY,
    ErrorBody,
    Problem,
    Refusal,
    Refusals,
)
from zoneproof.providers.set_provider import WholeZone, WholeZoneProvider

_SESSION = 3000.0  # seconds; the service ends a session after an hour without a request
_TXT = re.compile(r'(\S+)\s+TXT\s+\S+\s+(?:"(.*?)\s*"|(\S+))\s+(\d+.*)')
_DONE = range(1000, 2000)


class _Errors(ErrorBody):
    """Reads the head of an answer; codes of success are 0 and 1000 to 1999."""

    def read(self, status: int, body: bytes) -> Problem | None:
        head, _ = _split(body)
        code = head.get("status-code", "")
        if not code:
            words = head.get("error", "")
            return Problem(words) if words or status < 400 else None
        if status < 400 and (code == "0" or (code.isdigit() and int(code) in _DONE)):
            return None
        words = head.get("error") or head.get("status-text", "")
        return Problem(words, ("2200" if "session" in words.lower() else code,))


class Joker(WholeZoneProvider[str]):
    """Reads the lines of a zone, and puts them back with the new ones."""

    info = ProviderInfo(
        slug="joker",
        title="Joker.com",
        homepage="https://joker.com",
        fields=(
            token_field("key", "API key (DMAPI)", default=""),
            CredentialField("user", "login name, if there is no API key", default=""),
            CredentialField(
                "password", "its password", secret=True, default="", needed_with="user"
            ),
        ),
        key_url="https://joker.com/faq/category/39/22-dmapi.html",
        api_url="https://dmapi.joker.com/request",
        default_ttl=120,
        limits=Limits(min_ttl=60, value_pattern=r"[ !#-\[\]-~]*[!#-\[\]-~]"),
        notes="DMAPI is for resellers; with the dynamic DNS password of a single domain, use"
        " `joker-svc`. The API can only replace a zone: what another program changes in the same"
        " second can be lost. Sources: API reference of 2025, recorded exchanges of 2020.",
        least_privilege="An API key with the access `@modify-only`, which can register and delete"
        " nothing.",
        name_servers=("*.ns.joker.com",),
        aliases=(
            Alias(
                "lego",
                "joker",
                {
                    "JOKER_API_KEY": "key",
                    "JOKER_USERNAME": "user",
                    "JOKER_PASSWORD": "password",
                },
                choices={"JOKER_API_MODE": {"dmapi": ""}},
            ),
        ),
    )
    errors = _Errors()
    refusals: ClassVar[Refusals] = {
        "2200": WRONG_KEY,
        "2201": NOT_ALLOWED,
        "2202": Refusal.not_allowed("the account may not do this with the domain"),
        "2303": NO_ZONE,
    }

    def __init__(self, context: ProviderContext) -> None:
        if not (context.fields["key"] or context.fields["user"]):
            raise InvalidInputError("set the field key, or user and password")
        token = BearerToken(self._log_in, context.clock, apply=_with_session)
        super().__init__(context, token=token)

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the zones, each line of which begins with the name; they are known by it."""
        lines = (await self._call("dns-zone-list", {}) or "").splitlines()
        return [(line.split()[0], "") for line in lines if line.strip() and line[0] != "#"]

    async def read_zone(self, zone: Zone) -> WholeZone[str]:
        """Return the lines of the zone. The service adds a space to TXT, which is taken away."""
        text = await self._call("dns-zone-get", {"domain": zone.name.text})
        if text is None:
            raise ProviderError("the answer does not have the domain's zone")
        return WholeZone([_tidy(line) for line in text.splitlines() if line.strip()])

    async def write_zone(self, zone: Zone, whole: WholeZone[str]) -> None:
        """Replace the lines of the zone."""
        form = {"domain": zone.name.text, "zone": "\n".join(whole.records)}
        await self._call("dns-zone-put", form, repeatable=False)

    def txt_of(self, zone: Zone, record: str) -> tuple[str, str] | None:
        """Return name and value of a line that is a TXT record."""
        found = _TXT.fullmatch(record)
        if found is None:
            return None
        return relative_name(found[1], zone), found[2] if found[3] is None else found[3]

    def record_of(self, zone: Zone, record: TxtRecord) -> str:
        """Return the record as a line."""
        return f'{record.name or "@"} TXT 0 "{record.value}" {record.ttl}'

    async def _call(
        self, command: str, form: Mapping[str, object], *, repeatable: bool = True
    ) -> str | None:
        answer = await self.api.send("POST", command, form=form, repeatable=repeatable)
        return _split(answer.body)[1]

    async def _log_in(self) -> tuple[str, float]:
        form = {"api-key": self.fields["key"]}
        if not self.fields["key"]:
            form = {"username": self.fields["user"], "password": self.fields["password"]}
        answer = await self.api.send("POST", "login", form=form, plain=True)
        session = _split(answer.body)[0].get("auth-sid", "")
        if not session:
            raise ProviderError("the answer to the login has no session")
        return session, _SESSION


def _with_session(request: ApiRequest, session: str) -> ApiRequest:
    word = urlencode({"auth-sid": session}).encode()
    return replace(request, content=b"&".join(filter(None, [request.content, word])))


def _split(body: bytes) -> tuple[dict[str, str], str | None]:
    """Return the lines before the first empty one, names in lower case, and the rest if any."""
    head, end, rest = body.decode("utf-8", "replace").replace("\r\n", "\n").partition("\n\n")
    pairs = (line.partition(":") for line in head.splitlines())
    return {name.lower(): value.strip() for name, _, value in pairs}, rest if end else None


def _tidy(line: str) -> str:
    found = _TXT.fullmatch(line.strip())
    if found is None or found[2] is None:
        return line.strip()
    return f'{found[1]} TXT 0 "{found[2]}" {found[4]}'
