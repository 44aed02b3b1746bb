"""APIs that have closed or been replaced: each is only a sentence that says what to use instead."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from zoneproof.providers.contract import Alias


class RetiredProvider(msgspec.Struct, frozen=True):
    """What became of an API, and what to use instead, as one line without an end.

    ``aliases`` are what other clients call it.
    """

    advice: str
    aliases: tuple[Alias, ...] = ()


_ELSEWHERE = (
    "delegate the challenge names by CNAMEs to a zone at another provider, or move the zone there"
)

RETIRED: Mapping[str, RetiredProvider] = {
    "brandit": RetiredProvider(
        f"Brandit became a part of Abion, and its API closed: {_ELSEWHERE}",
        (Alias("lego", "brandit"),),
    ),
    "cloudxns": RetiredProvider(
        f"CloudXNS closed in 2021: {_ELSEWHERE}",
        (
            Alias("acme.sh", "dns_cx"),
            Alias("certbot", "dns-cloudxns"),
            Alias("lego", "cloudxns"),
        ),
    ),
    "dnspod-token": RetiredProvider(
        "DNSPod gives up the API of its own tokens: make an API key (SecretId and SecretKey) in"
        " Tencent Cloud, and use the provider dnspod",
        (Alias("acme.sh", "dns_dpi"), Alias("certbot", "dns-dnspod"), Alias("lego", "dnspod")),
    ),
    "gandi-v4": RetiredProvider(
        "Gandi's LiveDNS has replaced the API that this key is for: make a personal access token,"
        " and use the provider gandi",
        (Alias("lego", "gandi"),),
    ),
    "googledomains": RetiredProvider(
        "Google Domains closed in July 2024, and Squarespace, where its domains went, has no API"
        f" for TXT records: {_ELSEWHERE}",
        (
            Alias("acme.sh", "dns_googledomains"),
            Alias("certbot", "dns-google-domains"),
            Alias("lego", "googledomains"),
        ),
    ),
    "gratisdns": RetiredProvider(
        f"GratisDNS closed in 2022, and its zones went to one.com: {_ELSEWHERE}",
        (Alias("acme.sh", "dns_gdnsdk"),),
    ),
    "hetzner-dns": RetiredProvider(
        "the API of Hetzner's DNS Console closed in May 2026: make a token in the Hetzner Console,"
        " where the zones are now, and use the provider hetzner",
        (Alias("acme.sh", "dns_hetzner"),),
    ),
    "iwantmyname": RetiredProvider(
        f"iwantmyname no longer has an API: {_ELSEWHERE}",
        (Alias("lego", "iwantmyname"),),
    ),
    "linode-v3": RetiredProvider(
        "Linode's API 4 has replaced API 3: make a personal access token, and use the provider"
        " linode",
        (Alias("acme.sh", "dns_linode"),),
    ),
    "stackpath": RetiredProvider(
        f"StackPath closed in 2024: {_ELSEWHERE}",
        (Alias("lego", "stackpath"),),
    ),
    "unoeuro": RetiredProvider(
        "UnoEuro is now Simply.com: use the provider simply",
        (Alias("acme.sh", "dns_unoeuro"),),
    ),
    "yandex-pdd": RetiredProvider(
        "Yandex closed its API for domains (PDD): for a zone in Yandex Cloud use the provider"
        " yandex, and for a domain in Yandex 360 use the provider yandex360",
        (Alias("acme.sh", "dns_yandex"), Alias("lego", "yandex")),
    ),
}
