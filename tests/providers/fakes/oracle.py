"""Oracle Cloud's DNS API 20180115, its request signing, and an instance's identity.

Made from Oracle's API reference and SDK (oci-python-sdk, July 2026: paths, parameters, pages by a
header, PATCH operations, request signing in version 1, how an instance gets a token) and the
worked example of request signing; lego, dnscontrol and acme.sh (2026) agree, and so do the
exchanges that dns-lexicon recorded (May 2022): an empty list for a name without records, no error
for a value that is there, all of the zone's records in answer to a PATCH, 404 for an unknown zone.
They add at one name, and remove by the record's hash; acme.sh does both at the zone and by value.
That a user without the right gets 404 is as the reference's table of errors says; that a request
has 500 operations at most, dnscontrol found (2026).
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.fake_api import Call, FakeApi, FakeZone, Record, RefusedError, route
from tests.support.fake_http import Reply
from tests.support.rsa_keys import is_signed
from zoneproof.providers.txt_text import quote_txt, unquote_txt

_ROOT = "/20180115/zones"
_HIDDEN = {
    "code": "NotAuthorizedOrNotFound",
    "message": "Authorization failed or requested resource not found.",
}


class FakeOracle(FakeApi):
    sources = "API reference and SDK (2026), recorded exchanges (2022)"
    recorded = "agree"
    page_size = 100
    logins = "/opc/v2/.*|/v1/x509"
    refusals = {
        "credentials": Reply(
            401,
            {
                "code": "NotAuthenticated",
                "message": "The required information to complete authentication was not provided"
                " or was incorrect.",
            },
        ),
        "permission": Reply(404, _HIDDEN),
        "zone": Reply(404, _HIDDEN),
        "quota": Reply(400, {"code": "LimitExceeded", "message": "The limit was exceeded here."}),
        "invalid": Reply(400, {"code": "InvalidParameter", "message": "Invalid domain name."}),
    }
    impossible = {"permission": "it answers as if there were no such zone"}

    def __init__(self) -> None:
        super().__init__()
        self.identity: dict[str, str] = {}  # of the instance: cert.pem, key.pem, intermediate.pem
        self.session = ""  # the public key that the instance's token was made for

    def key_of(self, call: Call) -> str:
        key_id, signed, signature = self._signature(call)
        if key_id.startswith("ST$"):
            key = self._issued.get(key_id.rpartition(".")[2], "")
            return key if is_signed(self.session, signature, signed) else ""
        assert key_id == "ocid1.tenancy/ocid1.user/20:3b:97"
        return next((key for key in self.keys if is_signed(key, signature, signed)), "")

    def _signature(self, call: Call) -> tuple[str, bytes, bytes]:
        """Return who signed the call, what, and the signature."""
        headers = call.headers
        words = dict(re.findall(r'(\w+)="([^"]*)"', headers["authorization"]))
        assert (words["version"], words["algorithm"]) == ("1", "rsa-sha256")
        target = f"{call.request.method.lower()} {call.request.path}"
        values = {**headers, "(request-target)": target}
        names = words["headers"].split()
        assert {"date", "(request-target)", "host"} <= {*names}
        if call.request.body:
            assert {"content-length", "content-type", "x-content-sha256"} <= {*names}
            digest = hashlib.sha256(call.request.body).digest()
            assert headers["x-content-sha256"] == base64.b64encode(digest).decode()
        signed = "\n".join(f"{name}: {values[name]}" for name in names)
        return words["keyId"], signed.encode(), base64.b64decode(words["signature"])

    @route("GET", "/opc/v2/identity/{name}")
    def metadata(self, call: Call) -> Reply:
        assert call.headers["authorization"] == "Bearer Oracle"
        if call["name"] not in self.identity:
            return Reply(404, b"404 Not Found")
        return Reply(200, self.identity[call["name"]].encode())

    @route("POST", "/v1/x509")
    def federate(self, call: Call) -> Reply:
        body = call.json
        key_id, signed, signature = self._signature(call)
        cert = x509.load_der_x509_certificate(base64.b64decode(body["certificate"]))
        form = (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        public = cert.public_key().public_bytes(*form).decode()
        fingerprint = hashlib.sha1(base64.b64decode(body["certificate"])).hexdigest()
        assert key_id.replace(":", "").lower() == f"ocid1.tenancy/fed-x509/{fingerprint}"
        assert len(body["intermediateCertificates"]) == 1
        if not is_signed(public, signature, signed):
            raise RefusedError("credentials")
        lines = re.findall(".{1,64}", body["publicKey"])
        self.session = "\n".join(["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----"])
        claims = base64.urlsafe_b64encode(json.dumps({"exp": 4070908800}).encode()).decode()
        return Reply(200, {"token": f"head.{claims.rstrip('=')}.{self.issue('instance')}"})

    @route("GET", _ROOT)
    def list_zones(self, call: Call) -> Reply:
        query = call.query
        assert (query["compartmentId"], query["scope"]) == ("ocid1.compartment", "GLOBAL")
        zones = [{"id": zone.id, "name": zone.name} for zone in self.allowed_zones()]
        return self._page(call, zones)

    @route("GET", _ROOT + "/{zone}/records/{domain}")
    def list_records(self, call: Call) -> Reply:
        zone = self.zone(call["zone"], by_id=True)
        name = call["domain"].removesuffix(zone.name).rstrip(".")
        reply = self._page(call, _items(zone, zone.at(name, call.query["rtype"])))
        return Reply(200, {"items": reply.body}, reply.headers)

    @route("PATCH", _ROOT + "/{zone}/records")
    def patch_records(self, call: Call) -> Reply:
        zone = self.zone(call["zone"], by_id=True)
        changed: dict[str, list[str]] = {}
        ttls: dict[str, int] = {}
        assert len(call.json["items"]) <= 500
        for one in call.json["items"]:
            name = one["domain"].removesuffix(zone.name).rstrip(".")
            self.check_change(name, one.get("ttl"))
            values = changed.setdefault(name, [record.value for record in zone.at(name)])
            ttls[name] = one.get("ttl") or next((r.ttl for r in zone.at(name)), 300)
            value = unquote_txt(one["rdata"])
            if one["operation"] == "ADD" and value not in values:
                values.append(value)
            if one["operation"] == "REMOVE" and value in values:
                values.remove(value)
        for name, values in changed.items():
            self.replace(zone, name, "TXT", values, ttls[name])
        return Reply(200, {"items": _items(zone, zone.records)})

    def _page(self, call: Call, items: list[dict[str, Any]]) -> Reply:
        number = int(call.query.get("page", 1))
        page, last = self.page(items, number)
        headers = {"opc-next-page": str(number + 1)} if number < last else {}
        return Reply(200, page, headers)


def _items(zone: FakeZone, records: list[Record]) -> list[dict[str, Any]]:
    return [
        {"domain": f"{one.name}.{zone.name}".lstrip("."), "rtype": one.type, "ttl": one.ttl}
        | {"rdata": quote_txt(one.value) if one.type == "TXT" else one.value}
        | {"isProtected": False, "recordHash": str(one.id)}
        for one in records
    ]
