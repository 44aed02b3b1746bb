"""The providers' pages are those of the providers as they are."""

from __future__ import annotations

import pytest

from tests.docs import all_providers
from tests.docs.provider_pages import FOLDER, path_of
from zoneproof.providers import describe, slugs
from zoneproof.providers.catalog import FAMILIES
from zoneproof.providers.pages import page

_BY_HAND = {"README", "writing-one", *FAMILIES}


@pytest.mark.parametrize("slug", slugs())
def test_each_page_is_made_from_the_provider_as_it_is(slug: str) -> None:
    assert path_of(slug).exists(), "run python -m tests.docs.provider_pages"
    assert path_of(slug).read_text("utf-8") == page(describe(slug)), (
        "run python -m tests.docs.provider_pages"
    )


def test_there_is_no_page_without_a_provider() -> None:
    assert {path.stem for path in FOLDER.glob("*.md")} - _BY_HAND == set(slugs())


def test_the_tables_of_all_providers_are_those_of_the_providers_as_they_are() -> None:
    text = all_providers.PAGE.read_text("utf-8")
    assert all_providers.rewrite(text) == text, "run python -m tests.docs.provider_pages"
