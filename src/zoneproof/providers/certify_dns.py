"""The provider for Certify DNS: acme-dns with an account's e-mail address and a licence key."""

from __future__ import annotations

from typing import ClassVar
from urllib.parse import quote, urlsplit, urlunsplit

from msgspec.structs import replace

from zoneproof.core.errors import InvalidInputError
from zoneproof.providers.acme_dns import AcmeDns
from zoneproof.providers.contract import ProviderContext, ProviderInfo
from zoneproof.providers.fields import CredentialField, token_field
from zoneproof.providers.server_url import ServerUrl


def _check_server(text: str) -> None:
    if ServerUrl.parse(text).secrets:
        raise InvalidInputError(
            "the server's URL has a key in it: give that as the fields user and key instead"
        )


class CertifyDns(AcmeDns):
    """Registers with user and key, and updates as acme-dns does.

    Its registrations are those of acme-dns with the same server: a certificate may change from the
    one to the other without a new CNAME.
    """

    info: ClassVar[ProviderInfo] = replace(
        AcmeDns.info,
        slug="certify-dns",
        title="Certify DNS",
        homepage="https://certifytheweb.com",
        key_url="https://certifytheweb.com",
        fields=(
            CredentialField("user", "e-mail address of the account"),
            token_field("key", "licence key of Certify DNS, which is not that of the application"),
            CredentialField(
                "server",
                "URL of the service, or of one that works alike",
                default="https://certify-dns.certifytheweb.com",
                url=True,
                check=_check_server,
            ),
            *(one for one in AcmeDns.info.fields if one.name != "server"),
        ),
        notes="The service is sold by Webprofusion; Zoneproof's own challenge service takes"
        " a user and a key in the same way. " + AcmeDns.info.notes,
        aliases=(),
    )

    def __init__(self, context: ProviderContext) -> None:
        fields = context.fields
        scheme, host, *rest = urlsplit(fields["server"].strip())
        user, key = quote(fields["user"], safe=""), quote(fields["key"], safe="")
        server = urlunsplit((scheme, f"{user}:{key}@{host}", *rest))
        super().__init__(replace(context, fields={**fields, "server": server}))
