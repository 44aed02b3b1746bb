"""Google Cloud's Certificate Manager, as a fake that follows its REST reference.

cloud.google.com/certificate-manager/docs/reference/certificate-manager/rest (v1):
projects.locations.certificates get, create and patch, which return long-running operations, and
projects.locations.operations get. The token services are those of the provider's fake.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.deployment.occasions import occasion, problem_of
from tests.support.fake_api import Call, FakeApi, Key, RefusedError, route
from tests.support.fake_http import FakeHttpServer, Reply, fake_http_server
from tests.support.rsa_keys import private_pem, public_pem, read_jwt
from zoneproof.core.errors import DeploymentError, InvalidInputError
from zoneproof.deployment import Material, Task, TaskContext, open_task
from zoneproof.deployment.gcp_certificate_manager import GcpCertificateManager

_PARENT = "/v1/projects/project-1/locations/global"
PLACE = f"{_PARENT}/certificates/www-example-com".removeprefix("/v1/")
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"


def _error(status: int, kind: str, message: str) -> Reply:
    return Reply(status, {"error": {"code": status, "message": message, "status": kind}})


class FakeCertificateManager(FakeApi):
    """Certificates by name; an operation is done when it is looked at for the second time."""

    logins = "/token|/computeMetadata/.*"
    refusals = {
        "credentials": Reply(
            400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
        ),
        "permission": _error(403, "PERMISSION_DENIED", "Permission 'certs.update' denied."),
    }

    def __init__(self) -> None:
        super().__init__()
        self.certificates: dict[str, dict[str, Any]] = {}
        self.looks: dict[str, int] = {}
        self.failing = ""
        self.waiting: dict[str, tuple[str, dict[str, Any]]] = {}

    @route("POST", "/token")
    def key_token(self, call: Call) -> Reply:
        for key in self.keys:
            if key.startswith("-----") and (read := read_jwt(call.form["assertion"], key)):
                assert read[1]["scope"] == _SCOPE
                return self._token(key)
        raise RefusedError("credentials")

    @route("GET", "/computeMetadata/v1/instance/service-accounts/default/token")
    def machine_token(self, call: Call) -> Reply:
        assert call.headers["metadata-flavor"] == "Google"
        assert call.query["scopes"] == _SCOPE
        return self._token("system")

    @route("GET", "/computeMetadata/v1/project/project-id")
    def machine_project(self, call: Call) -> Reply:
        return Reply(200, b"project-1")

    def _token(self, key: str) -> Reply:
        return Reply(200, {"access_token": self.issue(key), "expires_in": 3600})

    @route("GET", f"{_PARENT}/certificates/{{name}}")
    def get(self, call: Call) -> Reply:
        if call["name"] not in self.certificates:
            return _error(404, "NOT_FOUND", f"Resource '{call['name']}' was not found")
        return Reply(200, self.certificates[call["name"]])

    @route("POST", f"{_PARENT}/certificates")
    def create(self, call: Call) -> Reply:  # type: ignore[override]
        # The documentation of Google's Terraform provider, google_certificate_manager_certificate.
        assert re.fullmatch("[a-zA-Z][a-zA-Z0-9_-]{0,63}", call.query["certificateId"])
        assert call.query["certificateId"] not in self.certificates
        return self._operation(call.query["certificateId"], call.json)

    @route("PATCH", f"{_PARENT}/certificates/{{name}}")
    def patch(self, call: Call) -> Reply:
        assert call.query == {"updateMask": "selfManaged"}
        assert call["name"] in self.certificates
        return self._operation(call["name"], call.json)

    def _operation(self, name: str, sent: Any) -> Reply:
        self.check_change("")
        assert "PRIVATE KEY" in sent["selfManaged"]["pemPrivateKey"]
        operation = f"operation-{len(self.looks)}"
        self.looks[operation] = 0
        self.waiting[operation] = name, sent["selfManaged"]
        return Reply(200, {"name": f"{_PARENT}/operations/{operation}".removeprefix("/v1/")})

    @route("GET", f"{_PARENT}/operations/{{name}}")
    def operation(self, call: Call) -> Reply:
        name = call["name"]
        self.looks[name] += 1
        answer = {"name": f"{_PARENT}/operations/{name}".removeprefix("/v1/")}
        if self.looks[name] < 2:
            return Reply(200, {**answer, "done": False})
        if self.failing:
            return Reply(200, {**answer, "done": True, "error": {"message": self.failing}})
        certificate, parts = self.waiting[name]
        # Both parts of selfManaged are "input only", so there is nothing of it to show.
        self.certificates[certificate] = {"pemCertificate": parts["pemCertificate"]}
        return Reply(200, {**answer, "done": True, "response": {}})


@pytest.fixture
async def server() -> AsyncIterator[FakeHttpServer]:
    fake = FakeCertificateManager()
    fake.keys = {"system": Key(), public_pem(0): Key()}
    async with fake_http_server(fake) as running:
        yield running


def held(server: FakeHttpServer) -> FakeCertificateManager:
    assert isinstance(server.handler, FakeCertificateManager)
    return server.handler


def opened(server: FakeHttpServer, key: int | None = None, **more: str) -> Task:
    async def sleep(_: float) -> None:
        pass

    urls = {"api_url": f"{server.url}/v1", "metadata_url": server.url}
    credentials = "" if key is None else key_file(server.url, key)
    fields = {**urls, "credentials": credentials, **more}
    return open_task("gcp-certificate-manager", TaskContext(fields, sleep=sleep))


def key_file(url: str, number: int) -> str:
    return json.dumps(
        {
            "type": "service_account",
            "project_id": "project-1",
            "private_key_id": "key",
            "private_key": private_pem(number),
            "client_email": "tls@project-1.iam.gserviceaccount.com",
            "token_uri": f"{url}/token",
        }
    )


@pytest.mark.parametrize("key", [None, 0], ids=["machine", "service account"])
async def test_the_certificate_is_created_and_then_updated_in_place(
    server: FakeHttpServer, tmp_path: Path, key: int | None
) -> None:
    deploy = opened(server, key)
    assert await deploy.problems() == []
    first, second = occasion(tmp_path), occasion(tmp_path)
    assert await deploy.run(first) == f"{PLACE} is created"
    assert await deploy.run(first) == f"{PLACE} has it already"
    assert await deploy.run(second) == f"{PLACE} is updated"
    assert second.material
    (found,) = held(server).certificates.values()
    assert found["pemCertificate"] == second.material.chain.pem.decode()
    assert set(held(server).looks.values()) == {2}


async def test_one_that_has_its_part_for_input_is_updated(
    server: FakeHttpServer, tmp_path: Path
) -> None:
    there = {"selfManaged": {}, "pemCertificate": ""}
    held(server).certificates["www-example-com"] = there
    assert await opened(server).run(occasion(tmp_path)) == f"{PLACE} is updated"


@pytest.mark.parametrize("kind", ["managed", "managedIdentity"])
async def test_one_that_google_manages_is_left_alone(
    server: FakeHttpServer, tmp_path: Path, kind: str
) -> None:
    managed = {kind: {"state": "ACTIVE"}, "pemCertificate": ""}
    held(server).certificates["www-example-com"] = managed
    with pytest.raises(DeploymentError, match="www-example-com is managed by Google"):
        await opened(server).run(occasion(tmp_path))
    assert held(server).certificates == {"www-example-com": managed}


async def test_an_operation_that_fails_is_told(server: FakeHttpServer, tmp_path: Path) -> None:
    held(server).failing = "the key is too short"
    with pytest.raises(DeploymentError, match="it failed: the key is too short"):
        await opened(server).run(occasion(tmp_path))


async def test_the_token_goes_nowhere_else(server: FakeHttpServer, tmp_path: Path) -> None:
    answers = FakeCertificateManager()
    answers.keys = {"system": Key()}

    def elsewhere(request: Any) -> Any:
        reply = answers(request)
        if request.method == "POST":
            return Reply(200, {"name": "https://evil.example/operation"})
        return reply

    server.handler = elsewhere
    with pytest.raises(DeploymentError, match=r"evil\.example/operation is not the name of"):
        await opened(server).run(occasion(tmp_path))


async def test_who_may_not_is_told_so(server: FakeHttpServer, tmp_path: Path) -> None:
    with pytest.raises(DeploymentError, match="it does not accept the credentials") as raised:
        await opened(server, 1).run(occasion(tmp_path))
    assert "PRIVATE KEY" not in raised.value.message
    assert await problem_of(opened(server, 1)) == raised.value.message
    held(server).keys["system"] = Key(read_only=True)
    with pytest.raises(DeploymentError, match="creating: the credentials do not allow this"):
        await opened(server).run(occasion(tmp_path))


async def test_without_a_key_nothing_is_handed_over(server: FakeHttpServer, tmp_path: Path) -> None:
    made = occasion(tmp_path)
    assert made.material
    keyless = replace(made, material=Material(made.material.chain, None))
    with pytest.raises(DeploymentError, match="the key stays with its owner"):
        await opened(server).run(keyless)


@pytest.mark.parametrize(
    ("field", "certificate", "name"),
    [
        ("{name}", "Www.example.com", "www-example-com"),
        ("{name}", "3d.example.com", "cert-3d-example-com"),
        ("web-{name}", "3d.example.com", "web-cert-3d-example-com"),
        ("Made_elsewhere", "example.com", "Made_elsewhere"),
    ],
)
def test_a_name_is_one_that_google_takes(field: str, certificate: str, name: str) -> None:
    open_task("gcp-certificate-manager", TaskContext({"certificate": field}))
    assert GcpCertificateManager.info.named(field, certificate) == name


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"certificate": "A.b"}, "'A.b' cannot be a name in Certificate Manager"),
        ({"certificate": "3d-{name}"}, "'3d-{name}' cannot be a name in Certificate Manager"),
        ({"certificate": "a" * 65}, "cannot be a name in Certificate Manager"),
        ({"location": "../x"}, "is not a location of Google Cloud"),
        ({"credentials": "{}"}, "are not the JSON of a service account's key"),
    ],
)
def test_what_cannot_work_is_refused(fields: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        open_task("gcp-certificate-manager", TaskContext(fields))
