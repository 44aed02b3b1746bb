"""A service with two tenants, and a browser, that a module's tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.challenge_service import Service, write_config
from tests.support.service_pages import ServicePages, prepare
from tests.web.conftest import Watch, browser, watch

__all__ = ["Watch", "browser", "watch"]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServicePages]:
    config = write_config(tmp_path_factory.mktemp("service"), open_registration=False)
    with Service(config) as service:
        running = ServicePages(service, *prepare(config, "team", "other"))
        yield running
        assert not [line for line in service.lines if "Traceback" in line]
