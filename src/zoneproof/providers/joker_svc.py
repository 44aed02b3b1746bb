"""The provider for Joker.com's dynamic DNS, which every customer has: one TXT value at a name."""

from __future__ import annotations

from typing import ClassVar

from zoneproof.core.errors import ProviderError
from zoneproof.core.http import is_web_page
from zoneproof.providers.contract import Alias, Limits, ProviderInfo, Zone
from zoneproof.providers.fields import CredentialField
from zoneproof.providers.one_value import OneValueProvider
from zoneproof.providers.refusals import ErrorBody, Problem, Refusal, Refusals

_REFUSED = "refused"


class _Errors(ErrorBody):
    """Takes any answer that does not begin with ``OK`` for a refusal."""

    def read(self, status: int, body: bytes) -> Problem | None:
        if status >= 400 or body.startswith(b"OK"):
            return None
        words = body.decode("utf-8", "replace").strip()
        return Problem("") if is_web_page(body) or not words else Problem(words, (_REFUSED,))


class JokerSvc(OneValueProvider):
    """Replaces what is at a name; an empty value removes it."""

    info = ProviderInfo(
        slug="joker-svc",
        title="Joker.com's dynamic DNS",
        homepage="https://joker.com",
        fields=(
            CredentialField("user", "user name of the domain's dynamic DNS"),
            CredentialField("password", "its password", secret=True),
        ),
        key_url="https://joker.com/faq/content/6/496/en/let_s-encrypt-support.html",
        api_url="https://svc.joker.com/nic/replace",
        default_ttl=300,
        limits=Limits(values_at_name=1, has_ttl=False, value_bytes=255),
        notes="Activate dynamic DNS for the domain, which shows user name and password; other"
        " records stay as they are. A name has one value at a time: make one certificate for a"
        " domain, and another one for its wildcard. Sources: clients of 2026.",
        least_privilege="User and password are those of one domain's dynamic DNS.",
        aliases=(
            Alias("certbot", "dns-joker", {"username": "user", "password": "password"}),
            Alias(
                "lego",
                "joker",
                {"JOKER_USERNAME": "user", "JOKER_PASSWORD": "password"},
                when={"JOKER_API_MODE": "SVC"},
            ),
            Alias("acme.sh", "dns_joker", {"JOKER_USERNAME": "user", "JOKER_PASSWORD": "password"}),
        ),
    )
    errors = _Errors()
    refusals: ClassVar[Refusals] = {
        _REFUSED: Refusal(
            ProviderError, "it refuses", "check user and password, which are those of one domain"
        )
    }

    async def set_value(self, zone: Zone, name: str, value: str | None) -> None:
        """Replace what is at a name by the value, or by nothing."""
        login = {"username": self.fields["user"], "password": self.fields["password"]}
        record = {"zone": zone.name.text, "label": name or "@", "type": "TXT", "value": value or ""}
        await self.api.send("POST", form={**login, **record}, repeatable=False)
