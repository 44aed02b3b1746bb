"""Yandex Cloud's provider against the fake of its API."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

import pytest

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.yandex import FakeYandex
from tests.providers.harness import challenge_value, txt
from tests.support.fake_api import Key
from tests.support.fake_http import Reply
from tests.support.rsa_keys import private_pem, public_pem
from zoneproof.core.errors import InvalidInputError, ProviderQuotaError
from zoneproof.providers import ProviderContext, open_provider

WARNING = "PLEASE DO NOT REMOVE THIS LINE! Yandex.Cloud SA Key ID <ajeq>\n"


def key_file(number: int) -> str:
    names = {
        "id": f"key-{number}",
        "service_account_id": "aje-account",
        "key_algorithm": "RSA_2048",
    }
    keys = {"public_key": public_pem(number), "private_key": WARNING + private_pem(number)}
    return json.dumps({**names, **keys})


class TestYandex(ApiContract):
    slug = "yandex"
    fake = FakeYandex
    fields = {"key": key_file(0), "folder_id": "folder-1"}

    def urls(self, server: str) -> dict[str, str]:
        urls = {"api_url": f"{server}/dns/v1", "iam_url": f"{server}/iam/v1/tokens"}
        return {**urls, "metadata_url": server}

    def key(self, fields: Mapping[str, str]) -> str:
        return public_pem(int(json.loads(fields["key"])["id"][-1]))

    def other(self, name: str, text: str) -> str:
        return key_file(1) if name == "key" else text

    def wrong(self, fields: Mapping[str, str]) -> dict[str, str]:
        return {**fields, "key": key_file(2)}

    async def test_a_batch_is_one_change(self, harness: ApiHarness) -> None:
        batch = [txt(f"n{i}", challenge_value()) for i in range(20)]
        await harness.open().add(harness.zone, batch)
        paths = [request.path for request in harness.server.requests]
        assert sum(path.endswith(":updateRecordSets") for path in paths) == 1

    async def test_a_machine_has_its_own_account(self, harness: ApiHarness) -> None:
        harness.api.keys["system"] = Key()
        value = challenge_value()
        provider = harness.remember(harness.make(changed={"key": ""}))
        await provider.add(harness.zone, [txt("a", value)])
        assert await harness.values(harness.zone, "a") == [value]

    async def test_a_key_may_be_base64(self, harness: ApiHarness) -> None:
        text = base64.encodebytes(key_file(0).encode()).decode()  # with line breaks
        assert len(await harness.open(key=text).zones()) == 2

    async def test_private_zones_are_left_out(self, harness: ApiHarness) -> None:
        assert isinstance(harness.api, FakeYandex)
        harness.api.private.add(harness.look_alike.name.text)
        assert await harness.open().zones() == [harness.zone]

    async def test_an_operation_that_fails_is_an_error(self, harness: ApiHarness) -> None:
        failed = Reply(200, {"done": True, "error": {"code": 8, "message": "too much of it"}})
        harness.api.after_read.append(lambda: harness.server.faults.append(failed))
        with pytest.raises(ProviderQuotaError, match="too much of it"):
            await harness.open().add(harness.zone, [txt("a", challenge_value())])

    @pytest.mark.parametrize("text", ["hunter2", "{}", "aHVudGVyMg=="])
    def test_other_files_are_refused(self, text: str) -> None:
        context = ProviderContext({"key": text, "folder_id": "folder-1"})
        with pytest.raises(InvalidInputError, match="key is not") as caught:
            open_provider("yandex", context)
        assert "hunter2" not in caught.value.message
