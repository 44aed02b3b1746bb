"""The task that tells a URL of a new certificate."""

from __future__ import annotations

import hashlib
from functools import partial
from typing import ClassVar

import msgspec

from zoneproof.core import times
from zoneproof.core.errors import DeploymentError
from zoneproof.core.fields import CredentialField
from zoneproof.core.files import absolute_path
from zoneproof.core.http import load_ca_bundle
from zoneproof.core.webhooks import check_url, post_json, shown_url, signing_key
from zoneproof.deployment.contract import Occasion, TaskContext, TaskInfo


class _Body(msgspec.Struct, omit_defaults=True):
    """What is posted."""

    event: str
    certificate: str
    names: tuple[str, ...]
    serial: str = ""
    not_after: str = ""
    fullchain: str = ""
    error: str = ""


class Webhook:
    """Posts what happened, signed."""

    info: ClassVar[TaskInfo] = TaskInfo(
        slug="webhook",
        title="Post to a URL",
        homepage="https://www.standardwebhooks.com/",
        any_time=True,
        fields=(
            CredentialField("url", "where to post", url=True, check=check_url, shown=shown_url),
            CredentialField(
                "secret",
                "signing key, whsec_ and base64; empty for no signature",
                secret=True,
                default="",
                check=signing_key,
            ),
            CredentialField(
                "ca_bundle",
                "PEM file of the roots to trust, empty for the usual",
                default="",
                check=partial(absolute_path, "ca_bundle"),
            ),
        ),
        notes="The body is JSON: `event` (`issued`, `before` or `failed`), `certificate`, `names`;"
        " of a certificate `serial`, `not_after` and `fullchain` (PEM); after a failure `error`. No"
        " key is ever posted. It is signed as Standard Webhooks has it; `webhook-id` is the same"
        " whenever the same certificate is told again. Any status from 200 to 299 is success."
        " What may pass is tried four times. A `url` by which the receiver knows you, as chat"
        " services give it (a long part with digits in it), is kept as a secret: give it as"
        " `url=@FILE`.",
    )

    def __init__(self, context: TaskContext) -> None:
        self._context = context
        self._fields = context.fields

    async def run(self, occasion: Occasion) -> str:
        """Post it."""
        body = _Body(occasion.event, occasion.certificate, occasion.identifiers)
        subject = f"{occasion.certificate} {occasion.event} {self._context.now().isoformat()}"
        if occasion.material:
            leaf = occasion.material.chain.leaf
            subject = f"{occasion.certificate} {occasion.material.serial}"
            body.serial = occasion.material.serial
            body.not_after = times.stamp(leaf.not_valid_after_utc, "seconds")
            body.fullchain = occasion.material.chain.pem.decode()
        body.error = occasion.error
        problem = await post_json(
            self._fields["url"],
            msgspec.json.encode(body),
            secret=self._fields["secret"],
            identifier=f"msg_{hashlib.sha256(subject.encode()).hexdigest()[:32]}",
            ca_bundle=self._fields["ca_bundle"],
            now=self._context.now(),
            sleep=self._context.sleep,
        )
        if problem:
            raise DeploymentError(problem)
        return "posted"

    async def problems(self) -> list[str]:
        """Look at the CA bundle; nothing is posted."""
        load_ca_bundle(self._fields["ca_bundle"])
        return []
