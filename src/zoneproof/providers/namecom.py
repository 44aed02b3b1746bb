"""The provider for name.com: records one by one, from a list of all records of a domain."""

from __future__ import annotations

from typing import ClassVar

from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.contract import Alias, Limits, ProviderInfo
from zoneproof.providers.fields import CredentialField, token_field
from zoneproof.providers.lists import RecordList, ZoneList
from zoneproof.providers.paging import NextWord
from zoneproof.providers.refusals import ALREADY, ErrorBody, Refusals

_PAGES = NextWord(at="nextPage", word="page")


class NameCom(RecordsProvider):
    """Adds and deletes TXT records; the same one twice is refused, which is fine."""

    info = ProviderInfo(
        slug="namecom",
        title="name.com",
        homepage="https://www.name.com",
        fields=(
            CredentialField("user", "name of the account"),
            token_field("token", "API token"),
        ),
        key_url="https://www.name.com/account/settings/api",
        api_url="https://api.name.com/v4",
        limits=Limits(min_ttl=300, value_bytes=500, value_pattern=r'[^"]*[^"\s]'),
        notes="An account with two-factor authentication must allow API access in its security"
        " settings. For the test environment, set `api_url` to `https://api.dev.name.com/v4`.",
        least_privilege="Tokens cannot be limited to domains: make one for Zoneproof alone, so that"
        " it can be withdrawn alone.",
        name_servers=("ns?*.name.com",),
        aliases=(
            Alias("acme.sh", "dns_namecom", {"Namecom_Username": "user", "Namecom_Token": "token"}),
            Alias("lego", "namedotcom", {"NAMECOM_USERNAME": "user", "NAMECOM_API_TOKEN": "token"}),
        ),
    )
    login = ("user", "token")
    by_name = False
    errors = ErrorBody(messages=("details", "message"), phrases=("duplicate record",))
    refusals: ClassVar[Refusals] = {
        "duplicate record": ALREADY,
    }
    zone_list = ZoneList(
        "domains", at="domains", absent_if_empty=True, paging=_PAGES, name="domainName"
    )
    record_list = RecordList(
        "domains/{zone.name}/records",
        at="records",
        absent_if_empty=True,
        paging=_PAGES,
        name="host",
        value="answer",
        optional=("host",),
        owner="{name}",
    )
