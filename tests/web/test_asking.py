"""What cannot be undone is asked first, on a page of its own that works without a script."""

from __future__ import annotations

import json
import re
from html import unescape

from tests.cli.inside import Inside
from tests.support.web_pages import Client, WebPages


def asked(client: Client, page: str, button: str) -> tuple[str, dict[str, str]]:
    """Follow a page's button; return the question's path and what its form sends."""
    text = client.get(page).text
    (path,) = re.findall(rf'<a class="button danger" href="([^"]+)">{button}</a>', text)
    question = client.get(unescape(path)).text
    assert "Cancel</a>" in question
    (form,) = re.findall(r'<form method="post" action="([^"]+)" class="card">', question)
    fields = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', question)
    return form, dict(fields)


def test_what_cannot_be_undone_is_asked_first(inside: Inside) -> None:
    fields = ("--field=api_token=first-secret", "--no-test")
    inside.good("credential", "add", "cloudflare", "--name=dns", *fields)
    hook = ("--deploy-hook=/bin/true", "--credential=dns")
    inside.good("add", "a.example", *hook)
    with WebPages(inside.home) as pages:
        alice = pages.administrator()
        pages.user(alice, "olga", "viewer")
        alice.post("/tokens", name="ci", role="viewer", days="1")

        path, sent = asked(alice, "/certificates/a.example/deployment", "Remove")
        assert alice.post(path, None, **sent).status == 303
        shown = json.loads(inside.good("show", "a.example", "--json"))
        assert not shown["definition"].get("deploy")

        path, sent = asked(alice, "/credentials/dns", "Remove")
        assert "their renewals will fail" in alice.get(path).text
        assert '"hidden" name="force"' not in alice.get(f"{path}?force=yes").text
        assert alice.post(path, None, **sent).status != 303
        assert alice.post(path, None, **sent, force="yes").status == 303
        assert json.loads(inside.good("credential", "list", "--json")) == []

        paths = re.findall(r'href="(/(?:tokens|users)/[\w-]+/remove)"', alice.get("/users").text)
        assert len(paths) == 3
        for path in paths:
            before = alice.get("/users").text
            question = alice.get(path).text
            assert re.search(r"<h1>Remove the (user|token) \w+\?</h1>", question), question
            assert alice.get("/users").text == before
        assert alice.post("/users/olga/remove").status == 303

        question = alice.post("/certificates", None, action="remove", name="a.example").text
        assert "<h1>Remove a.example?</h1>" in question
        assert '<form method="post" action="/remove-certificates" class="card">' in question
        assert '<input type="hidden" name="name" value="a.example">' in question
        assert alice.post("/remove-certificates", name="a.example").status == 303
        assert json.loads(inside.good("list", "--json")) == []


def test_many_certificates_are_not_renewed_unasked(inside: Inside) -> None:
    names = [f"a{number:02}.example" for number in range(11)]
    for name in names:
        inside.good("add", name, "--provider=manual")
    with WebPages(inside.home) as pages:
        alice = pages.administrator()
        question = alice.post("/certificates", None, action="renew", name=names)
        assert (question.status, "Renew 11 certificates now?" in question.text) == (200, True)
        sent = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', question.text)
        assert [text for name, text in sent if name == "name"] == names
        assert ("sure", "yes") in sent
        few = alice.post("/certificates", None, action="renew", name=names[:10])
        assert few.headers["Location"].startswith("/runs/")
        sure = alice.post("/certificates", None, action="renew", name=names, sure="yes")
        assert sure.headers["Location"].startswith("/runs/")
