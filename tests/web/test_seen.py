"""Two people who change the same thing at once: nobody overwrites what they have not seen."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.cli.inside import Inside
from tests.support.web_pages import Answer, WebPages, seen
from zoneproof.manager import Home
from zoneproof.manager.settings import settings_locked


def was_late(answer: Answer) -> str:
    """Return what the form that is shown again says it was made from, now."""
    assert (answer.status, "changed by somebody else" in answer.text) == (400, True)
    (now, *_) = re.findall(r'name="seen" value="(\w+)"', answer.text)
    return str(now)


def test_a_credential_that_somebody_else_changed_is_not_overwritten(inside: Inside) -> None:
    fields = ("--field=api_token=first-secret", "--no-test")
    inside.good("credential", "add", "cloudflare", "--name=dns", *fields)
    with WebPages(inside.home) as pages:
        alice = pages.administrator()
        opened = seen(alice, "/credentials/dns")
        inside.good("credential", "set", "dns", "--expires=2031-01-01")
        token = {"field.api_token": "second-secret"}
        late = alice.post("/credentials/dns", None, expires="2032-02-02", seen=opened, **token)
        now = was_late(late)
        assert "2032-02-02" in late.text
        assert "second-secret" not in late.text
        assert "2031-01-01" in inside.good("credential", "show", "dns")
        again = alice.post("/credentials/dns", None, expires="2032-02-02", seen=now, **token)
        assert again.status == 303
        assert "2032-02-02" in inside.good("credential", "show", "dns")


def test_a_task_that_somebody_else_changed_is_not_overwritten(inside: Inside) -> None:
    at = "/certificates/a.example"
    hook = {"field.url": "https://hook.example/1", "field.secret": f"whsec_{'Y' * 44}"}
    with WebPages(inside.home) as pages:
        inside.good("add", "a.example", "--provider=manual")
        alice = pages.administrator()
        assert alice.post(f"{at}/new-task", None, kind="webhook", **hook).status == 303

        def url() -> str:
            shown = json.loads(inside.good("show", "a.example", "--json"))
            return str(shown["definition"]["deploy"][0]["fields"]["url"])

        first = seen(alice, f"{at}/task?task=webhook")
        kept = {"called": "webhook", "credential": "a.example-webhook", "when": "issued"}
        other = {**kept, "field.url": "https://hook.example/2"}
        assert alice.post(f"{at}/task", None, **other, seen=first).status == 303
        mine = {**kept, "field.url": "https://hook.example/3"}
        late = alice.post(f"{at}/task", None, **mine, seen=first)
        now = was_late(late)
        assert "https://hook.example/3" in late.text
        assert url() == "https://hook.example/2"
        assert alice.post(f"{at}/task", None, **mine, seen=now).status == 303
        assert url() == "https://hook.example/3"
        before = seen(alice, f"{at}/task?task=webhook")
        secret = f"whsec_{'Z' * 44}"
        inside.good("credential", "set", "a.example-webhook", f"--field=secret={secret}")
        was_late(alice.post(f"{at}/task", None, **other, seen=before))


def test_a_long_file_of_settings_is_saved(inside: Inside) -> None:
    settings = inside.home / "settings.toml"
    text = f"parallel = 6\n# {'long ' * 5_000}"
    with WebPages(inside.home) as pages:
        alice = pages.administrator()
        saved = alice.post("/settings", text=text, seen=seen(alice, "/settings"))
        assert (saved.status, settings.read_text().strip()) == (303, text.strip())
        for length in (140_000, 3_000_000):  # also what is still being sent is answered
            assert alice.post("/settings", text="x" * length).status == 413


def test_settings_that_another_process_is_saving_are_waited_for(inside: Inside) -> None:
    settings = inside.home / "settings.toml"
    with WebPages(inside.home) as pages, ThreadPoolExecutor() as somebody:
        alice = pages.administrator()
        opened = seen(alice, "/settings")
        with settings_locked(Home(inside.home)):
            late = somebody.submit(alice.post, "/settings", text="parallel = 6", seen=opened)
            with pytest.raises(TimeoutError):
                late.result(1)
            settings.write_text("parallel = 5\n")
        now = was_late(late.result())
        assert settings.read_text() == "parallel = 5\n"
        assert alice.post("/settings", text="parallel = 6", seen=now).status == 303
        assert settings.read_text() == "parallel = 6\n"
