"""Who may call the webhook: nobody but the front proxy, for users whom the cluster allows it."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.certmanager.cert_manager import (
    CERT_MANAGER,
    GROUP,
    GROUPS,
    SOLVER,
    Challenge,
    FrontProxy,
)
from tests.certmanager.cluster import World, trust, world
from tests.certmanager.pki import Authority

# A config that is refused before anything is asked.
CHALLENGE = Challenge({})
REFUSED = "needs a provider with its fields"


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as made:
        yield made


async def test_what_cert_manager_asks_is_answered_in_its_own_words(here: World) -> None:
    sent = CHALLENGE.payload("Present")
    assert sent == (
        b'{"kind":"ChallengePayload","apiVersion":"webhook.acme.cert-manager.io/v1alpha1","request":'
        b'{"uid":"","action":"Present","type":"dns-01","dnsName":"example.com","key":"'
        + b"v"
        * 43
        + b'","resourceNamespace":"shop","resolvedFQDN":"_acme-challenge.example.com.",'
        b'"resolvedZone":"example.com.","allowAmbientCredentials":false,"config":{}}}\n'
    )
    answer = await here.proxy.send("POST", SOLVER, sent)
    assert answer.status == 201
    asked = json.loads(sent)
    assert {key: answer.json[key] for key in asked} == asked
    response = answer.json["response"]
    assert response["uid"] == ""
    assert response["success"] is False
    assert response["status"]["status"] == "Failure"
    assert REFUSED in response["status"]["message"]


async def test_the_cluster_is_asked_whether_the_user_may(here: World) -> None:
    extra = ("X-Remote-Extra-Authentication.kubernetes.io%2fpod-name", "cert-manager-0")
    more = [("X-Remote-Uid", "42"), extra]
    await here.proxy.send("POST", SOLVER, CHALLENGE.payload("Present"), more=more)
    (review,) = here.kubernetes.reviews
    assert review == {
        "user": CERT_MANAGER,
        "uid": "42",
        "groups": list(GROUPS),
        "extra": {"authentication.kubernetes.io/pod-name": ["cert-manager-0"]},
        "resourceAttributes": {
            "group": GROUP,
            "version": "v1alpha1",
            "resource": "zoneproof",
            "verb": "create",
        },
    }


async def test_a_user_whom_the_cluster_does_not_allow_it_is_refused(here: World) -> None:
    answer = await here.proxy.send("POST", SOLVER, CHALLENGE.payload("Present"), user="mallory")
    assert answer.status == 403
    assert answer.json["kind"] == "Status"
    assert answer.json["reason"] == "Forbidden"
    assert f"mallory may not create zoneproof of {GROUP}" in answer.json["message"]


async def test_while_the_cluster_cannot_be_asked_nobody_may(here: World) -> None:
    here.kubernetes.forbidden.add("/apis/authorization.k8s.io/v1/subjectaccessreviews")
    answer = await here.proxy.send("POST", SOLVER, CHALLENGE.payload("Present"))
    assert (answer.status, answer.json["reason"]) == (503, "ServiceUnavailable")


@pytest.mark.parametrize("path", ["/apis", f"/apis/{GROUP}/v1alpha1", "/openapi/v2", SOLVER])
async def test_without_a_certificate_nobody_is_believed(here: World, path: str) -> None:
    impostor = here.front_proxy(None)
    answer = await impostor.send("POST" if path == SOLVER else "GET", path)
    assert (answer.status, answer.json["reason"]) == (401, "Unauthorized")
    assert here.kubernetes.reviews == []


async def test_a_certificate_of_another_ca_ends_the_connection(here: World) -> None:
    impostor = here.front_proxy(Authority("front-proxy CA"))
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await impostor.send("POST", SOLVER, CHALLENGE.payload("Present"))
    assert here.kubernetes.reviews == []


async def test_another_client_of_the_same_ca_is_no_front_proxy(here: World) -> None:
    impostor = here.front_proxy(here.clients, "kubelet")
    answer = await impostor.send("POST", SOLVER, CHALLENGE.payload("Present"))
    assert answer.status == 401
    assert "kubelet is not one of the front proxy" in answer.json["message"]


@pytest.mark.parametrize("names", ["[]", "null", ""])
async def test_without_a_list_of_names_any_client_of_the_ca_is_believed(
    here: World, names: str
) -> None:
    here.kubernetes.objects[
        "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication"
    ]["data"]["requestheader-allowed-names"] = names
    await here.webhook.refresh()
    proxy = here.front_proxy(here.clients, "aggregator")
    assert REFUSED in await proxy.present(CHALLENGE)


async def test_a_front_proxy_without_a_user_is_refused(here: World) -> None:
    answer = await here.proxy.send("POST", SOLVER, CHALLENGE.payload("Present"), user="")
    assert answer.status == 401


async def test_a_rolled_front_proxy_ca_is_believed_and_the_old_one_no_longer(here: World) -> None:
    new = Authority("front-proxy CA")
    old_proxy, new_proxy = here.proxy, here.front_proxy(new)
    async with old_proxy.connection() as connection:
        assert (await connection.send("GET", "/apis")).status == 200
        trust(here.kubernetes, here.clients, new)  # both, while it is rolled
        await here.webhook.refresh()
        assert REFUSED in await old_proxy.present(CHALLENGE)
        assert REFUSED in await new_proxy.present(CHALLENGE)
        trust(here.kubernetes, new)
        await here.webhook.refresh()
        assert REFUSED in await new_proxy.present(CHALLENGE)
        with pytest.raises(OSError):
            await connection.send("GET", "/apis")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await old_proxy.present(CHALLENGE)


async def test_a_cluster_that_cannot_be_asked_changes_nothing(here: World) -> None:
    here.kubernetes.tokens = {"the next one"}
    await here.webhook.refresh()
    assert (await here.proxy.send("GET", "/apis")).status == 200


async def test_a_rotated_certificate_is_shown_without_a_restart(here: World) -> None:
    async with here.proxy.connection() as connection:
        before = connection.certificate
        here.serving.write(here.pair.certificate.parent, "zoneproof-webhook.cert-manager.svc")
        await here.webhook.refresh()
        assert (await connection.send("GET", "/apis")).status == 200
    async with here.proxy.connection() as connection:
        assert connection.certificate != before


async def test_half_a_new_certificate_is_not_used(here: World) -> None:
    key = here.pair.key.read_bytes()
    here.serving.write(here.pair.certificate.parent, "zoneproof-webhook.cert-manager.svc")
    here.pair.key.write_bytes(key)
    await here.webhook.refresh()
    assert REFUSED in await here.proxy.present(CHALLENGE)


async def test_an_expired_certificate_is_told_to_whoever_asks_for_readiness(here: World) -> None:
    anybody: FrontProxy = here.front_proxy(None)
    assert (await anybody.send("GET", "/readyz", user="")).body == b"ok"
    here.serving.write(here.pair.certificate.parent, "webhook", days=-1)
    answer = await anybody.send("GET", "/readyz", user="")
    assert (answer.status, answer.body) == (503, b"the certificate of the webhook has expired")
    assert (await anybody.send("GET", "/healthz", user="")).body == b"ok"


async def test_discovery_is_for_every_user_of_the_front_proxy(here: World) -> None:
    user = "system:kube-aggregator"
    groups = (await here.proxy.send("GET", "/apis", user=user)).json
    version = {"groupVersion": f"{GROUP}/v1alpha1", "version": "v1alpha1"}
    assert groups["kind"] == "APIGroupList"
    assert groups["groups"][0]["versions"] == [version]
    group = (await here.proxy.send("GET", f"/apis/{GROUP}", user=user)).json
    assert (group["kind"], group["preferredVersion"]) == ("APIGroup", version)
    listed = (await here.proxy.send("GET", f"/apis/{GROUP}/v1alpha1", user=user)).json
    assert listed["groupVersion"] == f"{GROUP}/v1alpha1"
    (resource,) = listed["resources"]
    assert resource["name"] == "zoneproof"
    assert resource["namespaced"] is False
    assert resource["kind"] == "ChallengePayload"
    assert resource["verbs"] == ["create"]
    assert (await here.proxy.send("GET", "/openapi/v2", user=user)).json["swagger"] == "2.0"
    index = (await here.proxy.send("GET", "/openapi/v3", user=user)).json["paths"]
    url = index[f"apis/{GROUP}/v1alpha1"]["serverRelativeURL"]
    assert (await here.proxy.send("GET", url, user=user)).json["openapi"] == "3.0.0"
    assert here.kubernetes.reviews == []


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 400, "the body is empty"),
        (b"{", 400, "not the expected JSON"),
        (b'{"kind":"Status","apiVersion":"v1"}', 400, "'kind' is"),
        (CHALLENGE.payload("Present").replace(b'"dnsName":"example.com",', b""), 400, "'dnsName'"),
        (b"x" * 20_000, 413, "longer than 16 KiB"),
    ],
)
async def test_what_is_no_payload_is_refused(
    here: World, body: bytes, status: int, words: str
) -> None:
    answer = await here.proxy.send("POST", SOLVER, body)
    assert answer.status == status
    assert answer.json["kind"] == "Status"
    assert words in answer.json["message"]


async def test_an_unknown_action_and_type_are_told(here: World) -> None:
    assert "'Dance' is not an action" in (await here.proxy.solve("Dance", CHALLENGE)).problem
    assert "http-01" in await here.proxy.present(CHALLENGE.but(type="http-01"))


async def test_what_is_not_there_is_told_as_kubernetes_tells_it(here: World) -> None:
    answer = await here.proxy.send("GET", "/apis/other")
    assert (answer.status, answer.json["reason"]) == (404, "NotFound")
    answer = await here.proxy.send("GET", SOLVER)
    assert (answer.status, answer.json["reason"]) == (405, "MethodNotAllowed")
