"""Every provider that lego and Zoneproof both know takes its credentials over."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.migration.lego_variables import KNOWN, OTHERS
from zoneproof.migration.found import Findings
from zoneproof.migration.lego_settings import LegoSettings, read_method
from zoneproof.migration.methods import FoundMethod
from zoneproof.providers import describe, slugs
from zoneproof.providers.aliases import find_alias
from zoneproof.providers.retired import RETIRED

NO_FIELD = {  # what each is about is not a field here
    "ACME_DNS_STORAGE_PATH": "the registrations come over, not the file",
    "ACME_DNS_STORAGE_BASE_URL": "left out",
    "AWS_REGION": "Route 53 is everywhere",
    "AWS_SDK_LOAD_CONFIG": "always so",
    "AWS_WAIT_FOR_RECORD_SETS_CHANGED": "always so",
    "AZURE_CLIENT_CERTIFICATE_PATH": "left out",
    "JOKER_API_MODE": "says which provider it is",
    "OCI_PRIVATE_KEY_PASSWORD": "left out",
    "OVH_ACCESS_TOKEN": "left out",
    "SCW_PROJECT_ID": "zones are found without it",
}
FILES = (
    "AKAMAI_EDGERC",
    "GCE_SERVICE_ACCOUNT_FILE",
    "OCI_PRIVATE_KEY_PATH",
    "TRANSIP_PRIVATE_KEY_PATH",
)
SAMPLES = {"INFOBLOX_HOST": "grid.example", "IONOS_API_KEY": "public.private.part"}


def rows() -> list[tuple[str, str, list[str]]]:
    lines = KNOWN.replace("\n ", " ").strip().splitlines()
    return [(code, slug, rest) for code, slug, *rest in map(str.split, lines)]


def take_over(code: str, variables: dict[str, str]) -> FoundMethod:
    return read_method(LegoSettings(code, variables), Findings())


@pytest.mark.parametrize(
    ("code", "slug", "variables"), rows(), ids=lambda one: one if isinstance(one, str) else ""
)
def test_each_variable_is_a_field(
    tmp_path: Path, code: str, slug: str, variables: list[str]
) -> None:
    found = find_alias("lego", code)
    assert found
    assert found[0] == slug
    if slug in RETIRED:
        return
    for variable in set(variables) - set(NO_FIELD):
        value = sample = SAMPLES.get(variable, f"value-of-{variable.lower()}")
        if variable in FILES:
            (file := tmp_path / variable).write_text(sample)
            value = str(file)
        method = take_over(code, {variable: value})
        assert method.provider == slug
        assert any(sample.partition(".")[0] in text for text in method.fields.values()), variable


def test_no_provider_here_has_the_name_of_one_of_lego_s_without_its_credentials() -> None:
    known = {code for code, _, _ in rows()}
    assert not known & set(OTHERS.split())
    assert not set(slugs()) & set(OTHERS.split())


def test_every_required_field_comes_over() -> None:
    for code, slug, variables in rows():
        if slug in RETIRED or not variables:
            continue
        found = find_alias("lego", code)
        assert found
        theirs = ".".join(found[1].all_fields.values()).split(".")
        required = {one.name for one in describe(slug).fields if one.default is None}
        assert required <= {*theirs, "client_ip"}, code  # which lego finds out by itself


@pytest.mark.parametrize(
    ("code", "variables", "slug", "fields"),
    [
        (
            "joker",
            {"JOKER_API_MODE": "SVC", "JOKER_USERNAME": "u", "JOKER_PASSWORD": "p"},
            "joker-svc",
            {"user": "u", "password": "p"},
        ),
        (
            "joker",
            {"JOKER_API_MODE": "DMAPI", "JOKER_API_KEY": "k"},
            "joker",
            {"key": "k"},
        ),
        ("ionos", {"IONOS_API_KEY": "a.b.c"}, "ionos", {"prefix": "a", "secret": "b.c"}),
        (
            "infoblox",
            {"INFOBLOX_HOST": "grid", "INFOBLOX_PORT": "8443", "INFOBLOX_USERNAME": "u"},
            "infoblox",
            {"server": "https://grid:8443", "user": "u", "view": "External"},
        ),
        (
            "azuredns",
            {"AZURE_SUBSCRIPTION_ID": "s", "AZURE_AUTH_METHOD": "msi"},
            "azure",
            {"subscription_id": "s", "identity": "managed"},
        ),
        (
            "oraclecloud",
            {"OCI_AUTH_TYPE": "instance_principal", "TF_VAR_region": "eu-frankfurt-1"},
            "oracle",
            {"identity": "instance", "region": "eu-frankfurt-1"},
        ),
        (
            "inwx",
            {"INWX_USERNAME": "u", "INWX_PASSWORD": "p", "INWX_SANDBOX": "true"},
            "inwx",
            {"user": "u", "password": "p", "api_url": "https://api.ote.domrobot.com/jsonrpc"},
        ),
    ],
)
def test_modes_are_what_they_are_here(
    code: str, variables: dict[str, str], slug: str, fields: dict[str, str]
) -> None:
    method = take_over(code, variables)
    assert (method.provider, method.fields, method.lacks) == (slug, fields, "")


@pytest.mark.parametrize(
    ("code", "variables", "lacks"),
    [
        (
            "ovh",
            {"OVH_ACCESS_TOKEN": "t"},
            "lego's OVH_ACCESS_TOKEN is set, and the provider ovh has nothing like it",
        ),
        (
            "azuredns",
            {"AZURE_AUTH_METHOD": "cli"},
            "lego's AZURE_AUTH_METHOD is 'cli', and the provider azure has nothing like it",
        ),
        (
            "transip",
            {"TRANSIP_ACCOUNT_NAME": "me", "TRANSIP_PRIVATE_KEY_PATH": "/nowhere/key"},
            "/nowhere/key",
        ),
    ],
)
def test_what_means_nothing_here_is_said(code: str, variables: dict[str, str], lacks: str) -> None:
    assert lacks in take_over(code, variables).lacks


@pytest.mark.parametrize(
    ("code", "variables", "slug"),
    [
        (
            "domainnameshop",
            {"DOMENESHOP_API_TOKEN": "a", "DOMENESHOP_API_SECRET": "b"},
            "domeneshop",
        ),
        ("fastdns", {"AKAMAI_HOST": "a.example"}, "akamai"),
    ],
)
def test_the_older_names_of_lego_s_providers_are_known(
    code: str, variables: dict[str, str], slug: str
) -> None:
    assert take_over(code, variables).provider == slug
