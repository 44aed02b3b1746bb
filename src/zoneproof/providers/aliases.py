"""What other ACME clients call the providers, also those without a module yet or any more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from zoneproof.providers.contract import Alias
from zoneproof.providers.registry import describe, slugs
from zoneproof.providers.retired import RETIRED


def find_alias(client: str, name: str) -> tuple[str, Alias] | None:
    """Return the slug of what ``client`` calls ``name``, and what it calls the fields."""
    for slug, aliases in _each():
        for alias in aliases:
            if (alias.client, alias.name) == (client, name):
                return slug, alias
    return None


def _each() -> Iterator[tuple[str, tuple[Alias, ...]]]:
    for slug in slugs():
        yield slug, describe(slug).aliases
    yield from ((slug, aliases) for slug, aliases in PLANNED.items() if slug not in slugs())
    yield from ((slug, retired.aliases) for slug, retired in RETIRED.items())


# The ``info`` of a provider that has a module takes the place of what is here.
PLANNED: Mapping[str, tuple[Alias, ...]] = {
    "all-inkl": (Alias("lego", "allinkl"),),
    "bunny": (Alias("acme.sh", "dns_bunny"),),
    "cloudflare": (
        Alias(
            "certbot",
            "dns-cloudflare",
            {"api_token": "api_token", "email": "email", "api_key": "api_key"},
        ),
        Alias(
            "acme.sh",
            "dns_cf",
            {
                "CF_Token": "api_token",
                "CF_Zone_ID": "zone_id",
                "CF_Email": "email",
                "CF_Key": "api_key",
            },
        ),
    ),
    "cloudns": (Alias("acme.sh", "dns_cloudns"),),
    "constellix": (
        Alias(
            "acme.sh", "dns_constellix", {"CONSTELLIX_Key": "key", "CONSTELLIX_Secret": "secret"}
        ),
    ),
    "desec": (
        Alias("certbot", "dns-desec", {"token": "token"}),
        Alias("acme.sh", "dns_desec", {"DEDYN_TOKEN": "token"}),
    ),
    "digitalocean": (
        Alias("certbot", "dns-digitalocean", {"token": "token"}),
        Alias("acme.sh", "dns_dgon", {"DO_API_KEY": "token"}),
    ),
    "dnsimple": (
        Alias("certbot", "dns-dnsimple", {"token": "token"}),
        Alias("acme.sh", "dns_dnsimple", {"DNSimple_OAUTH_TOKEN": "token"}),
    ),
    "dnsmadeeasy": (
        Alias("certbot", "dns-dnsmadeeasy", {"api_key": "key", "secret_key": "secret"}),
        Alias("acme.sh", "dns_me", {"ME_Key": "key", "ME_Secret": "secret"}),
    ),
    "dreamhost": (Alias("acme.sh", "dns_dreamhost", {"DH_API_KEY": "key"}),),
    "dynu": (Alias("acme.sh", "dns_dynu"),),
    "easydns": (Alias("acme.sh", "dns_easydns", {"EASYDNS_Token": "token", "EASYDNS_Key": "key"}),),
    "gandi": (
        Alias("acme.sh", "dns_gandi_livedns"),
        Alias("lego", "gandiv5"),
    ),
    "godaddy": (Alias("acme.sh", "dns_gd", {"GD_Key": "key", "GD_Secret": "secret"}),),
    "hetzner": (Alias("acme.sh", "dns_hetznercloud", {"HETZNER_TOKEN": "token"}),),
    "hurricane": (Alias("acme.sh", "dns_he", {"HE_Username": "user", "HE_Password": "password"}),),
    "infoblox": (Alias("acme.sh", "dns_infoblox"),),
    "inwx": (Alias("acme.sh", "dns_inwx"),),
    "ionos": (
        Alias("certbot", "dns-ionos", {"prefix": "prefix", "secret": "secret"}),
        Alias("acme.sh", "dns_ionos", {"IONOS_PREFIX": "prefix", "IONOS_SECRET": "secret"}),
    ),
    "ispconfig": (
        Alias(
            "acme.sh",
            "dns_ispconfig",
            {"ISPC_Api": "endpoint", "ISPC_User": "user", "ISPC_Password": "password"},
        ),
    ),
    "linode": (
        Alias("certbot", "dns-linode", {"key": "token"}),
        Alias("acme.sh", "dns_linode_v4", {"LINODE_V4_API_KEY": "token"}),
    ),
    "loopia": (
        Alias("acme.sh", "dns_loopia", {"LOOPIA_User": "user", "LOOPIA_Password": "password"}),
    ),
    "luadns": (
        Alias("certbot", "dns-luadns", {"email": "user", "token": "key"}),
        Alias("acme.sh", "dns_lua", {"LUA_Email": "user", "LUA_Key": "key"}),
    ),
    "namecheap": (
        Alias(
            "acme.sh",
            "dns_namecheap",
            {
                "NAMECHEAP_USERNAME": "user",
                "NAMECHEAP_API_KEY": "key",
                "NAMECHEAP_SOURCEIP": "client_ip",
            },
        ),
    ),
    "namecom": (
        Alias("acme.sh", "dns_namecom"),
        Alias("lego", "namedotcom"),
    ),
    "namesilo": (Alias("acme.sh", "dns_namesilo"),),
    "ns1": (
        Alias("certbot", "dns-nsone", {"api_key": "key"}),
        Alias("acme.sh", "dns_nsone", {"NS1_Key": "key"}),
    ),
    "porkbun": (Alias("acme.sh", "dns_porkbun"),),
    "powerdns": (
        Alias("acme.sh", "dns_pdns"),
        Alias("lego", "pdns"),
    ),
    "route53": (
        Alias(
            "acme.sh",
            "dns_aws",
            {"AWS_ACCESS_KEY_ID": "access_key_id", "AWS_SECRET_ACCESS_KEY": "secret_access_key"},
        ),
    ),
    "scaleway": (Alias("acme.sh", "dns_scaleway"),),
    "simply": (
        Alias("certbot", "dns-simply", {"account_name": "account", "api_key": "key"}),
        Alias("acme.sh", "dns_simply", {"SIMPLY_AccountName": "account", "SIMPLY_ApiKey": "key"}),
    ),
    "vultr": (Alias("acme.sh", "dns_vultr"),),
}
