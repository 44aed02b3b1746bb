"""The provider for LuaDNS: records one by one, of the whole zone."""

from __future__ import annotations

from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.contract import Alias, Limits, ProviderInfo
from zoneproof.providers.fields import ZONE_ID, CredentialField, token_field
from zoneproof.providers.lists import RecordList, ZoneList
from zoneproof.providers.refusals import ErrorBody


class Luadns(RecordsProvider):
    """Adds and deletes TXT records. Lists have pages only for those who ask for them."""

    info = ProviderInfo(
        slug="luadns",
        title="LuaDNS",
        homepage="https://luadns.com/api.html",
        fields=(
            CredentialField("user", "e-mail address of the account"),
            token_field("key", "API key"),
            ZONE_ID,
        ),
        key_url="https://app.luadns.com/users/api_keys",
        api_url="https://api.luadns.com/v1",
        limits=Limits(min_ttl=300),
        notes="The API has to be switched on in the account's settings; it allows 1,200 requests in"
        " five minutes.",
        least_privilege="An API key that is restricted to the zone that certificates are for: a key"
        " is for a single zone or for all of them.",
        name_servers=("ns?.luadns.net",),
        aliases=(
            Alias("certbot", "dns-luadns", {"email": "user", "token": "key"}),
            Alias("acme.sh", "dns_lua", {"LUA_Email": "user", "LUA_Key": "key"}),
            Alias(
                "lego",
                "luadns",
                {"LUADNS_API_USERNAME": "user", "LUADNS_API_TOKEN": "key"},
            ),
        ),
    )
    login = ("user", "key")
    headers = "Accept: application/json"
    by_name = False
    errors = ErrorBody(messages=("message", "0.message"))
    zone_list = ZoneList("zones", id="id")
    record_list = RecordList("zones/{zone.id}/records", owner="{whole}.")
