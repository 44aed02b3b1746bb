"""The provider for Oracle Cloud Infrastructure: changes that say what must and must not exist."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import UTC
from email.utils import format_datetime
from typing import Any, ClassVar
from urllib.parse import urlsplit

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from zoneproof.core.errors import ProviderCredentialsError, ProviderError
from zoneproof.providers.api_client import ApiAnswer
from zoneproof.providers.api_request import ApiRequest, Body
from zoneproof.providers.bearer_token import BearerToken
from zoneproof.providers.contract import Alias, Limits, ProviderContext, ProviderInfo, Zone
from zoneproof.providers.expiring_key import end_of_jwt
from zoneproof.providers.fields import (
    ZONE_ID,
    CredentialField,
    require_fields,
    token_field,
    url_field,
)
from zoneproof.providers.refusals import ErrorBody, Refusal, Refusals
from zoneproof.providers.rsa_key import RsaKey
from zoneproof.providers.set_provider import SetChange, SetsProvider, TxtSet
from zoneproof.providers.txt_text import quote_txt, unquote_txt

_KEY_FIELDS = ("tenancy", "user", "fingerprint", "private_key")
_MOST_PAGES = 1000
_METADATA = {"Authorization": "Bearer Oracle"}
_FULL = Refusal.over_quota("a limit of the tenancy is reached")


class _Zone(msgspec.Struct):
    id: str
    name: str


class _Record(msgspec.Struct):
    rtype: str
    rdata: str
    ttl: int


class _Records(msgspec.Struct):
    items: list[_Record]


class _Token(msgspec.Struct):
    token: str


class Oracle(SetsProvider):
    """Adds and removes single values in one change for a batch; nothing else is overwritten."""

    info = ProviderInfo(
        slug="oracle",
        title="Oracle Cloud DNS",
        homepage="https://docs.oracle.com/iaas/Content/DNS/home.htm",
        fields=(
            token_field("region", "region, such as eu-frankfurt-1", secret=False),
            token_field("compartment", "OCID of the compartment with the zones", secret=False),
            CredentialField(
                "identity",
                "who signs: a user with an API key, or this instance",
                default="key",
                choices=("key", "instance"),
            ),
            token_field("tenancy", "OCID of the tenancy", secret=False, default=""),
            token_field(
                "user", "OCID of the user", secret=False, default="", needed_with="tenancy"
            ),
            token_field(
                "fingerprint",
                "fingerprint of the API key",
                secret=False,
                default="",
                needed_with="tenancy",
            ),
            CredentialField(
                "private_key", "API key in PEM", secret=True, default="", needed_with="tenancy"
            ),
            url_field("api_url", "where the API is; the region's if empty"),
            url_field("login_url", "where an instance gets its token; the region's if empty"),
            url_field("metadata_url", "where the instance's metadata is", "http://169.254.169.254"),
            ZONE_ID,
        ),
        ambient=lambda fields: fields["identity"] == "instance",
        key_url="https://cloud.oracle.com/identity/domains/my-profile/api-keys",
        limits=Limits(value_pattern=r"[ !#-\[\]-~]+"),
        notes="An API key with a passphrase cannot be used. For a government or sovereign realm"
        " set `api_url` to `https://dns.REGION.oci.DOMAIN/20180115`. Values with a quote or a"
        " backslash are not written: dnscontrol found in August 2024 that they are changed. What"
        " a user may not do is answered as if there were no such zone.",
        least_privilege="A group or dynamic group with the policy `Allow group NAME to use"
        " dns-records in compartment COMPARTMENT where target.dns-zone.name = 'ZONE'` and `to"
        " inspect dns-zones`; with `zone_id` set, the second is not needed.",
        name_servers=("ns*.p*.dns.oraclecloud.net",),
        aliases=(
            Alias(
                "acme.sh",
                "dns_oci",
                {
                    "OCI_CLI_TENANCY": "tenancy",
                    "OCI_CLI_USER": "user",
                    "OCI_CLI_REGION": "region",
                },
            ),
            Alias(
                "lego",
                "oraclecloud",
                {
                    "OCI_COMPARTMENT_OCID": "compartment",
                    "OCI_REGION": "region",
                    "OCI_TENANCY_OCID": "tenancy",
                    "OCI_USER_OCID": "user",
                    "OCI_FINGERPRINT": "fingerprint",
                    "TF_VAR_region": "region",
                    "TF_VAR_tenancy_ocid": "tenancy",
                    "TF_VAR_user_ocid": "user",
                    "TF_VAR_fingerprint": "fingerprint",
                },
                files={
                    "OCI_PRIVATE_KEY_PATH": "private_key",
                    "TF_VAR_private_key_path": "private_key",
                },
                choices={"OCI_AUTH_TYPE": {"instance_principal": "identity=instance"}},
                left_out=("OCI_PRIVATE_KEY_PASSWORD",),
            ),
        ),
    )
    batches = True
    checks = False
    max_body = 16 * 1024 * 1024  # a change is answered with all records of the zone
    marked = True
    errors = ErrorBody(codes=("code",), messages=("message",))
    refusals: ClassVar[Refusals] = {
        401: Refusal.wrong_key(
            "it does not accept the key",
            "check tenancy, user, fingerprint and private_key, and this machine's clock",
        ),
        404: Refusal.no_zone("it does not know the zone or compartment, or not for this user"),
        409: Refusal.conflict("the zone is busy with another change"),
        "LimitExceeded": _FULL,
        "QuotaExceeded": _FULL,
    }

    def __init__(self, context: ProviderContext) -> None:
        fields, region = context.fields, context.fields["region"]
        self._session: RsaKey | None = None
        options: dict[str, Any] = {
            "base_url": fields["api_url"] or f"https://dns.{region}.oci.oraclecloud.com/20180115"
        }
        if fields["identity"] == "instance":
            options["token"] = BearerToken(self._sign_in, context.clock, apply=self._sign_as)
        else:
            require_fields("oracle", fields, _KEY_FIELDS, "identity=instance")
            key = RsaKey(fields["private_key"], "private_key")
            key_id = f"{fields['tenancy']}/{fields['user']}/{fields['fingerprint']}"
            options["sign"] = lambda request: sign_oci(request, key_id, key, self._date())
        login = f"https://auth.{region}.oraclecloud.com"
        self._login = fields["login_url"].rstrip("/") or login
        super().__init__(context, **options)

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the public primary zones of the compartment."""
        query: dict[str, object] = {
            "compartmentId": self.fields["compartment"],
            "zoneType": "PRIMARY",
            "scope": "GLOBAL",
        }
        return [
            (zone.name, zone.id)
            for answer in await self._pages("zones", query)
            for zone in self.api.read(answer, list[_Zone])
        ]

    async def read_set(self, zone: Zone, name: str) -> TxtSet:
        """Return the TXT set at the name; its version is how it is written there."""
        path = f"zones/{zone.id}/records/{zone.record(name)}"
        records = [
            one
            for answer in await self._pages(path, {"rtype": "TXT"})
            for one in self.api.read(answer, _Records).items
        ]
        texts = [one.rdata for one in records]
        values, ttl = tuple(map(unquote_txt, texts)), records[0].ttl if records else 0
        return TxtSet(values, ttl, msgspec.json.encode(texts).decode())

    async def write_sets(self, zone: Zone, changes: Sequence[SetChange]) -> None:
        """Add and remove what differs, all of it or nothing."""
        items = []
        for change in changes:
            base: dict[str, object] = {"domain": str(zone.record(change.name)), "rtype": "TXT"}
            texts = msgspec.json.decode(change.old.version, type=list[str])
            for value, text in zip(change.old.values, texts, strict=True):
                if value not in change.new.values:
                    items.append({**base, "rdata": text, "operation": "REMOVE"})
            for value in change.new.values:
                if value not in change.old.values:
                    text, ttl = quote_txt(value), change.new.ttl
                    items.append({**base, "rdata": text, "ttl": ttl, "operation": "ADD"})
        await self.api.send(
            "PATCH", f"zones/{zone.id}/records", json={"items": items}, repeatable=True
        )

    async def _pages(self, path: str, query: dict[str, object]) -> list[ApiAnswer]:
        answers: list[ApiAnswer] = []
        for _ in range(_MOST_PAGES):
            answers.append(await self.api.send("GET", path, query=query))
            following = answers[-1].headers.get("opc-next-page")
            if not following:
                return answers
            query = {**query, "page": following}
        raise ProviderError(f"it has more than {_MOST_PAGES} pages of {path}")

    async def _sign_in(self) -> tuple[str, float]:
        """Get a token for the instance, by the certificate that its metadata has."""
        cert, key, intermediate = [
            await self._metadata(name) for name in ("cert.pem", "key.pem", "intermediate.pem")
        ]
        session = rsa.generate_private_key(65537, 2048)
        public = session.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        body = Body.json(
            {
                "certificate": _bare(cert),
                "publicKey": _bare(public.decode()),
                "intermediateCertificates": [_bare(intermediate)],
            }
        )
        url, machine_key = f"{self._login}/v1/x509", RsaKey(key, "the instance's key")
        unsigned = ApiRequest("POST", url, {"Content-Type": body.content_type}, body.content)
        signed = sign_oci(unsigned, _key_id(cert), machine_key, self._date())
        answer = await self.api.send(
            "POST", url, body=body, headers=signed.headers, plain=True, repeatable=True
        )
        token = self.api.read(answer, _Token).token
        form = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self._session = RsaKey(session.private_bytes(*form).decode(), "the session's key")
        end = end_of_jwt(token)
        if end is None:
            raise ProviderCredentialsError("the instance's token cannot be read")
        return token, (end - self.now()).total_seconds()

    async def _metadata(self, name: str) -> str:
        url = f"{self.fields['metadata_url'].rstrip('/')}/opc/v2/identity/{name}"
        none = Refusal.wrong_key("this instance has no identity")
        answer = await self.api.send(
            "GET", url, headers=_METADATA, plain=True, refusals={404: none}
        )
        return answer.body.decode("ascii", "replace")

    def _date(self) -> str:
        return format_datetime(self.now().astimezone(UTC), usegmt=True)

    def _sign_as(self, request: ApiRequest, token: str) -> ApiRequest:
        assert self._session is not None
        return sign_oci(request, f"ST${token}", self._session, self._date())


def sign_oci(request: ApiRequest, key_id: str, key: RsaKey, date: str) -> ApiRequest:
    """Return a request with a signature in version 1 of Oracle Cloud's request signing.

    ``date`` is the time of day as HTTP writes it (RFC 9110 section 5.6.7).
    """
    parts = urlsplit(request.url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    headers = {"Date": date}
    signed = {
        "date": date,
        "(request-target)": f"{request.method.lower()} {target}",
        "host": parts.netloc,
    }
    if request.method in ("POST", "PUT", "PATCH"):
        digest = base64.b64encode(hashlib.sha256(request.content).digest()).decode()
        headers["x-content-sha256"] = digest
        signed |= {
            "content-length": str(len(request.content)),
            "content-type": request.headers["Content-Type"],
            "x-content-sha256": digest,
        }
    text = "\n".join(f"{name}: {value}" for name, value in signed.items())
    signature = base64.b64encode(key.sign(text.encode())).decode()
    headers["Authorization"] = (
        f'Signature version="1",headers="{" ".join(signed)}",keyId="{key_id}",'
        f'algorithm="rsa-sha256",signature="{signature}"'
    )
    return request.with_headers(headers)


def _bare(pem: str) -> str:
    return "".join(line for line in pem.splitlines() if not line.startswith("-----"))


def _key_id(cert: str) -> str:
    """Return what a certificate's key is called: its tenancy and its fingerprint."""
    try:
        read = x509.load_pem_x509_certificate(cert.encode())
    except ValueError as error:
        raise ProviderCredentialsError("the instance's certificate cannot be read") from error
    words = [str(one.value).partition(":") for one in read.subject]
    names = [what for kind, _, what in words if kind in ("opc-tenant", "opc-identity")]
    if not names:
        raise ProviderCredentialsError("the instance's certificate does not name a tenancy")
    fingerprint = read.fingerprint(SHA1()).hex(":").upper()  # noqa: S303  Oracle's choice
    return f"{names[0]}/fed-x509/{fingerprint}"
