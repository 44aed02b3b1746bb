"""Set-up to paste: what each client needs to use this service, and CAA records for an account."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from starlette.responses import Response

from zoneproof.challengedns.api.pages import PORTAL
from zoneproof.challengedns.store.tenants import authenticate_tenant
from zoneproof.challengepages.visits import ServicePage, ServiceVisit
from zoneproof.core.errors import InvalidInputError, InvalidNameError, RegistrationError
from zoneproof.core.names import DomainName
from zoneproof.dnsquery import binding_records

_ACCOUNT = re.compile(r"https://[A-Za-z0-9.:-]+/[A-Za-z0-9._~/?=&%+-]{1,300}")
_ISSUERS: Final = {
    "letsencrypt.org": "letsencrypt.org",
    "pki.goog": "pki.goog",
    "zerossl.com": "sectigo.com",
    "ssl.com": "ssl.com",
}


@dataclass(frozen=True)
class ClientAccount:
    """A registration as clients keep it, and the domain it is for; "…" for what is not known."""

    domain: str = "example.com"
    username: str = "…"
    password: str = "…"  # noqa: S105
    subdomain: str = "…"
    fulldomain: str = "…"


@dataclass(frozen=True)
class SetupStep:
    """What to do, and what to paste for it."""

    text: str
    code: str


@dataclass(frozen=True)
class Setup:
    """How a client is set up. ``registers`` tells whether it registers by itself."""

    client: str
    title: str
    registers: bool
    steps: Sequence[SetupStep]


def pages() -> list[ServicePage]:
    """Return the pages."""
    return [
        ServicePage("GET", PORTAL, "/setup", _show),
        ServicePage("POST", PORTAL, "/setup", _show_with_key),
        ServicePage("GET", PORTAL, "/caa", _show_caa),
    ]


def all_setups(url: str, key: str, account: ClientAccount) -> list[Setup]:
    """Return the set-up of every client, for the service at ``url`` and a licence key.

    docs/challenge-clients.md shows the same, which a test compares.
    """
    scheme, _, host = url.partition("://")
    user, path = f"{scheme}://team:{key}@{host}", f"{url}/k/{key}"
    one, a = account.domain, account
    names = f"-d {one} -d '*.{one}'"
    fields = (
        f'"username": "{a.username}", "password": "{a.password}", "fulldomain": "{a.fulldomain}",'
        f' "subdomain": "{a.subdomain}"'
    )
    acme_dns_json = f'{{\n  "{one}": {{\n    {fields},\n    "allowfrom": []\n  }}\n}}'
    lego = f"ACME_DNS_API_BASE={user}\nACME_DNS_STORAGE_PATH=/data/acme-dns-accounts.json"
    return [
        Setup(
            "certbot",
            "certbot, with the plugin dns-acmedns",
            False,
            [
                SetupStep(
                    "/etc/letsencrypt/acmedns.json, mode 0600",
                    f'{{"{one}": {{{fields}, "allowfrom": []}}}}',
                ),
                SetupStep(
                    "/etc/letsencrypt/acmedns.ini, mode 0600",
                    f"dns_acmedns_api_url = {url}\n"
                    "dns_acmedns_registration_file = /etc/letsencrypt/acmedns.json",
                ),
                SetupStep(
                    "Request the certificate",
                    "certbot certonly --authenticator dns-acmedns \\\n"
                    "  --dns-acmedns-credentials /etc/letsencrypt/acmedns.ini"
                    f" --dns-acmedns-propagation-seconds 1 \\\n  {names}",
                ),
            ],
        ),
        Setup(
            "acmesh",
            "acme.sh",
            True,
            [
                SetupStep(
                    "It registers and prints the CNAME: create it before you press Enter",
                    f"export ACMEDNS_BASE_URL={user}\n"
                    f"acme.sh --issue --dns dns_acmedns --dnssleep 1 {names}",
                ),
                SetupStep(
                    "Or with this registration, without the licence key",
                    f"export ACMEDNS_USERNAME={a.username} ACMEDNS_PASSWORD={a.password}"
                    f" ACMEDNS_SUBDOMAIN={a.subdomain}",
                ),
            ],
        ),
        Setup(
            "lego",
            "lego",
            True,
            [
                SetupStep(
                    "The first run registers, prints the CNAME and ends: create it, run it again",
                    f"export ACME_DNS_API_BASE={user}\n"
                    "export ACME_DNS_STORAGE_PATH=/etc/lego/acme-dns-accounts.json\n"
                    "lego run --accept-tos --email admin@example.com --dns acme-dns"
                    f" {names}",
                )
            ],
        ),
        Setup(
            "cert-manager",
            "cert-manager",
            False,
            [
                SetupStep("acmedns.json", acme_dns_json),
                SetupStep(
                    "The Secret",
                    "kubectl create secret generic acme-dns --namespace cert-manager"
                    " --from-file acmedns.json",
                ),
                SetupStep(
                    "The solver, in the Issuer or ClusterIssuer",
                    "    solvers:\n"
                    "      - dns01:\n"
                    "          acmeDNS:\n"
                    f"            host: {url}\n"
                    "            accountSecretRef:\n"
                    "              name: acme-dns\n"
                    "              key: acmedns.json",
                ),
            ],
        ),
        Setup(
            "caddy",
            "Caddy, with the module caddy-dns/acmedns",
            False,
            [
                SetupStep(
                    "Caddyfile",
                    f"{one}, *.{one} {{\n"
                    "\ttls {\n"
                    "\t\tdns acmedns {\n"
                    "\t\t\tusername  {$ACMEDNS_USERNAME}\n"
                    "\t\t\tpassword  {$ACMEDNS_PASSWORD}\n"
                    "\t\t\tsubdomain {$ACMEDNS_SUBDOMAIN}\n"
                    f"\t\t\tserver_url {url}\n"
                    "\t\t}\n"
                    "\t}\n"
                    "}",
                ),
                SetupStep(
                    "Its environment",
                    f"ACMEDNS_USERNAME={a.username}\nACMEDNS_PASSWORD={a.password}\n"
                    f"ACMEDNS_SUBDOMAIN={a.subdomain}",
                ),
            ],
        ),
        Setup(
            "traefik",
            "Traefik",
            True,
            [
                SetupStep(
                    "Static configuration",
                    "certificatesResolvers:\n"
                    "  letsencrypt:\n"
                    "    acme:\n"
                    "      email: admin@example.com\n"
                    "      storage: /data/acme.json\n"
                    "      dnsChallenge:\n"
                    "        provider: acme-dns",
                ),
                SetupStep("Its environment", lego),
                SetupStep(
                    "/data/acme-dns-accounts.json, so that the first attempt works", acme_dns_json
                ),
            ],
        ),
        Setup(
            "posh-acme",
            "Posh-ACME",
            True,
            [
                SetupStep(
                    "It asks for the licence key as the password, registers and shows the CNAME",
                    f"New-PACertificate {one},*.{one} -AcceptTOS -Plugin AcmeDns `\n"
                    f"  -PluginArgs @{{ACMEUri='{url}'; ACMECredential=(Get-Credential team)}}",
                )
            ],
        ),
        Setup(
            "certify",
            "Certify Certificate Manager",
            True,
            [
                SetupStep("DNS update method “acme-dns DNS API”: its API Url", f"{path}/"),
                SetupStep("Or “Certify DNS”: its API Url, with the licence key as API Key", url),
            ],
        ),
        Setup(
            "zoneproof",
            "Zoneproof",
            True,
            [
                SetupStep(
                    "In the environment, so that no process list shows it",
                    f"export ACME_DNS_SERVER={user}",
                ),
                SetupStep(
                    "The first run registers and prints the CNAME; the same command then continues",
                    f"zoneproof issue {one} '*.{one}' --agree-tos --provider acme-dns \\\n"
                    "  --field server=env:ACME_DNS_SERVER",
                ),
            ],
        ),
    ]


async def _show(visit: ServiceVisit) -> Response:
    return _setup(visit, "KEY")


async def _show_with_key(visit: ServiceVisit) -> Response:
    """Fill the key in: the service keeps only its hash, so whoever wants to see it types it."""
    key = visit.form.text("key")

    try:
        tenant = await visit.read(lambda tx, _: authenticate_tenant(tx, key, visit.now))
    except RegistrationError:
        tenant = ""
    if tenant != visit.tenant:
        return _setup(visit, "KEY", "this is not one of your licence keys")
    return _setup(visit, key)


def _setup(visit: ServiceVisit, key: str, error: str = "") -> Response:
    domain = (visit.query.text("domain") or "example.com").removeprefix("*.")
    try:
        account = ClientAccount(str(DomainName.parse(domain)))
    except InvalidNameError as invalid:
        account, error = ClientAccount(), invalid.message
    return visit.page(
        "setup.html",
        400 if error else 200,
        setups=all_setups(visit.url, key, account),
        domain=account.domain,
        is_filled=key != "KEY",
        error=error,
    )


# --- CAA ---------------------------------------------------------------------------------------


async def _show_caa(visit: ServiceVisit) -> Response:
    url, names = visit.query.text("account"), visit.query.words("names")
    issuer = visit.query.text("issuer") or issuer_of(url)
    records: list[str] = []
    error = ""
    if url or names:
        try:
            records = caa_records(url, issuer, names)
        except (InvalidInputError, InvalidNameError) as invalid:
            error = invalid.message
    return visit.page(
        "caa.html",
        400 if error else 200,
        account=url,
        issuer=issuer,
        names=" ".join(names),
        records=records,
        error=error,
    )


def issuer_of(account_url: str) -> str:
    """Return the name that a known CA uses in CAA records, by the URL of an account there."""
    host = (urlsplit(account_url).hostname or "") if _ACCOUNT.fullmatch(account_url) else ""
    found = (name for end, name in _ISSUERS.items() if host == end or host.endswith(f".{end}"))
    return next(found, "")


def caa_records(account_url: str, issuer: str, names: Sequence[str]) -> list[str]:
    """Return the CAA records that let only this account issue, in zone-file form (RFC 8657).

    Raises InvalidInputError and InvalidNameError.
    """
    if not _ACCOUNT.fullmatch(account_url):
        raise InvalidInputError(
            "give the account's URL, as the CA shows it: it begins with https://"
        )
    if not issuer:
        raise InvalidInputError("give the name that the CA uses in CAA records: its site says it")
    if not names:
        raise InvalidInputError("give the domains that the records are for")
    return [
        record
        for name in names
        for record in binding_records(
            DomainName.parse(name).base,
            issuer=str(DomainName.parse(issuer)),
            account_url=account_url,
        )
    ]
