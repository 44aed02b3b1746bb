"""Secrets are shown once: whoever loads the page again makes no other, and sees none."""

from __future__ import annotations

import re

from tests.support.service_pages import ServicePages
from tests.support.web_pages import Client


def secret_in(text: str, name: str) -> str:
    (found,) = re.findall(rf'id="{name}">([^<]+)<', text)
    return str(found)


def follow(client: Client, path: str, **fields: str) -> tuple[str, str]:
    """Send a form; return where it leads, and the page there."""
    answer = client.post(path, None, **fields)
    assert (answer.status, answer.text) == (303, "")
    at = answer.headers["Location"]
    return at, client.get(at).text


def test_a_page_with_a_password_that_is_loaded_again_makes_no_other(pages: ServicePages) -> None:
    tenant = pages.tenant("other")
    at, text = follow(tenant, "/portal/new", domain="*.Once.test.", allowfrom="")
    password, subdomain = secret_in(text, "password"), secret_in(text, "subdomain")
    assert "_acme-challenge.once.test. " in text
    for _ in range(2):
        again = tenant.get(at)
        assert (again.status, password in again.text) == (303, False)
    assert "A password is shown only once" in tenant.get(again.headers["Location"]).text
    listed = tenant.get("/portal/?q=once.test").text
    assert re.findall(r"registrations/[0-9a-f-]{36}\">([^<]+)</a>", listed) == ["once.test"]

    at, text = follow(tenant, f"/portal/registrations/{subdomain}/rotate")
    assert secret_in(text, "password") != password
    assert tenant.get(at).status == 303


def test_a_second_registration_for_a_domain_is_warned_of(pages: ServicePages) -> None:
    first, other = pages.tenant("team"), pages.tenant("other")
    told = "another registration for twice.test"
    for client, domain, is_told in (
        (first, "twice.test", False),
        (other, "twice.test", False),
        (first, "*.TWICE.test", True),
        (first, "www.twice.test", False),
    ):
        _, text = follow(client, "/portal/new", domain=domain, allowfrom="")
        assert (told in text) == is_told


def test_a_page_with_a_licence_key_that_is_loaded_again_makes_no_other(
    pages: ServicePages,
) -> None:
    operator = pages.operator()
    operator.post("/admin/new", name="once", quota="1", expires="")
    at, text = follow(operator, "/admin/tenants/once/keys", note="")
    key = secret_in(text, "licence-key")
    again = operator.get(at).text
    assert (key in again, again.count("zp_"), key[:11] in again) == (False, 2, True)


def test_a_secret_is_shown_on_its_page_only(pages: ServicePages) -> None:
    operator = pages.operator()
    operator.post("/admin/new", name="aside", quota="1", expires="")
    at = operator.post("/admin/tenants/aside/keys", note="").headers["Location"]
    assert "licence-key" not in operator.get("/admin/tenants/team").text
    assert "licence-key" in operator.get(at).text
