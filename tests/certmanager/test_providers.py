"""Every provider of the contract suite through the webhook, and those that it cannot take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.certmanager.cert_manager import Challenge
from tests.certmanager.cluster import world
from tests.docs.providers_table import row_of
from tests.providers.api_contract import ApiRow
from tests.providers.api_harness import ApiHarness
from tests.providers.duckdns_harness import DuckDnsHarness
from tests.providers.harness import challenge_value, closing
from tests.support.fake_http import fake_http_server
from tests.support.fake_zones_dns import FakeZonesDns
from zoneproof.providers import describe, slugs
from zoneproof.testing.ports import free_port

ROWS = {slug: row for slug in slugs() if (row := row_of(slug))}
# Those whose tests have no API: with why an Issuer cannot name them, or where else they are tested.
OTHERS = {
    "acme-dns": "needs a registration for each domain",
    "certify-dns": "needs a registration for each domain",
    "challenge": "runs programs or reads files",
    "exec": "runs programs or reads files",
    "manual": "needs a person",
    "msdns": "runs programs or reads files",
    "rfc2136": "",  # test_solver.py
    "script": "runs programs or reads files",
    "tencentcloud": "",  # has the API of dnspod
}


def config(slug: str, fields: dict[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return a solver's config, and what is to be in its Secret."""
    info = describe(slug)
    given: dict[str, Any] = {}
    secret = {}
    for name, value in fields.items():
        field = info.field(name)
        assert field
        given[name] = value
        if field.secret:
            given[name] = {"secretRef": {"name": "dns", "key": name}}
            secret[name] = value
    return {"provider": slug, "fields": given}, secret


@pytest.mark.parametrize("slug", ROWS)
async def test_a_value_is_presented_and_cleaned_up(slug: str, tmp_path: Path) -> None:
    row: ApiRow = ROWS[slug]()
    api = row.fake()
    port = free_port()
    made = DuckDnsHarness if slug == "duckdns" else ApiHarness
    async with (
        fake_http_server(api) as server,
        closing(made(row, api, server)) as harness,
        FakeZonesDns(api, harness.zone.name.labels[-1], port),
        world(tmp_path, dns_port=port) as here,
    ):
        # A key file of the contract suite has URL/ in place of the server.
        fields = {key: one.replace("URL/", f"{server.url}/") for key, one in harness.fields.items()}
        urls = row.urls(server.url)
        given, secret = config(slug, {**fields, **urls})
        is_elsewhere = any(one.rare for one in harness.info.fields if one.name in urls)
        if (
            slug == "duckdns"
        ):  # whose value stands at all names of a domain, which the DNS here lacks
            given["propagation"] = 0
        here.kubernetes.secret("shop", "dns", secret)
        challenge = Challenge(
            given, f"*.{harness.zone.name}", challenge_value(), ambient=is_elsewhere
        )
        await harness.plant_value("_acme-challenge", theirs := challenge_value())
        limit = harness.info.limits.values_at_name
        assert await here.proxy.present(challenge) == ""
        there = await harness.values(harness.zone, "_acme-challenge")
        assert there == [challenge.key] if limit == 1 else set(there) == {theirs, challenge.key}
        assert await here.proxy.clean_up(challenge) == ""
        left = await harness.values(harness.zone, "_acme-challenge")
        assert challenge.key not in left
        assert limit == 1 or left == [theirs]


def test_all_providers_are_looked_at() -> None:
    assert set(slugs()) == {*ROWS, *OTHERS}


@pytest.mark.parametrize("slug", [slug for slug, why in OTHERS.items() if why])
async def test_what_an_issuer_cannot_name_is_refused(slug: str, tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        problem = await here.proxy.present(Challenge({"provider": slug}, ambient=True))
    assert OTHERS[slug] in problem


@pytest.mark.parametrize("slug", ["acmesh:dns_cf", "lexicon:cloudflare", "certbot:dns-route53"])
async def test_programs_of_the_webhook_are_not_for_issuers(slug: str, tmp_path: Path) -> None:
    async with world(tmp_path) as here:
        problem = await here.proxy.present(Challenge({"provider": slug}, ambient=True))
    assert "runs programs or reads files" in problem


@pytest.mark.parametrize("slug", ROWS)
def test_an_identity_of_the_machine_is_told_from_keys(slug: str) -> None:
    info, row = describe(slug), ROWS[slug]()
    fields = {one.name: row.fields.get(one.name, one.default or "") for one in info.fields}
    # A key file of the contract suite has URL/ in place of the server.
    google = {
        key: one.replace("URL/", "https://oauth2.googleapis.com/") for key, one in fields.items()
    }
    assert not info.ambient(google)
    assert info.ambient(fields) == (fields != google)
    if "metadata_url" in fields or slug == "route53":
        without = {
            "identity": {"azure": "managed", "huaweicloud": "agency", "oracle": "instance"}.get(
                slug, ""
            ),
            "ram_role": "role",
            "cvm_role": "role",
            **dict.fromkeys(("access_key_id", "credentials", "key"), ""),
        }
        assert info.ambient({**fields, **without})
