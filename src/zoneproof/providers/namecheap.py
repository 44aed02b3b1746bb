"""The provider for Namecheap, whose API replaces all records of a domain at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar
from xml.etree import ElementTree as ET

from zoneproof.core.errors import ProviderError
from zoneproof.providers.contract import Alias, Limits, ProviderInfo, TxtRecord, Zone
from zoneproof.providers.fields import CredentialField, token_field
from zoneproof.providers.lists import relative_name
from zoneproof.providers.refusals import NO_ZONE, SLOWER, ErrorBody, Refusal, Refusals
from zoneproof.providers.set_provider import WholeZone, WholeZoneProvider

Host = Mapping[str, str]  # the attributes of a host in the XML

_MOST = 100  # items on a page
_KEY = Refusal.wrong_key(
    "it does not accept the key", "check user and key, and that API access is on in the profile"
)
_ADDRESS = Refusal.not_allowed(
    "it does not accept this machine's address",
    "put the public IPv4 address of this machine on the whitelist, and into the field client_ip",
)
_ACCOUNT = Refusal.not_allowed("the account may not use the API")


class Namecheap(WholeZoneProvider[Host]):
    """Reads all hosts of a domain, and writes them back with the new ones.

    The kind of e-mail service has to be written back too, or MX records stop working.
    """

    info = ProviderInfo(
        slug="namecheap",
        title="Namecheap",
        homepage="https://www.namecheap.com",
        fields=(
            CredentialField("user", "name of the account"),
            token_field("key", "API key"),
            CredentialField("client_ip", "public IPv4 address of this machine, on the whitelist"),
        ),
        key_url="https://ap.www.namecheap.com/settings/tools/apiaccess/",
        api_url="https://api.namecheap.com/xml.response",
        limits=Limits(value_pattern='[^"]*', min_ttl=60),
        notes="The API is for accounts with 20 domains or 50 dollars. It can only replace all"
        " records of a domain: what another program changes in the same second can be lost, and a"
        " domain that has hosts with Dynamic DNS is not changed, because they would lose it. It"
        " allows 20 requests in a minute, 700 in an hour and 8,000 in a day; a change of a domain"
        " takes three. A test account is at `https://api.sandbox.namecheap.com/xml.response`.",
        least_privilege="The key may do everything with the account; it works from the whitelisted"
        " addresses only.",
        name_servers=("dns?.registrar-servers.com", "pdns?.registrar-servers.com"),
        aliases=(
            Alias("certbot", "dns-namecheap", {"username": "user", "api_key": "key"}),
            Alias(
                "acme.sh",
                "dns_namecheap",
                {
                    "NAMECHEAP_USERNAME": "user",
                    "NAMECHEAP_API_KEY": "key",
                    "NAMECHEAP_SOURCEIP": "client_ip",
                },
            ),
            Alias(
                "lego",
                "namecheap",
                {"NAMECHEAP_API_USER": "user", "NAMECHEAP_API_KEY": "key"},
                choices={
                    "NAMECHEAP_SANDBOX": {
                        "true": "api_url=https://api.sandbox.namecheap.com/xml.response",
                        "false": "",
                    }
                },
            ),
        ),
    )
    errors = ErrorBody(
        codes=("Errors/Error@Number",), messages=("Errors/Error",), success=("@Status", "OK")
    )
    refusals: ClassVar[Refusals] = {
        **dict.fromkeys(("1010101", "1010102", "1011102", "1019103", "1016103", "1017103"), _KEY),
        **dict.fromkeys(("1010105", "1011105", "1011150", "1017150", "1017105"), _ADDRESS),
        **dict.fromkeys(("1017101", "1017410", "1017411"), _ACCOUNT),
        **dict.fromkeys(("2019166", "2016166", "2030166"), NO_ZONE),
        "2030288": Refusal.no_zone(
            "the domain has other name servers",
            "choose Namecheap's BasicDNS for it, or the provider where its zone is",
        ),
        "3013288": Refusal.over_quota("the domain has too many records"),
        **dict.fromkeys(("500000", "3050750", 405), SLOWER),
    }

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the account's domains that use Namecheap's DNS; they are known by name."""
        listed: list[ET.Element] = []
        page, total = 1, 1
        while len(listed) < total:
            root = await self._call("domains.getList", {"Page": page, "PageSize": _MOST})
            found = list(root.iter("Domain"))
            listed += found
            total = int(root.findtext(".//TotalItems") or 0) if found else 0
            page += 1
        return [(one.get("Name", ""), "") for one in listed if one.get("IsOurDNS") != "false"]

    async def read_zone(self, zone: Zone) -> WholeZone[Host]:
        """Return the domain's hosts and its kind of e-mail service."""
        root = await self._call("domains.dns.getHosts", _name(zone))
        result = root.find(".//DomainDNSGetHostsResult")
        if result is None:
            raise ProviderError("the answer does not have the domain's hosts")
        hosts = [host.attrib for host in result.iter() if host.tag.lower() == "host"]
        for host in hosts:
            needed = {"Name", "Type"} | ({"Address"} if host.get("Type") == "TXT" else set())
            if not needed <= host.keys():
                raise ProviderError("the answer has a host without its name, type or value")
        return WholeZone(hosts, result.get("EmailType", ""))

    async def write_zone(self, zone: Zone, whole: WholeZone[Host]) -> None:
        """Replace the domain's hosts. Those with Dynamic DNS would become ordinary ones."""
        if any(host.get("IsDDNSEnabled") == "true" for host in whole.records):
            raise ProviderError(
                "the domain has hosts with Dynamic DNS, which would lose it, because the API can"
                " only replace all hosts: let the challenge name lead to another zone by a CNAME,"
                " or make these hosts ordinary ones",
                changed_nothing=True,
            )
        form = {**_name(zone), **({"EmailType": whole.extra} if whole.extra else {})}
        for i, host in enumerate(whole.records, 1):
            form |= {f"HostName{i}": host["Name"], f"RecordType{i}": host["Type"]}
            form |= {f"{key}{i}": host[key] for key in ("Address", "MXPref", "TTL") if key in host}
        root = await self._call("domains.dns.setHosts", form)
        result = root.find(".//DomainDNSSetHostsResult")
        if result is None or result.get("IsSuccess") != "true":
            raise ProviderError("it did not replace the records, and does not say why")

    def txt_of(self, zone: Zone, record: Host) -> tuple[str, str] | None:
        """Return name and value of a host that is a TXT record."""
        if record["Type"] != "TXT":
            return None
        return relative_name(record["Name"], zone), record["Address"]

    def record_of(self, zone: Zone, record: TxtRecord) -> Host:
        """Return the record as a host."""
        host = {"Name": record.name or "@", "Type": "TXT", "Address": record.value}
        return {**host, "MXPref": "10", "TTL": str(record.ttl)}

    async def _call(self, command: str, form: Mapping[str, object]) -> ET.Element:
        user, key = self.fields["user"], self.fields["key"]
        login = {"ApiUser": user, "ApiKey": key, "UserName": user}
        login |= {"ClientIp": self.fields["client_ip"], "Command": f"namecheap.{command}"}
        reading = not command.endswith("setHosts")
        answer = await self.api.send("POST", form={**login, **form}, repeatable=reading)
        return self.api.read(answer, ET.Element)


def _name(zone: Zone) -> dict[str, str]:
    first, _, rest = zone.name.text.partition(".")
    return {"SLD": first, "TLD": rest}
