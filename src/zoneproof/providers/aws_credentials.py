"""Where AWS credentials come from: keys, a profile, a role, or what the platform hands out.

The order, and what the platforms answer, are those of "AWS SDKs and tools: standardized credential
providers" (2026), as botocore has them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from configparser import ConfigParser, Error
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar
from xml.etree import ElementTree as ET

import msgspec
from msgspec.structs import replace

from zoneproof.core.errors import ProviderCredentialsError, ProviderError
from zoneproof.core.text import sanitize
from zoneproof.providers.api_client import ApiClient
from zoneproof.providers.api_request import ApiRequest, Body
from zoneproof.providers.contract import ProviderContext
from zoneproof.providers.refusals import ErrorBody, Refusal, Refusals
from zoneproof.providers.signatures import sign_aws4

_SESSION = "zoneproof"
_FOREVER = 10.0 * 365 * 86400  # seconds
_SOON = 2.0  # seconds in which what is in the machine itself answers
_CONTAINER = "http://169.254.170.2"
_INSTANCE = "http://169.254.169.254"
_ROLES = "latest/meta-data/iam/security-credentials/"
_SOURCES = {"source_profile", "credential_source"}  # of the key with which a role is assumed
_MOST_PROFILES = 5  # one leading to the next


@dataclass(frozen=True)
class AwsKeys:
    """An access key; without ``until``, the time of day at which it ends, it does not end."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)
    until: datetime | None = None


class _Handed(msgspec.Struct, rename="pascal"):
    access_key_id: str
    secret_access_key: str
    token: str
    expiration: datetime


class AwsCredentials:
    """Fetches the keys that a credential's fields, or the environment of the process, lead to.

    ``environ`` has what AWS's own programs read: ``AWS_PROFILE`` is not among it, because the
    field ``profile`` is it.
    """

    refusals: ClassVar[Refusals] = {
        400: Refusal.wrong_key("it hands out no keys"),
        401: Refusal.wrong_key("it hands out no keys"),
        403: Refusal.wrong_key("it hands out no keys for this role"),
        404: Refusal.wrong_key("it has no role for this machine"),
    }

    def __init__(
        self, context: ProviderContext, environ: Mapping[str, str], sts_url: str, region: str
    ) -> None:
        self._context, self._environ = context, environ
        self._sts_url, self._region = sts_url, region
        errors = ErrorBody(codes=("Error/Code",), messages=("Error/Message", "message"))
        options = {"own_url": False, "refusals": self.refusals, "errors": errors}
        self._sts = ApiClient(context, **options)  # type: ignore[arg-type]
        near = replace(context, timeout=min(context.timeout, _SOON))
        self._near = ApiClient(near, **options)  # type: ignore[arg-type]

    async def close(self) -> None:
        """Close the connections."""
        await self._sts.close()
        await self._near.close()

    async def fetch(self) -> tuple[AwsKeys, float]:
        """Return keys, and for how many seconds they are good. Raises ProviderError."""
        fields = self._context.fields
        if fields["access_key_id"]:
            keys = AwsKeys(
                fields["access_key_id"], fields["secret_access_key"], fields["session_token"]
            )
        elif fields["profile"]:
            keys = await self._of_profile(fields["profile"])
        else:
            keys = await self._of_platform()
        if fields["role_arn"]:
            keys = await self._assumed(keys, fields["role_arn"], fields["external_id"])
        if keys.until is None:
            return keys, _FOREVER
        return keys, max(0.0, (keys.until - self._context.now()).total_seconds())

    async def _of_platform(self) -> AwsKeys:
        environ = self._environ
        if environ.get("AWS_WEB_IDENTITY_TOKEN_FILE") and environ.get("AWS_ROLE_ARN"):
            return await self._of_web_identity(
                environ["AWS_ROLE_ARN"], environ["AWS_WEB_IDENTITY_TOKEN_FILE"]
            )
        if url := _container_url(environ):
            return await self._of_container(url)
        return await self._of_instance()

    async def _of_source(self, source: str) -> AwsKeys:
        """Return the keys of what ``credential_source`` names in a profile."""
        environ = self._environ
        match source:
            case "Environment" if "AWS_ACCESS_KEY_ID" in environ:
                return AwsKeys(
                    environ["AWS_ACCESS_KEY_ID"],
                    environ.get("AWS_SECRET_ACCESS_KEY", ""),
                    environ.get("AWS_SESSION_TOKEN", ""),
                )
            case "EcsContainer" if url := _container_url(environ):
                return await self._of_container(url)
            case "Ec2InstanceMetadata":
                return await self._of_instance()
        raise ProviderCredentialsError(
            f"credential_source = {sanitize(source)} of the profile has no key on this machine"
        )

    async def _of_profile(self, name: str) -> AwsKeys:
        home = Path.home() / ".aws"
        settings = _read(self._environ.get("AWS_CONFIG_FILE", home / "config"), "profile ")
        for section, own in _read(
            self._environ.get("AWS_SHARED_CREDENTIALS_FILE", home / "credentials")
        ).items():
            settings.setdefault(section, {}).update(own)
        roles: list[Mapping[str, str]] = []
        for _ in range(_MOST_PROFILES):
            profile = settings.get(name, {})
            # The first one may lead to itself: its key is then for assuming its role.
            is_first_role = not roles and "role_arn" in profile and bool(_SOURCES & profile.keys())
            if "aws_access_key_id" in profile and not is_first_role:
                keys = AwsKeys(
                    profile["aws_access_key_id"],
                    profile.get("aws_secret_access_key", ""),
                    profile.get("aws_session_token", ""),
                )
                break
            if "role_arn" in profile and "web_identity_token_file" in profile:
                keys = await self._of_web_identity(
                    profile["role_arn"], profile["web_identity_token_file"]
                )
                break
            if "role_arn" not in profile:
                raise ProviderCredentialsError(
                    f"the profile '{sanitize(name)}' has neither a key nor a role with"
                    " source_profile or credential_source: no others are read (such as SSO)"
                )
            roles.append(profile)
            if "credential_source" in profile:
                keys = await self._of_source(profile["credential_source"])
                break
            name = profile.get("source_profile", "")
        else:
            raise ProviderCredentialsError(
                f"the profile '{sanitize(name)}' leads to too many others"
            )
        for role in reversed(roles):
            keys = await self._assumed(keys, role["role_arn"], role.get("external_id", ""))
        return keys

    async def _of_web_identity(self, role: str, path: str) -> AwsKeys:
        token = (await _text_of(path)).strip()
        self._sts.hide(token)
        return await self._ask_sts(
            {"Action": "AssumeRoleWithWebIdentity", "RoleArn": role, "WebIdentityToken": token}
        )

    async def _of_container(self, url: str) -> AwsKeys:
        token = self._environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")
        if path := self._environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"):
            token = (await _text_of(path)).strip()
        self._near.hide(token)
        headers = {"Authorization": token} if token else {}
        return _handed(await self._near.get(url, _Handed, headers=headers))

    async def _of_instance(self) -> AwsKeys:
        base = self._environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT", _INSTANCE).rstrip("/")
        lifetime = {"X-aws-ec2-metadata-token-ttl-seconds": "300"}
        try:
            token = await self._near.send(
                "PUT", f"{base}/latest/api/token", headers=lifetime, repeatable=True
            )
            key = {"X-aws-ec2-metadata-token": token.body.decode()}
            roles = await self._near.send("GET", f"{base}/{_ROLES}", headers=key)
            role = roles.body.decode().split()[0]
            return _handed(await self._near.get(f"{base}/{_ROLES}{role}", _Handed, headers=key))
        except (ProviderError, IndexError, UnicodeDecodeError) as error:
            why = f" ({error.message})" if isinstance(error, ProviderError) else ""
            raise ProviderCredentialsError(
                "there is no access key, and this machine has no role of AWS: set access_key_id"
                f" and secret_access_key, or profile{why}"
            ) from error

    async def _assumed(self, keys: AwsKeys, role: str, external_id: str) -> AwsKeys:
        form = {"Action": "AssumeRole", "RoleArn": role}
        return await self._ask_sts(
            form | ({"ExternalId": external_id} if external_id else {}), keys
        )

    async def _ask_sts(self, form: Mapping[str, str], keys: AwsKeys | None = None) -> AwsKeys:
        body = Body.form({**form, "Version": "2011-06-15", "RoleSessionName": _SESSION})
        request = ApiRequest("POST", self._sts_url, {}, body.content)
        if keys:
            self._sts.hide(keys.secret_access_key)
            request = sign(request, keys, self._region, "sts", self._context.now())
        answer = await self._sts.send(
            "POST",
            self._sts_url,
            body=body,
            headers=request.headers,
            where=f"role {sanitize(form['RoleArn'])}",
            repeatable=True,
        )
        found = self._sts.read(answer, ET.Element).find(".//Credentials")
        parts = {one.tag: one.text or "" for one in found} if found is not None else {}
        try:
            return AwsKeys(
                parts["AccessKeyId"],
                parts["SecretAccessKey"],
                parts["SessionToken"],
                datetime.fromisoformat(parts["Expiration"]).astimezone(UTC),
            )
        except (KeyError, ValueError) as error:
            raise ProviderError("the answer of STS has no credentials") from error


def sign(
    request: ApiRequest, keys: AwsKeys, region: str, service: str, now: datetime
) -> ApiRequest:
    """Return the request with the signature of these keys."""
    return sign_aws4(
        request,
        access_key_id=keys.access_key_id,
        secret_access_key=keys.secret_access_key,
        session_token=keys.session_token,
        region=region,
        service=service,
        now=now,
    )


def _container_url(environ: Mapping[str, str]) -> str:
    """Return where a container gets its keys, empty if it is told nothing of that."""
    if relative := environ.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"):
        return _CONTAINER + relative
    return environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI", "")


def _handed(found: _Handed) -> AwsKeys:
    return AwsKeys(found.access_key_id, found.secret_access_key, found.token, found.expiration)


def _read(path: str | Path, prefix: str = "") -> dict[str, dict[str, str]]:
    parser = ConfigParser(interpolation=None, default_section="\0")
    try:
        parser.read(Path(path).expanduser(), encoding="utf-8")
    except (Error, OSError, UnicodeDecodeError) as error:
        raise ProviderCredentialsError(
            f"the file {sanitize(str(path))} cannot be read as AWS's settings"
        ) from error
    return {name.removeprefix(prefix): dict(parser[name]) for name in parser.sections()}


async def _text_of(path: str) -> str:
    try:
        return await asyncio.to_thread(Path(path).read_text, "utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ProviderCredentialsError(
            f"the file {sanitize(path)}, which has the token of this machine, cannot be read"
        ) from error
