"""The provider for Infomaniak's DNS: records one by one, found by their name."""

from __future__ import annotations

from typing import ClassVar

from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.contract import Alias, Limits, ProviderInfo
from zoneproof.providers.fields import token_field
from zoneproof.providers.lists import RecordList
from zoneproof.providers.paging import Numbered
from zoneproof.providers.refusals import WRONG_KEY, ErrorBody, Refusals

_APEX = "."  # what the API calls the zone itself; read, it may be empty too
_PAGES = Numbered("per_page", 100)


class Infomaniak(RecordsProvider):
    """Adds and deletes TXT records, their values in quotes.

    Zones are not listed: only the list of an account's products has them, which a token for DNS
    may not read.
    """

    info = ProviderInfo(
        slug="infomaniak",
        title="Infomaniak",
        homepage="https://developer.infomaniak.com/docs/api",
        fields=(token_field("token", "API token"),),
        key_url="https://manager.infomaniak.com/v3/ng/accounts/token/list",
        api_url="https://api.infomaniak.com",
        default_ttl=300,
        limits=Limits(value_pattern=r"[ -~]*", min_ttl=60),
        notes="How the API writes what is not ASCII is not described: such values are refused.",
        least_privilege="A token with the scopes `dns:read` and `dns:write`, and a date of expiry.",
        name_servers=("nsany?.infomaniak.com",),
        aliases=(
            Alias("certbot", "dns-infomaniak", {"token": "token"}),
            Alias(
                "acme.sh",
                "dns_infomaniak",
                {"INFOMANIAK_API_TOKEN": "token", "INFOMANIAK_API_URL": "api_url"},
            ),
            Alias(
                "lego",
                "infomaniak",
                {"INFOMANIAK_ACCESS_TOKEN": "token", "INFOMANIAK_ENDPOINT": "api_url"},
            ),
        ),
    )
    headers = "Authorization: Bearer {token}"
    errors = ErrorBody(
        codes=("error.code",),
        messages=("error.errors.0.description", "error.description"),
        success=("result", "success"),
    )
    refusals: ClassVar[Refusals] = {
        "not_authorized": WRONG_KEY,
    }
    record_list = RecordList(
        "2/zones/{zone.name}/records",
        at="data",
        query={"filter[types][]": "TXT", "filter[source]": "{host}"},
        name="source",
        value="target",
        apex=_APEX,
        quoted=True,
        paging=_PAGES,
    )
