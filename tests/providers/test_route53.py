"""Route 53's provider against the fake of its API and moto, and where its keys come from."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.route53 import FakeRoute53
from tests.providers.harness import challenge_value, no_sleep, txt
from tests.support.fake_http import Reply, Request, fake_http_server
from tests.support.peers.moto import moto_server, route53_client
from zoneproof.core.errors import ProviderCredentialsError
from zoneproof.providers import ProviderContext, describe, open_provider
from zoneproof.providers.aws_credentials import AwsCredentials, AwsKeys

FIELDS = {
    "access_key_id": "AKIDEXAMPLE",
    "secret_access_key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
}
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
UNTIL = "2026-11-01T13:00:00Z"


class TestRoute53(ApiContract):
    slug = "route53"
    fake = FakeRoute53
    root = "/2013-04-01"
    fields = FIELDS

    async def test_a_batch_is_one_list_and_one_change(self, harness: ApiHarness) -> None:
        assert isinstance(harness.api, FakeRoute53)
        harness.api.pending = 2
        batch = [txt(f"_acme-challenge.n{i}", challenge_value()) for i in range(50)]
        await harness.open().add(harness.zone, batch)
        methods = [request.method for request in harness.server.requests]
        assert methods == ["GET", "POST", "GET", "GET"]  # and two looks at the change

    async def test_a_change_that_cannot_be_waited_for_is_made(self, harness: ApiHarness) -> None:
        assert isinstance(harness.api, FakeRoute53)
        harness.api.pending = 1
        harness.api.after_change.append(
            lambda: harness.server.faults.append(harness.api.refuse("permission"))
        )
        await harness.open().add(harness.zone, [txt("a", challenge_value())])
        assert len(await harness.values(harness.zone, "a")) == 1

    async def test_a_policy_of_lego_s_or_cert_manager_s_lists_zones_too(
        self, harness: ApiHarness
    ) -> None:
        assert isinstance(harness.api, FakeRoute53)
        harness.api.by_name_only = True
        await self.test_zones_on_all_pages_are_listed_and_no_others(harness)


@pytest.fixture
def moto_url() -> Iterator[str]:
    with moto_server() as url:
        yield url


async def test_moto_takes_what_is_sent(moto_url: str) -> None:
    aws = route53_client(moto_url)
    made = aws.create_hosted_zone(Name="zone.example", CallerReference="1")["HostedZone"]["Id"]
    fields = {**FIELDS, "role_arn": "arn:aws:iam::123456789012:role/dns"}
    urls = {"api_url": f"{moto_url}/2013-04-01", "sts_url": f"{moto_url}/"}
    provider = open_provider("route53", ProviderContext(fields | urls, sleep=no_sleep))
    (zone,) = await provider.zones()
    values = [challenge_value(), challenge_value(), 'say "yes"', "y" * 300]
    await provider.add(zone, [txt("_acme-challenge", values[0])])
    await provider.add(zone, [txt("_acme-challenge", value) for value in values])
    await provider.remove(zone, [txt("_acme-challenge", values[0])])
    sets = aws.list_resource_record_sets(HostedZoneId=made)["ResourceRecordSets"]
    (found,) = (one["ResourceRecords"] for one in sets if one["Type"] == "TXT")
    assert [one["Value"] for one in found] == [
        f'"{values[1]}"',
        r'"say \"yes\""',
        f'"{"y" * 255}" "{"y" * 45}"',
    ]
    await provider.remove(zone, [txt("_acme-challenge", value) for value in values])
    sets = aws.list_resource_record_sets(HostedZoneId=made)["ResourceRecordSets"]
    assert {one["Type"] for one in sets} == {"NS", "SOA"}
    await provider.close()


def platform(request: Request) -> Reply:
    """Answer as STS, a container's and an instance's metadata do."""
    keys = {"AccessKeyId": "ASIA1", "SecretAccessKey": "s3cr3t", "Expiration": UNTIL}
    if request.method == "POST":
        words = request.body.decode()
        if "AssumeRoleWithWebIdentity" in words and "WebIdentityToken=jwt" not in words:
            return Reply(400, b"<R><Error><Code>InvalidIdentityToken</Code></Error></R>")
        parts = "".join(f"<{key}>{text}</{key}>" for key, text in keys.items())
        token = "SessionToken"
        given = f"<{token}>of-{'web' if 'WebIdentity' in words else 'role'}</{token}>"
        body = f"<R><X><Credentials>{given}{parts}</Credentials></X></R>"
        signed = "authorization" in request.headers
        return Reply(200, body.encode()) if signed != ("WebIdentity" in words) else Reply(403)
    if request.path == "/task" and request.headers.get("authorization") == "the-task":
        return Reply(200, keys | {"Token": "of-container"})
    if request.path == "/latest/api/token" and request.method == "PUT":
        return Reply(200, b"imds")
    if request.headers.get("x-aws-ec2-metadata-token") != "imds":
        return Reply(401)
    if request.path.endswith("/security-credentials/"):
        return Reply(200, b"machine\n")
    return Reply(200, keys | {"Token": "of-instance", "Code": "Success"})


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "jwt").write_text("jwt\n")
    (tmp_path / "task").write_text("the-task\n")
    (tmp_path / "credentials").write_text(
        "[default]\naws_access_key_id = AK1\naws_secret_access_key = x%y\n"
        "[own]\naws_access_key_id = AK2\naws_secret_access_key = z\n"
    )
    (tmp_path / "config").write_text(
        "[profile dns]\nrole_arn = arn:dns\nsource_profile = default\n"
        "[profile sso]\nsso_start_url = https://x\n"
        "[profile round]\nrole_arn = arn:r\nsource_profile = round\n"
        "[profile machine]\nrole_arn = arn:dns\ncredential_source = Ec2InstanceMetadata\n"
        "[profile own]\nrole_arn = arn:dns\nsource_profile = own\n"
        "[profile via]\nrole_arn = arn:dns\nsource_profile = own\n"
        "[profile shell]\nrole_arn = arn:dns\ncredential_source = Environment\n"
        "[profile task]\nrole_arn = arn:dns\ncredential_source = EcsContainer\n"
    )
    return {
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
    }


@pytest.mark.parametrize(
    ("fields", "environ", "keys"),
    [
        (FIELDS, {}, AwsKeys("AKIDEXAMPLE", FIELDS["secret_access_key"])),
        ({"profile": "default"}, {}, AwsKeys("AK1", "x%y")),
        ({"profile": "dns"}, {}, "of-role"),
        ({"profile": "machine"}, {}, "of-role"),
        ({"profile": "own"}, {}, "of-role"),
        ({"profile": "via"}, {}, "of-role"),
        ({"profile": "shell"}, {"AWS_ACCESS_KEY_ID": "AK3"}, "of-role"),
        ({"profile": "shell"}, {}, None),
        ({"profile": "task"}, {}, None),
        (
            {"profile": "task"},
            {
                "AWS_CONTAINER_CREDENTIALS_FULL_URI": "/task",
                "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "task",
            },
            "of-role",
        ),
        (FIELDS | {"role_arn": "arn:dns"}, {}, "of-role"),
        ({}, {"AWS_ROLE_ARN": "arn:pod", "AWS_WEB_IDENTITY_TOKEN_FILE": "jwt"}, "of-web"),
        (
            {},
            {
                "AWS_CONTAINER_CREDENTIALS_FULL_URI": "/task",
                "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "task",
            },
            "of-container",
        ),
        ({}, {}, "of-instance"),
        ({"profile": "sso"}, {}, None),
        ({"profile": "round"}, {}, None),
        ({}, {"AWS_ROLE_ARN": "arn:pod", "AWS_WEB_IDENTITY_TOKEN_FILE": "nothing"}, None),
        ({}, {"AWS_ROLE_ARN": "arn:pod", "AWS_WEB_IDENTITY_TOKEN_FILE": "task"}, None),
        ({}, {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:9/"}, None),
    ],
)
async def test_keys_come_from_where_the_fields_and_the_environment_lead(
    fields: dict[str, str],
    environ: dict[str, str],
    keys: AwsKeys | str | None,
    files: dict[str, str],
    tmp_path: Path,
) -> None:
    own = {field.name: field.default or "" for field in describe("route53").fields} | fields
    async with fake_http_server(platform) as server:
        paths = {
            name: server.url + text if name.endswith("URI") else str(tmp_path / text)
            for name, text in environ.items()
            if name.endswith(("URI", "FILE"))
        }
        context = ProviderContext(own, sleep=no_sleep, now=lambda: NOW)
        where = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": server.url}
        credentials = AwsCredentials(
            context, where | files | environ | paths, server.url, "us-east-1"
        )
        if keys is None:
            with pytest.raises(ProviderCredentialsError):
                await credentials.fetch()
        else:
            found, seconds = await credentials.fetch()
            if isinstance(keys, str):
                assert (found.access_key_id, found.session_token) == ("ASIA1", keys)
                assert seconds == timedelta(hours=1).total_seconds()
            else:
                assert found == keys
        await credentials.close()
