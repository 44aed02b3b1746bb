"""The provider for PointDNS: records one by one, each wrapped in an object of its own."""

from __future__ import annotations

from typing import ClassVar

from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.contract import Alias, ProviderInfo
from zoneproof.providers.fields import CredentialField, token_field
from zoneproof.providers.lists import RecordList, ZoneList
from zoneproof.providers.refusals import ErrorBody, Refusal, Refusals

_NEW = {"record_type": "TXT", "name": "{name}", "data": "{value}", "ttl": "{ttl}"}


class PointDns(RecordsProvider):
    """Adds and deletes TXT records of a zone, which is known by its name as well as by its id.

    Clients disagree on how to ask for a name, so all TXT records of the zone are listed.
    """

    info = ProviderInfo(
        slug="pointdns",
        title="PointDNS",
        homepage="https://pointhq.com",
        fields=(
            CredentialField("user", "e-mail address of the account"),
            token_field("key", "API key"),
        ),
        key_url="https://app.pointhq.com/account",
        api_url="https://api.pointhq.com",
        notes="The recorded exchanges that this was compared with are of 2018; on the body of a new"
        " record, lego disagrees with them and with all other clients.",
        least_privilege="The key may do everything with the account: use an account that has only"
        " the zones in question.",
        name_servers=("dns?.pointhq.com", "dns??.pointhq.com"),
        aliases=(
            Alias("acme.sh", "dns_pointhq", {"PointHQ_Key": "key", "PointHQ_Email": "user"}),
            Alias("lego", "pointdns", {"POINTDNS_USERNAME": "user", "POINTDNS_PASSWORD": "key"}),
        ),
    )
    login = ("user", "key")
    headers = "Accept: application/json"
    by_name = False
    errors = ErrorBody(messages=("message",), phrases=("access denied",))
    refusals: ClassVar[Refusals] = {
        "access denied": Refusal.wrong_key(
            "it does not accept the key", "check e-mail address and key"
        ),
    }
    zone_list = ZoneList("zones", name="zone.name")
    record_list = RecordList(
        "zones/{zone.name}/records",
        query={"record_type": "TXT"},
        id="zone_record.id",
        name="zone_record.name",
        value="zone_record.data",
        only={"zone_record.record_type": "TXT"},
        quoted=True,
        new={"zone_record": _NEW},
    )
