"""The task that imports a certificate into AWS Certificate Manager, in place of the older one."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import msgspec

from zoneproof.acme import parse_chain
from zoneproof.core.errors import AcmeError, DeploymentError, InvalidInputError
from zoneproof.core.fields import CredentialField
from zoneproof.core.text import sanitize
from zoneproof.core.webhooks import check_url
from zoneproof.deployment.api import api_client, with_key
from zoneproof.deployment.contract import Occasion, TaskContext, TaskInfo
from zoneproof.providers import ProviderContext
from zoneproof.providers.api_client import ApiClient
from zoneproof.providers.api_request import ApiRequest, Body
from zoneproof.providers.aws_credentials import AwsCredentials, AwsKeys, sign
from zoneproof.providers.fields import token_field, url_field
from zoneproof.providers.refusals import NOT_ALLOWED, SLOWER, WRONG_KEY, ErrorBody, Refusals

_ARN = re.compile(r"arn:(aws[a-z-]*):acm:([a-z0-9-]+):\d{12}:certificate/[A-Za-z0-9-]+")
_JSON = "application/x-amz-json-1.1"
# Of "Common errors" in the API reference, which are told with the status 400 or 403.
_REFUSALS: Refusals = {
    **dict.fromkeys(
        (
            "UnrecognizedClientException",
            "InvalidClientTokenId",
            "InvalidSignatureException",
            "ExpiredTokenException",
            "MissingAuthenticationTokenException",
        ),
        WRONG_KEY,
    ),
    "AccessDeniedException": NOT_ALLOWED,
    **dict.fromkeys(("ThrottlingException", "rate exceeded"), SLOWER),
}
_ERRORS = ErrorBody(codes=("__type",), messages=("message", "Message"), phrases=("rate exceeded",))


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
            token_field("access_key_id", "access key id", secret=False, default=""),
            token_field(
                "secret_access_key",
                "its secret access key",
                default="",
                needed_with="access_key_id",
            ),
            token_field("session_token", "session token of a temporary key", default=""),
            CredentialField(
                "profile", "profile in ~/.aws/credentials and ~/.aws/config", default="", rare=True
            ),
            CredentialField("role_arn", "role to assume (its ARN)", default="", rare=True),
            CredentialField("external_id", "external id of that role", default="", rare=True),
            url_field("sts_url", "where roles are assumed, empty for the ARN's region"),
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
        " import-certificate`), and give its ARN. ACM lets neither type nor size of the key"
        " change, and its tags stay. Without a key and without a profile, the machine's"
        " own role is used: of a pod (web identity), a container, or an instance. It needs"
        " `acm:GetCertificate` and `acm:ImportCertificate` for that ARN. CloudFront uses"
        " certificates of the region us-east-1 only, and no EC keys but P-256.",
    )

    def __init__(self, context: TaskContext) -> None:
        self._context, self._fields = context, context.fields
        partition, self._region = _check_arn(self._fields["arn"]).groups()
        suffix = ".cn" if partition == "aws-cn" else ""
        usual = f"https://acm.{self._region}.amazonaws.com{suffix}"
        self._url = self._fields["api_url"] or usual
        if self._fields["access_key_id"] and not self._fields["secret_access_key"]:
            raise InvalidInputError(
                "deployment task aws-acm with an access_key_id needs the field 'secret_access_key'"
            )
        usual = f"https://sts.{self._region}.amazonaws.com{suffix}/"
        self._sts_url = self._fields["sts_url"] or usual

    async def run(self, occasion: Occasion) -> str:
        """Import it."""
        material, key = with_key(occasion)
        arn, chain = self._fields["arn"], material.chain
        async with self._client() as client:
            if await client.present(arn) == chain.leaf.serial_number:
                return f"{arn} has it already"
            parts = {
                "CertificateArn": arn,
                "Certificate": chain.leaf_pem,
                "PrivateKey": key,
                "CertificateChain": chain.issuers_pem,
            }
            # Blobs are base64 in JSON, as msgspec writes bytes.
            await client.send("ImportCertificate", {k: v for k, v in parts.items() if v})
        return f"imported as {arn}"

    async def problems(self) -> list[str]:
        """Look at the certificate that is there."""
        async with self._client() as client:
            await client.present(self._fields["arn"])
        return []

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[_Acm]:
        context = self._context
        where = f"AWS Certificate Manager in {self._region}"
        given = filter(None, (self._fields["secret_access_key"], self._fields["session_token"]))
        opened = ProviderContext(self._fields, sleep=context.sleep, now=context.now)
        credentials = AwsCredentials(opened, os.environ, self._sts_url, self._region)
        try:
            async with api_client(
                context, where, self._url, secrets=given, refusals=_REFUSALS, errors=_ERRORS
            ) as api:
                keys, _ = await credentials.fetch()
                for secret in filter(None, (keys.secret_access_key, keys.session_token)):
                    api.hide(secret)
                yield _Acm(api, f"{self._url.rstrip('/')}/", keys, self._region, context)
        finally:
            await credentials.close()


class _Acm(msgspec.Struct):
    """The API, with keys that are good for as long as a task takes."""

    api: ApiClient
    url: str
    keys: AwsKeys
    region: str
    context: TaskContext

    async def present(self, arn: str) -> int:
        """Return the serial number of the certificate that is there."""
        answer = await self.send("GetCertificate", {"CertificateArn": arn})
        pem = self.api.read(answer, _Present).certificate
        try:
            return parse_chain(pem.encode(), "ACM").leaf.serial_number
        except AcmeError as error:
            raise DeploymentError(f"AWS: {error.message}") from error

    async def send(self, operation: str, parts: dict[str, Any]) -> Any:
        """Send a signed request."""
        body = Body(msgspec.json.encode(parts), _JSON)
        headers = {"X-Amz-Target": f"CertificateManager.{operation}", "Content-Type": _JSON}
        request = ApiRequest("POST", self.url, headers, body.content)
        signed = sign(request, self.keys, self.region, "acm", self.context.now())
        return await self.api.send(
            "POST",
            request.url,
            body=body,
            headers=signed.headers,
            repeatable=True,
            where=operation,
        )
