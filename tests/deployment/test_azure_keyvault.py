"""Azure Key Vault, as a fake that follows its REST reference.

learn.microsoft.com/rest/api/keyvault/certificates (7.4): Import Certificate, Get Certificate, their
error bodies. That AES in PKCS #12 is refused is as issue 39861 of
MicrosoftDocs/azure-docs has it.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12
from msgspec.structs import replace

from tests.deployment.occasions import occasion, problem_of, task
from tests.support.fake_api import Call, FakeApi, Key, RefusedError, route
from tests.support.fake_http import FakeHttpServer, Reply, fake_http_server
from zoneproof.core.errors import DeploymentError, InvalidInputError
from zoneproof.deployment import Material, Task

FIELDS = {"tenant_id": "tenant-1", "client_id": "client-1", "client_secret": "topsecretofazure"}
_3DES = bytes.fromhex("060a2a864886f70d010c0103")  # pbeWithSHAAnd3-KeyTripleDES-CBC, as DER


def _error(status: int, code: str, message: str) -> Reply:
    return Reply(status, {"error": {"code": code, "message": message}})


class FakeKeyVault(FakeApi):
    """A vault with the versions of its certificates (DER, and what was in PKCS #12)."""

    logins = r"/[^/]+/oauth2/v2\.0/token|/metadata/identity/oauth2/token"
    refusals = {
        "credentials": Reply(
            401, {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid secret."}
        ),
        "permission": _error(
            403, "Forbidden", "Caller is not authorized to perform action on resource."
        ),
    }

    def __init__(self) -> None:
        super().__init__()
        self.keys["topsecretofazure"] = Key()
        self.versions_of: dict[str, list[Any]] = {}

    @route("POST", "/{tenant}/oauth2/v2.0/token")
    def sign_in(self, call: Call) -> Reply:
        assert call.form["scope"] == "https://vault.azure.net/.default"
        return self._token(call.form["client_secret"])

    @route("GET", "/metadata/identity/oauth2/token")
    def machine(self, call: Call) -> Reply:
        assert call.headers["metadata"] == "true"
        assert call.query["resource"] == "https://vault.azure.net"
        return self._token("system")

    def _token(self, key: str) -> Reply:
        token = {"token_type": "Bearer", "expires_in": 3599, "access_token": self.issue(key)}
        return Reply(200, token)

    @route("GET", "/certificates/{name}")
    def newest(self, call: Call) -> Reply:
        assert call.query["api-version"] == "7.4"
        if not (versions := self.versions_of.get(call["name"])):
            return _error(
                404, "CertificateNotFound", f"{call['name']} was not found in this vault."
            )
        return self._bundle(call["name"], versions)

    @route("POST", "/certificates/{name}/import")
    def add_version(self, call: Call) -> Reply:
        assert call.query["api-version"] == "7.4"
        self.check_change("")
        data = base64.b64decode(call.json["value"])
        if _3DES not in data:
            return _error(400, "BadParameter", "The PKCS#12 certificate content can not be read.")
        assert call.json["policy"]["secret_props"] == {"contentType": "application/x-pkcs12"}
        opened = pkcs12.load_pkcs12(data, call.json["pwd"].encode())
        assert isinstance(opened.key, ec.EllipticCurvePrivateKey)
        assert call.json["policy"]["key_props"] == {
            "exportable": True,
            "reuse_key": False,
            "kty": "EC",
            "crv": {"secp256r1": "P-256"}[opened.key.curve.name],
        }
        versions = self.versions_of.setdefault(call["name"], [])
        versions.append(opened)
        return self._bundle(call["name"], versions)

    def _bundle(self, name: str, versions: list[Any]) -> Reply:
        der = versions[-1].cert.certificate.public_bytes(Encoding.DER)
        cer = base64.b64encode(der).decode()
        key = f"https://vault.example/certificates/{name}/v{len(versions)}"
        return Reply(200, {"id": key, "cer": cer, "attributes": {"enabled": True}})


@pytest.fixture
async def server() -> AsyncIterator[FakeHttpServer]:
    async with fake_http_server(FakeKeyVault()) as running:
        yield running


def held(server: FakeHttpServer) -> FakeKeyVault:
    assert isinstance(server.handler, FakeKeyVault)
    return server.handler


def opened(server: FakeHttpServer, **more: Any) -> Task:
    urls = {"vault": server.url, "login_url": server.url, "metadata_url": server.url}
    return task("azure-keyvault", **{**urls, **FIELDS, **more})


async def test_each_issuance_is_a_new_version_of_the_same_name(
    server: FakeHttpServer, tmp_path: Path
) -> None:
    deploy = opened(server)
    assert await deploy.problems() == []
    first, second = occasion(tmp_path), occasion(tmp_path)
    where = f"{server.url}/certificates/www-example-com"
    assert await deploy.run(first) == f"imported as {where}, version v1"
    assert await deploy.run(first) == f"{where} has it already"
    assert await deploy.run(second) == f"imported as {where}, version v2"
    (versions,) = held(server).versions_of.values()
    assert len(versions) == 2
    assert second.material
    assert second.material.chain.leaf == versions[-1].cert.certificate
    issuers = [one.certificate for one in versions[-1].additional_certs]
    assert tuple(issuers) == second.material.chain.certificates[1:]


async def test_a_managed_identity_needs_no_secret(server: FakeHttpServer, tmp_path: Path) -> None:
    held(server).keys["system"] = Key()
    deploy = opened(server, identity="managed", tenant_id="", client_id="", client_secret="")
    assert "version v1" in await deploy.run(occasion(tmp_path))


async def test_who_may_not_sign_in_or_import_is_told_so(
    server: FakeHttpServer, tmp_path: Path
) -> None:
    wrong = opened(server, client_secret="topsecretwrong")
    with pytest.raises(DeploymentError, match="does not accept the credentials") as raised:
        await wrong.run(occasion(tmp_path))
    assert "topsecret" not in raised.value.message
    assert raised.value.message.startswith(f"Azure Key Vault {server.url}: ")
    assert await problem_of(wrong) == raised.value.message
    held(server).keys["topsecretofazure"] = Key(read_only=True)
    with pytest.raises(DeploymentError, match="importing: the credentials do not allow this"):
        await opened(server).run(occasion(tmp_path))
    assert not held(server).versions_of


async def test_a_token_that_ended_is_replaced(server: FakeHttpServer, tmp_path: Path) -> None:
    refused = iter([True])

    class Once(FakeKeyVault):
        def enter(self, call: Call) -> None:
            if next(refused, False):
                raise RefusedError("credentials")
            super().enter(call)

    server.handler = Once()
    assert "version v1" in await opened(server).run(occasion(tmp_path))


async def test_without_a_key_nothing_is_imported(server: FakeHttpServer, tmp_path: Path) -> None:
    made = occasion(tmp_path)
    assert made.material
    keyless = replace(made, material=Material(made.material.chain, None))
    with pytest.raises(DeploymentError, match="the key stays with its owner"):
        await opened(server).run(keyless)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"vault": "http://v.example", **FIELDS}, "must begin with https"),
        ({"vault": "https://v.example"}, "with identity=secret needs the field 'tenant_id'"),
        (
            {"vault": "https://v.example", "certificate": "a.b", **FIELDS},
            "'a.b' cannot be a name in a Key Vault",
        ),
    ],
)
def test_what_cannot_work_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        task("azure-keyvault", **fields)
