"""AWS Certificate Manager, as moto has it, and signatures as botocore makes them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
import pytest
from botocore.auth import SigV4Auth  # type: ignore[import-untyped]
from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]
from botocore.credentials import Credentials  # type: ignore[import-untyped]
from msgspec.structs import replace

from tests.deployment.occasions import occasion, problem_of, task
from tests.support.fake_http import Reply, Request, fake_http_server
from tests.support.peers.moto import moto_server
from zoneproof.core.errors import DeploymentError, InvalidInputError
from zoneproof.deployment import Material, TaskContext, open_task

ARN = "arn:aws:acm:eu-west-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
KEYS: dict[str, Any] = {"access_key_id": "AKIDEXAMPLE", "secret_access_key": "topsecretaccesskey"}


@pytest.fixture
def moto_url() -> Iterator[str]:
    with moto_server() as url:
        yield url


async def test_the_certificate_is_replaced_under_its_arn(moto_url: str, tmp_path: Path) -> None:
    acm = boto3.client(
        "acm",
        endpoint_url=moto_url,
        region_name="eu-west-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
    )
    first, second = occasion(tmp_path), occasion(tmp_path)
    assert first.material
    assert second.material
    arn = acm.import_certificate(
        Certificate=first.material.chain.leaf_pem, PrivateKey=first.material.private_key
    )["CertificateArn"]
    deploy = task("aws-acm", arn=arn, api_url=moto_url, **KEYS)
    assert await deploy.problems() == []
    assert await deploy.run(first) == f"{arn} has it already"
    assert await deploy.run(second) == f"imported as {arn}"
    found = acm.get_certificate(CertificateArn=arn)
    assert found["Certificate"].encode() == second.material.chain.leaf_pem
    assert second.material.chain.issuers_pem.decode().strip() in found["CertificateChain"]
    assert len(acm.list_certificates()["CertificateSummaryList"]) == 1
    missing = task("aws-acm", arn=ARN, api_url=moto_url, **KEYS)
    problem = await problem_of(missing)
    assert problem.startswith("AWS Certificate Manager in eu-west-1: GetCertificate: ")


async def test_requests_are_signed_with_their_target_as_botocore_signs_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Request] = []

    def refuse(request: Request) -> Reply:
        seen.append(request)
        return Reply(400, {"__type": "AccessDeniedException", "message": "no topsecretaccesskey"})

    async with fake_http_server(refuse) as server:
        deploy = task("aws-acm", arn=ARN, api_url=server.url, **KEYS)
        with pytest.raises(DeploymentError, match="GetCertificate: ") as raised:
            await deploy.run(occasion(tmp_path))
    assert "topsecretaccesskey" not in raised.value.message
    (sent,) = seen
    expected = AWSRequest("POST", f"{server.url}/", data=sent.body)
    expected.headers["X-Amz-Target"] = sent.headers["x-amz-target"]
    at = datetime.strptime(sent.headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: at, raising=False)
    signer = SigV4Auth(Credentials("AKIDEXAMPLE", "topsecretaccesskey"), "acm", "eu-west-1")
    signer.add_auth(expected)
    expected.headers["X-Amz-Date"] = sent.headers["x-amz-date"]
    assert sent.headers["authorization"] == expected.headers["Authorization"]


async def test_what_acm_refuses_with_400_is_told_as_what_it_is(tmp_path: Path) -> None:
    """As its "Common errors" have it: code in ``__type``, and ``Message`` where IAM answers."""
    wrong = "The security token included in the request is invalid."
    denied = "User: u is not authorized to perform: acm:GetCertificate"
    refusals = {
        "UnrecognizedClientException": ({"message": wrong}, f"not accept the credentials.*{wrong}"),
        "AccessDeniedException": ({"Message": denied}, f"do not allow this.*{denied}"),
    }
    for kind, (said, words) in refusals.items():
        refusal = Reply(400, {"__type": kind, **said})
        async with fake_http_server(lambda _, reply=refusal: reply) as server:  # type: ignore[misc]
            deploy = task("aws-acm", arn=ARN, api_url=server.url, **KEYS)
            with pytest.raises(DeploymentError, match=words):
                await deploy.run(occasion(tmp_path))


async def test_a_request_that_is_throttled_is_repeated(tmp_path: Path) -> None:
    made = occasion(tmp_path)
    assert made.material
    throttled = Reply(400, {"__type": "ThrottlingException", "message": "Rate exceeded"})
    present = Reply(200, {"Certificate": made.material.chain.leaf_pem.decode()})
    replies = [throttled, throttled, present]
    async with fake_http_server(lambda _: replies.pop(0)) as server:
        fields = {"arn": ARN, "api_url": server.url, **KEYS}

        async def no_sleep(_: float) -> None:
            pass

        deploy = open_task("aws-acm", TaskContext(fields, sleep=no_sleep))
        assert await deploy.run(made) == f"{ARN} has it already"
    assert replies == []


async def test_without_a_key_the_role_of_the_machine_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = occasion(tmp_path)
    assert made.material
    pem = made.material.chain.leaf_pem.decode()
    handed = {
        "AccessKeyId": "ASIA1",
        "SecretAccessKey": "s3cr3t",
        "Token": "of-container",
        "Expiration": "2099-01-01T00:00:00Z",
    }
    seen: list[Request] = []

    def answer(request: Request) -> Reply:
        seen.append(request)
        return Reply(200, handed if request.path == "/role" else {"Certificate": pem})

    for name in ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"):
        monkeypatch.delenv(name, raising=False)
    async with fake_http_server(answer) as server:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{server.url}/role")
        deploy = task("aws-acm", arn=ARN, api_url=server.url)
        assert await deploy.run(made) == f"{ARN} has it already"
    assert seen[1].headers["x-amz-security-token"] == "of-container"
    assert "Credential=ASIA1/" in seen[1].headers["authorization"]


async def test_without_a_key_nothing_is_imported(tmp_path: Path) -> None:
    made = occasion(tmp_path)
    assert made.material
    keyless = replace(made, material=Material(made.material.chain, None))
    with pytest.raises(DeploymentError, match="the key stays with its owner"):
        await task("aws-acm", arn=ARN, **KEYS).run(keyless)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"arn": "arn:aws:iam::1:role/x", **KEYS}, "is not that of a certificate"),
        ({"arn": ARN, "access_key_id": "A"}, "needs the field 'secret_access_key'"),
    ],
)
def test_what_cannot_work_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        task("aws-acm", **fields)
