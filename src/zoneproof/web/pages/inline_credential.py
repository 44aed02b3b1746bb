"""A new credential within the form for a new certificate, tried and stored without leaving it.

Who may not store one sees what to ask an administrator for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from zoneproof.core.aio import all_at_once
from zoneproof.core.errors import ZoneproofError
from zoneproof.core.names import DomainName, Identifier
from zoneproof.manager import Manager, recognize_domain
from zoneproof.manager.certificates.name_look import NameLook
from zoneproof.pages.forms import Form
from zoneproof.providers import ProviderInfo, describe
from zoneproof.web.pages.actions import start_credential_test
from zoneproof.web.pages.credential_forms import CredentialForm, read_credential
from zoneproof.web.pages.providers import credential_providers
from zoneproof.web.pages.run_pages import view
from zoneproof.web.visits import Page, Visit, problem

WAY = "new"
ANOTHER = {"way": WAY, "credential_name": ""}
"""What changes in the form when another provider is chosen."""
_FIELDS = "field."
_MOST_ASKED = 5  # names, before a test begins


def pages() -> list[Page]:
    """Return the pages."""
    at = "/new-certificate"
    return [
        Page("GET", f"{at}/credential", _fields, "administrator"),
        Page("POST", f"{at}/test", _test, "administrator"),
    ]


@dataclass(frozen=True)
class WantedCredential:
    """A provider at which names are, with the zones there, and without a credential for it."""

    info: ProviderInfo
    zones: tuple[str, ...]

    @property
    def request(self) -> str:
        """What to ask an administrator for."""
        of = "the zone" if len(self.zones) == 1 else "the zones"
        parts = [
            f"Please store a credential for {self.info.title} in Zoneproof, which can write TXT"
            f" records in {of} {', '.join(self.zones)}.",
            f"The key is made at {self.info.key_url}." if self.info.key_url else "",
            f"Least privilege: {self.info.least_privilege}" if self.info.least_privilege else "",
        ]
        return " ".join(filter(None, parts))


def wanted_credentials(looks: Sequence[NameLook]) -> list[WantedCredential]:
    """Return the providers for which there is no credential, in the order of the names."""
    zones: dict[str, dict[str, None]] = {}
    for one in looks:
        zone = one.report.name.zone if one.report and one.report.name else None
        if zone and not one.credentials:
            for slug in zone.slugs:
                zones.setdefault(slug, {})[str(zone.name)] = None
    return [WantedCredential(describe(slug), tuple(found)) for slug, found in zones.items()]


@dataclass(frozen=True)
class InlineCredential:
    """What the form shows of a new credential; ``typed`` is None until a provider is chosen.

    ``providers`` are the titles of all by slug, ``recognized`` of those at which the names are.
    """

    providers: dict[str, str]
    recognized: dict[str, str]
    slug: str
    typed: CredentialForm | None

    @classmethod
    async def of(
        cls, manager: Manager, form: Form, wanted: Sequence[WantedCredential] = ()
    ) -> InlineCredential:
        """Return what to show: of the provider that is chosen, else of the first that is wanted.

        Raises InvalidInputError for a provider that there is not.
        """
        slug = form.text("provider") or next((one.info.slug for one in wanted), "")
        typed = await CredentialForm.of(manager, describe(slug), form) if slug else None
        recognized = {one.info.slug: one.info.title for one in wanted}
        return cls(credential_providers(), recognized, slug, typed)


async def store(visit: Visit, form: Form) -> Form:
    """Store the credential that the form describes, and return the form that uses it.

    Raises InvalidInputError.
    """
    visit.does("credential add", form.text("credential_name"))
    credential = await read_credential(visit.manager, form)
    await visit.manager.credentials.add(credential)
    chosen = {"way": "credential", "credential": credential.name}
    emptied = {"provider": "", "credential_name": "", "expires": ""}
    return form.but({**chosen, **emptied}, without=_FIELDS)


async def _fields(visit: Visit) -> Response:
    slug = visit.query.text("provider")
    typed = await CredentialForm.of(visit.manager, describe(slug), Form([])) if slug else None
    return visit.page("inline_credential_fields.html", typed=typed)


async def _test(visit: Visit) -> Response:
    form = visit.form
    visit.does("credential test", f"{form.text('credential_name')}, not stored yet")
    is_part = "hx-request" in visit.request.headers
    try:
        credential = await read_credential(visit.manager, form)
        read_only = form.is_on("read_only")
        zone = "" if read_only else await _zone(visit.manager, form)
    except ZoneproofError as error:
        message = visit.refused(error)
        if is_part:
            return visit.page("inline_test.html", 400, error=message, run=None)
        return problem(visit, 400, message)
    run = start_credential_test(
        visit.site.runs,
        visit.person,
        credential,
        zone=zone,
        read_only=read_only,
        is_stored=False,
    )
    if is_part:
        return visit.page("inline_test.html", error="", number=0, lines=(), **view(visit, run))
    return visit.go(f"/runs/{run.id}")


async def _zone(manager: Manager, form: Form) -> str:
    """Return the zone of the first name at the provider, else of the first; empty for none."""
    domains: dict[DomainName, None] = {}
    for text in form.words("names"):
        identifier = Identifier.parse(text)
        if identifier.type == "dns":
            domains[identifier.domain] = None
    asked = [recognize_domain(manager, domain) for domain in list(domains)[:_MOST_ASKED]]
    zones = [zone for zone in await all_at_once(asked) if zone]
    at_provider = [zone for zone in zones if form.text("provider") in zone.slugs]
    return next((str(zone.name) for zone in (*at_provider, *zones)), "")
