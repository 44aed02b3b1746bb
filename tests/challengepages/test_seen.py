"""Two people who change the same thing at once: nobody overwrites what they have not seen."""

from __future__ import annotations

import re

from tests.support.challenge_service import register
from tests.support.service_pages import ServicePages
from tests.support.web_pages import Answer, seen


def was_late(answer: Answer) -> str:
    """Return what the form that is shown again says it was made from, now."""
    assert (answer.status, "changed by somebody else" in answer.text) == (409, True)
    (now,) = re.findall(r'name="seen" value="(\w+)"', answer.text)
    return str(now)


def test_a_tenant_that_somebody_else_changed_is_not_overwritten(pages: ServicePages) -> None:
    operator, path = pages.operator(), "/admin/tenants/both"
    operator.post("/admin/new", name="both", quota="10", expires="")
    opened = seen(operator, path)
    assert operator.post(path, quota="11", expires="2099-12-31", seen=opened).status == 303
    late = operator.post(path, quota="12", expires="", seen=opened)
    now = was_late(late)
    assert 'value="12"' in late.text
    assert "0 of 11" in late.text
    assert operator.post(path, quota="12", expires="", seen=now).status == 303
    assert "0 of 12" in operator.get(path).text


def test_a_registration_that_somebody_else_changed_is_not_overwritten(pages: ServicePages) -> None:
    account = register(pages.url, pages.keys["team"])
    tenant, operator = pages.tenant(), pages.operator()
    at = f"registrations/{account.subdomain}"
    opened = seen(tenant, f"/portal/{at}")
    first = operator.post(f"/admin/{at}", note="web", allowfrom="192.0.2.0/24", seen=opened)
    assert first.status == 303
    late = tenant.post(f"/portal/{at}", note="mail", allowfrom="", seen=opened)
    now = was_late(late)
    assert 'value="mail"' in late.text
    assert 'value="192.0.2.0/24"' in operator.get(f"/admin/{at}").text
    assert tenant.post(f"/portal/{at}", note="mail", allowfrom="", seen=now).status == 303
    assert 'value="192.0.2.0/24"' not in operator.get(f"/admin/{at}").text
