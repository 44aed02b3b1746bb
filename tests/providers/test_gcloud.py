"""Google Cloud's provider against the fake of its API and of its token services."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.gcloud import FakeGoogleCloud
from tests.providers.harness import challenge_value, txt
from tests.support.fake_api import Key
from tests.support.rsa_keys import private_pem, public_pem
from zoneproof.core.errors import InvalidInputError, ProviderCredentialsError
from zoneproof.providers import Provider, ProviderContext, Zone, open_provider

MACHINE = {"credentials": "", "project": ""}
ACCOUNT = "dns@project-1.iam.gserviceaccount.com"


def key_file(number: int) -> str:
    return json.dumps(
        {
            "type": "service_account",
            "project_id": "project-1",
            "private_key_id": f"key-{number}",
            "private_key": private_pem(number),
            "client_email": ACCOUNT,
            "token_uri": "URL/token",
            "client_x509_cert_url": "URL/x509",
        }
    )


class TestGoogleCloud(ApiContract):
    slug = "gcloud"
    fake = FakeGoogleCloud
    root = "/dns/v1"
    fields = {"credentials": key_file(0)}

    def urls(self, server: str) -> dict[str, str]:
        urls = {"api_url": f"{server}/dns/v1", "iam_url": f"{server}/iam/v1"}
        return {**urls, "metadata_url": server}

    def make(self, context: ProviderContext) -> Provider:
        server = context.fields["metadata_url"]
        # With the quote, because a key in base64 may have URL in it.
        credentials = context.fields["credentials"].replace('"URL/', f'"{server}/')
        fields = {**context.fields, "credentials": credentials}
        return super().make(ProviderContext(fields, timeout=context.timeout, sleep=context.sleep))

    def key(self, fields: Mapping[str, str]) -> str:
        return public_pem(int(json.loads(fields["credentials"])["private_key_id"][-1]))

    def other(self, name: str, text: str) -> str:
        return key_file(1) if name == "credentials" else text

    def wrong(self, fields: Mapping[str, str]) -> dict[str, str]:
        return {**fields, "credentials": key_file(2)}

    async def test_the_requests_are_as_recorded(self, harness: ApiHarness) -> None:
        """As dns-lexicon recorded them in July 2018, which left an empty list out."""
        await harness.open().add(harness.zone, [txt("_acme-challenge.test", "challengetoken")])
        zone = f"/dns/v1/projects/project-1/managedZones/{harness.zone.id}"
        name = f"_acme-challenge.test.{harness.zone.name}."
        token, read, change = harness.server.requests
        assert token.body.startswith(
            b"grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion="
        )
        assert (read.method, read.path) == ("GET", f"{zone}/rrsets?name={name}&type=TXT")
        assert (change.method, change.path) == ("POST", f"{zone}/changes")
        one = {"name": name, "type": "TXT", "ttl": 60, "rrdatas": ['"challengetoken"']}
        assert change.json == {"additions": [one], "deletions": []}

    async def test_a_batch_is_one_change(self, harness: ApiHarness) -> None:
        batch = [txt(f"_acme-challenge.n{i}", challenge_value()) for i in range(20)]
        await harness.open().add(harness.zone, batch)
        paths = [request.path for request in harness.server.requests]
        assert sum(path.endswith("/changes") for path in paths) == 1

    async def test_a_machine_has_its_own_account_and_project(self, harness: ApiHarness) -> None:
        harness.api.keys["system"] = Key()
        await works(harness, MACHINE)

    async def test_another_account_is_impersonated(self, harness: ApiHarness) -> None:
        harness.api.keys |= {"system": Key(frozenset()), ACCOUNT: Key()}
        await works(harness, {**MACHINE, "impersonate": ACCOUNT})

    @pytest.mark.parametrize("further", [False, True])
    async def test_another_service_s_token_is_exchanged(
        self, harness: ApiHarness, tmp_path: Path, further: bool
    ) -> None:
        assert isinstance(harness.api, FakeGoogleCloud)
        file = tmp_path / "token"
        config: dict[str, object] = {
            "type": "external_account",
            "audience": "//iam.googleapis.com/pool",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": "URL/sts",
            "credential_source": {"file": str(file)},
        }
        harness.api.keys["system"] = Key()
        if further:
            harness.api.keys |= {"system": Key(frozenset()), ACCOUNT: Key()}
            url = f"URL/iam/v1/projects/-/serviceAccounts/{ACCOUNT}:generateAccessToken"
            config["service_account_impersonation_url"] = url
            config["credential_source"] = {
                "url": "URL/subject",
                "headers": {"X-From": "test"},
                "format": {"type": "json", "subject_token_field_name": "id_token"},
            }
        fields = {"credentials": json.dumps(config), "project": "project-1"}
        with pytest.raises(ProviderCredentialsError):
            await works(harness, fields)
        file.write_text("subject\n")
        harness.api.subjects.add("subject")
        await works(harness, fields)

    async def test_private_zones_are_told_apart(self, harness: ApiHarness) -> None:
        assert isinstance(harness.api, FakeGoogleCloud)
        harness.api.visibility[harness.look_alike.name.text] = "private"
        assert await harness.open().zones() == [harness.zone]
        assert await harness.open(visibility="private").zones() == [harness.look_alike]

    @pytest.mark.parametrize(
        "source",
        [
            {
                "environment_id": "aws1",
                "region_url": "http://169.254.169.254/latest/meta-data/placement/availability-zone",
                "url": "http://169.254.169.254/latest/meta-data/iam/security-credentials",
            },
            {"executable": {"command": "/bin/token", "timeout_millis": 5000}},
            {"certificate": {"use_default_certificate_config": True}},
        ],
    )
    def test_sources_other_than_files_and_urls_are_refused(self, source: object) -> None:
        """AIP-4117: at AWS the url is that of the role's name, and no token is there."""
        config = {"type": "external_account", "credential_source": source}
        context = ProviderContext({"credentials": json.dumps(config), "project": "project-1"})
        with pytest.raises(InvalidInputError, match="can come from a file or a URL only"):
            open_provider("gcloud", context)

    @pytest.mark.parametrize("text", ["hunter2", "{}", '{"type": "authorized_user"}'])
    def test_other_files_are_refused(self, text: str) -> None:
        context = ProviderContext({"credentials": text})
        with pytest.raises(InvalidInputError, match="credentials are") as caught:
            open_provider("gcloud", context)
        assert "hunter2" not in caught.value.message


async def works(harness: ApiHarness, changed: Mapping[str, str]) -> None:
    provider = harness.remember(harness.make(changed=changed))
    value = challenge_value()
    await provider.add(Zone(harness.zone.name), [txt("works", value)])
    assert await harness.values(harness.zone, "works") == [value]
