"""The task that imports a certificate into AWS Certificate Manager, in place of the older one."""

from __future__ import annotations

import re
from typing import Any, ClassVar

import msgspec

from zoneproof.acme import parse_chain
from zoneproof.core.errors import AcmeError, DeploymentError, InvalidInputError
from zoneproof.core.fields import CredentialField
from zoneproof.core.text import sanitize
from zoneproof.core.webhooks import check_url
from zoneproof.deployment.api import api_client, with_key
from zoneproof.deployment.contract import Occasion, TaskContext, TaskInfo
from zoneproof.providers.api_client import ApiClient
from zoneproof.providers.api_request import ApiRequest, Body
from zoneproof.providers.aws_credentials import AwsKeys, sign
from zoneproof.providers.fields import token_field

_ARN = re.compile(r"arn:(aws[a-z-]*):acm:([a-z0-9-]+):\d{12}:certificate/[A-Za-z0-9-]+")
_JSON = "application/x-amz-json-1.1"


class _Present(msgspec.Struct, rename="pascal"):
    certificate: str


def _check_arn(text: str) -> re.Match[str]:
    found = _ARN.fullmatch(text)
    if found is None:
        raise InvalidInputError(
            f"arn: '{sanitize(text)}' is not that of a certificate: it is like"
            " arn:aws:acm:eu-west-1:123456789012:certificate/12345678-..."
        )
    return found


class AwsAcm:
    """Imports under the same ARN, unless that has the certificate already."""

    info: ClassVar[TaskInfo] = TaskInfo(
        slug="aws-acm",
        title="AWS Certificate Manager",
        homepage="https://docs.aws.amazon.com/acm/latest/APIReference/API_ImportCertificate.html",
        target="arn",
        fields=(
            CredentialField("arn", "ARN of the certificate to replace", check=_check_arn),
            token_field("access_key_id", "access key id", secret=False),
            token_field("secret_access_key", "its secret access key"),
            token_field("session_token", "session token of a temporary key", default=""),
            CredentialField(
                "api_url",
                "address of the API, empty for that of the ARN's region",
                default="",
                url=True,
                rare=True,
                check=check_url,
            ),
        ),
        notes="What uses the certificate (a load balancer, CloudFront, API Gateway) takes the new"
        " one up by itself, because its ARN stays. Import the first one yourself (`aws acm"
        " import-certificate`), and give its ARN. The key needs `acm:GetCertificate` and"
        " `acm:ImportCertificate` for that ARN. CloudFront uses certificates of the region"
        " us-east-1 only.",
    )

    def __init__(self, context: TaskContext) -> None:
        self._context, self._fields = context, context.fields
        partition, self._region = _check_arn(self._fields["arn"]).groups()
        suffix = ".cn" if partition == "aws-cn" else ""
        usual = f"https://acm.{self._region}.amazonaws.com{suffix}"
        self._url = self._fields["api_url"] or usual
        self._keys = AwsKeys(
            self._fields["access_key_id"],
            self._fields["secret_access_key"],
            self._fields["session_token"],
        )

    async def run(self, occasion: Occasion) -> str:
        """Import it."""
        material, key = with_key(occasion)
        arn, chain = self._fields["arn"], material.chain
        async with self._client() as client:
            if await self._present(client) == chain.leaf.serial_number:
                return f"{arn} has it already"
            parts = {
                "CertificateArn": arn,
                "Certificate": chain.leaf_pem,
                "PrivateKey": key,
                "CertificateChain": chain.issuers_pem,
            }
            # Blobs are base64 in JSON, as msgspec writes bytes.
            await self._send(client, "ImportCertificate", {k: v for k, v in parts.items() if v})
        return f"imported as {arn}"

    async def problems(self) -> list[str]:
        """Look at the certificate that is there."""
        async with self._client() as client:
            await self._present(client)
        return []

    async def _present(self, client: ApiClient) -> int:
        """Return the serial number of the certificate that is there."""
        body = {"CertificateArn": self._fields["arn"]}
        pem = client.read(await self._send(client, "GetCertificate", body), _Present).certificate
        try:
            return parse_chain(pem.encode(), "ACM").leaf.serial_number
        except AcmeError as error:
            raise DeploymentError(f"AWS: {error.message}") from error

    def _client(self) -> Any:
        secrets = [self._keys.secret_access_key, self._keys.session_token]
        return api_client(
            self._context,
            f"AWS Certificate Manager in {self._region}",
            self._url,
            secrets=filter(None, secrets),
        )

    async def _send(self, client: ApiClient, operation: str, parts: dict[str, Any]) -> Any:
        body = Body(msgspec.json.encode(parts), _JSON)
        headers = {"X-Amz-Target": f"CertificateManager.{operation}", "Content-Type": _JSON}
        request = ApiRequest("POST", f"{self._url.rstrip('/')}/", headers, body.content)
        signed = sign(request, self._keys, self._region, "acm", self._context.now())
        return await client.send(
            "POST",
            request.url,
            body=body,
            headers=signed.headers,
            repeatable=True,
            where=operation,
        )
