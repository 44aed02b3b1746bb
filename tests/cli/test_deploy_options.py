"""Deployment tasks by options: how they are given, stored and shown, and which are refused."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.cli.inside import Inside
from tests.support.world import World

SECRET = "whsec_" + "A" * 43 + "="


def toml(inside: Inside) -> str:
    return inside.good("list", "--toml").partition("[[certificate.deploy]]")[2]


def test_tasks_are_given_by_options_and_replaced_by_name(inside: Inside, tmp_path: Path) -> None:
    inside.good(
        "add",
        "a.example",
        "--provider=manual",
        f"--deploy=copy:fullchain={tmp_path}/a,b.pem,key={tmp_path}/key,mode=0640",
        "--deploy=nginx:name=web,fatal=yes",
        "--deploy-hook=systemctl reload 'my unit'",
    )
    assert toml(inside) == (
        '\ntask = "copy"\nname = "copy"\n'
        f'fields = {{ fullchain = "{tmp_path}/a,b.pem", key = "{tmp_path}/key", mode = "0640" }}\n'
        '\n[[certificate.deploy]]\ntask = "nginx"\nname = "web"\nfatal = true\n'
        '\n[[certificate.deploy]]\ntask = "command"\nname = "command"\n'
        "fields = { command = \"systemctl reload 'my unit'\" }\n"
    )
    told = inside.good("edit", "a.example", "--deploy=apache:name=web", "--no-deploy=copy")
    assert "  task web task: apache (was nginx)\n" in told
    assert "next: zoneproof deploy a.example" in told
    hook = inside.good("edit", "a.example", "--deploy=command:command=true,name=hook,when=failed")
    assert "next:" not in hook + inside.good("edit", "a.example", "--no-deploy=web")
    assert toml(inside).count("task = ") == 2
    assert "next:" not in inside.good("edit", "a.example", "--no-deploy=command")
    inside.good("edit", "a.example", "--deploy-hook=systemctl reload 'my unit'")
    result = inside.run("edit", "a.example", "--no-deploy=nginx")
    assert (result.status, result.stderr) == (
        2,
        "zoneproof: a.example has no task 'nginx' to remove: it has hook, command\n",
    )


def test_secrets_of_tasks_are_stored_credentials(inside: Inside, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    inside.good(
        "add",
        "a.example",
        "--provider=manual",
        f"--deploy=webhook:url=https://127.0.0.1:9/,secret=@{secret}",
    )
    assert 'credential = "a.example-webhook"' in toml(inside)
    (one,) = json.loads(inside.good("credential", "list", "--json"))
    assert (one["provider"], one["used_by"]) == ("webhook", ["a.example"])
    assert SECRET not in inside.good("credential", "show", "a.example-webhook")
    inside.good("credential", "rename", "a.example-webhook", "hook")
    assert 'credential = "hook"' in toml(inside)
    literal = inside.run(
        "edit", "a.example", f"--deploy=webhook:url=https://127.0.0.1:9/,secret={SECRET}"
    )
    assert "--deploy webhook:secret can be read by others" in literal.stderr
    assert SECRET not in literal.stderr + literal.stdout


def test_a_url_that_lets_its_reader_post_is_a_secret(inside: Inside, tmp_path: Path) -> None:
    told, url = "abcDEF0123456789abcDEF01", tmp_path / "url"
    url.write_text(f"https://hooks.example/services/{told}")
    inside.good("add", "a.example", "--provider=manual", f"--deploy=webhook:url=@{url}")
    said = [
        inside.good("show", "a.example"),
        inside.good("show", "a.example", "--json"),
        toml(inside),
        inside.good("credential", "show", "a.example-webhook"),
        inside.good("credential", "show", "a.example-webhook", "--json"),
    ]
    assert not [text for text in said if told in text]
    assert "https://hooks.example/services/***" in said[3]
    literal = inside.run("edit", "a.example", f"--deploy=webhook:url={url.read_text()}")
    assert "--deploy webhook:url can be read by others" in literal.stderr


def test_a_credential_is_shared_by_tasks(inside: Inside, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    told = inside.good("credential", "add", "webhook", "--name=hook", f"--field=secret=@{secret}")
    assert "next: zoneproof edit CERTIFICATE --deploy webhook:credential=hook" in told
    webhook = "--deploy=webhook:url=https://127.0.0.1:9/,credential=hook"
    inside.good("add", "a.example", "--provider=manual", webhook)
    assert "secret    (hidden)" in inside.good("credential", "show", "hook")
    inside.good("credential", "set", "hook", "--field=url=https://127.0.0.1:9/other")
    shown = json.loads(inside.good("credential", "show", "hook", "--json"))
    assert shown["fields"] == {"secret": "(hidden)", "url": "https://127.0.0.1:9/other"}
    for words, message in (
        (("add", "webhook", "--name=b", "--field=sekret=@/x"), "cannot read /x"),
        (("add", "webhook", "--name=b", "--field=urls=x"), "has no field 'urls': its fields are"),
        (("add", "webhook", "--name=b", "--field=url=ftp://x"), "url must begin with https://"),
        (("add", "webhook", "--name=b"), "say what to store for the deployment task webhook"),
        (("set", "hook", "--field=urls=x"), "deployment task webhook has no field 'urls'"),
        (("test", "hook"), "hook is for the deployment task webhook"),
    ):
        result = inside.run("credential", *words)
        assert result.status == 2
        assert message in result.stderr
    removed = inside.run("credential", "remove", "hook", "--yes")
    assert "the credential hook is used by a.example" in removed.stderr


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("nothing", "there is no deployment task 'nothing'"),
        ("copy:key", "--deploy copy wants field=value, with commas between: its fields are cert,"),
        ("copy:key=/a,key=/b", "--deploy copy: key is given twice"),
        ("copy:key=a", "key must be an absolute path"),
        ("command:command=./x", "the program './x' must be an absolute path, or a name that is in"),
        (
            "nginx:program=sbin/nginx",
            "the program 'sbin/nginx' must be an absolute path, or a name",
        ),
        (
            "nginx:when=never",
            "--deploy nginx: when cannot be 'never': use issued, failed, always or before\n",
        ),
        ("nginx:fatal=maybe", "--deploy nginx: fatal cannot be 'maybe': use yes or no\n"),
        ("webhook", "needs the field 'url'"),
        ("webhook:credential=hook", "there is no credential 'hook'"),
    ],
)
def test_options_that_mean_no_task_are_refused(inside: Inside, option: str, message: str) -> None:
    result = inside.run("add", "a.example", "--provider=manual", f"--deploy={option}")
    assert result.status == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "tasks",
    [
        ("copy:fullchain={to}/site.pem,key={to}/site.pem",),
        ("copy:fullchain={to}/site.pem", "copy:name=key,key={to}/../tls/./site.pem"),
        ("copy:fullchain={to}/a.example.pem", "nginx:fullchain={to}/{{name}}.pem,mode=0640"),
        ("copy:key={to}/site.pem", "haproxy:combined={to}/link/site.pem"),
    ],
)
def test_tasks_that_would_overwrite_each_other_are_refused(
    inside: Inside, tmp_path: Path, tasks: tuple[str, ...]
) -> None:
    to = tmp_path / "tls"
    to.mkdir()
    (to / "link").symlink_to(to)
    options = [f"--deploy={task.format(to=to)}" for task in tasks]
    added = inside.run("add", "a.example", "--provider=manual", *options)
    assert added.status == 2
    assert "is to be written by the task " in added.stderr
    same = ", or the same owner, group and mode" if "nginx" in tasks[-1] else ""
    assert added.stderr.endswith(f": give each a path of its own{same}\n")
    assert added.stderr.count("\n") == 1
    issued_at_once = inside.run("issue", "a.example", "--provider=manual", *options)
    assert (issued_at_once.status, issued_at_once.stderr) == (2, added.stderr)
    inside.good("add", "a.example", "--provider=manual")
    assert inside.run("edit", "a.example", *options).stderr == added.stderr
    assert "deploy" not in inside.good("list", "--toml")


def test_tasks_of_two_certificates_do_not_write_one_file(inside: Inside, tmp_path: Path) -> None:
    site = f"--deploy=copy:fullchain={tmp_path}/site.pem"
    inside.good("add", "a.example", "--provider=manual", site)
    refused = inside.run("add", "b.example", "--provider=manual", site)
    assert (refused.status, refused.stderr) == (
        2,
        f"zoneproof: {tmp_path}/site.pem is to be written by the task copy (fullchain) and by the"
        " task copy of a.example (fullchain): give each a path of its own\n",
    )
    by_name = f"--deploy=copy:fullchain={tmp_path}/{{name}}.pem"
    inside.good("add", "b.example", "--provider=manual", by_name)
    inside.good("edit", "a.example", by_name)
    file = tmp_path / "certs.toml"
    file.write_text(
        inside.good("list", "--toml").replace("{name}.pem", "one.pem"),
    )
    both = inside.run("apply", "-f", str(file), "--yes")
    assert both.status == 2
    assert [line.partition(f": {tmp_path}/one.pem ")[0] for line in both.stderr.splitlines()] == [
        f"zoneproof: {file}: a.example",
        f"zoneproof: {file}: b.example",
    ]
    swapped = file.read_text().replace("one.pem", "b.example.pem", 1)
    file.write_text(swapped.replace("one.pem", "a.example.pem", 1))
    inside.good("apply", "-f", str(file), "--yes")
    only_a = swapped.partition('name = "b.example"')[0].rpartition("[[certificate]]")[0]
    file.write_text(only_a.replace("b.example.pem", "a.example.pem"))
    assert inside.run("apply", "-f", str(file), "--yes").status == 2
    inside.good("apply", "-f", str(file), "--prune", "--yes")


def test_files_that_became_the_same_are_told_once(inside: Inside, tmp_path: Path) -> None:
    for name, folder in (("a.example", "one"), ("b.example", "two")):
        to = tmp_path / folder
        to.mkdir()
        inside.good("add", name, "--provider=manual", f"--deploy=copy:fullchain={to}/site.pem")
    (tmp_path / "two").rmdir()
    (tmp_path / "two").symlink_to(tmp_path / "one")
    told = (
        "zoneproof: warning: {}.example: {}/site.pem is to be written by the task copy (fullchain)"
        " and by the task copy of {}.example (fullchain): give each a path of its own\n"
    )
    edited = inside.run("edit", "b.example", "--key-type=ec384")
    assert (edited.status, edited.stderr) == (0, told.format("b", tmp_path / "two", "a"))
    file = tmp_path / "certs.toml"
    file.write_text(inside.good("list", "--toml"))
    applied = inside.run("apply", "-f", str(file))
    assert (applied.status, applied.stderr) == (0, told.format("a", tmp_path / "one", "b"))


@pytest.mark.parametrize(
    ("task", "named", "other"),
    [
        ("kubernetes:server=https://127.0.0.1:9,token=@{token},{}", "secret=web", "namespace=b"),
        ("vault:url=https://127.0.0.1:9,token=@{token},{}", "path=a/web", "path=b/web"),
        ("vault:url=https://127.0.0.1:9,token=@{token},path=web{}", "", ",mount=kv"),
        ("azure-keyvault:vault=https://127.0.0.1:9,identity=managed{}", ",certificate=web", ""),
    ],
)
def test_tasks_of_two_certificates_do_not_replace_one_thing_at_a_service(
    inside: Inside, tmp_path: Path, task: str, named: str, other: str
) -> None:
    token = tmp_path / "token"
    token.write_text("secret-of-a-token")
    both, apart = (f"--deploy={task.format(fields, token=token)}" for fields in (named, other))
    inside.good("add", "a.example", "--provider=manual", both)
    refused = inside.run("add", "b.example", "--provider=manual", both)
    assert refused.status == 2
    assert " of a.example (" in refused.stderr
    assert refused.stderr.endswith(": give each its own\n")
    inside.good("add", "b.example", "--provider=manual", apart)


def test_a_preview_tells_what_is_stored_already_and_overwrites_another_certificate(
    world: World, tmp_path: Path
) -> None:
    for name in "ab":
        to = f"--deploy=copy:fullchain={tmp_path}/{name}.pem"
        options = (*world.rfc2136_options, world.ca_options[0], to)
        assert world.run("add", f"{name}.example.com", *options).status == 0
    with sqlite3.connect(world.home / "state.sqlite3") as database:
        database.execute("UPDATE certificates SET definition = replace(definition, '/b.', '/a.')")
    for name, other in ("ab", "ba"):
        shown = world.run("preview", f"{name}.example.com", *world.ca_options[1:]).stdout
        assert f"by the task copy of {other}.example.com (fullchain): give each a path" in shown


def test_tasks_may_share_a_file_that_is_the_same_for_both(inside: Inside, tmp_path: Path) -> None:
    files = f"fullchain={tmp_path}/site.pem,key={tmp_path}/key.pem"
    tasks = (f"--deploy=nginx:{files}", f"--deploy=apache:{files}")
    inside.good("add", "a.example", "--provider=manual", *tasks)


def test_machines_have_files_of_their_own(inside: Inside, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_bytes(
        ed25519.Ed25519PrivateKey.generate().private_bytes(
            Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()
        )
    )
    common = f"port=9,user=u,host_key=SHA256:{'A' * 43},private_key=@{key}"

    def ssh(name: str, host: str, **paths: str) -> str:
        fields = ",".join(f"{part}={path}" for part, path in paths.items())
        return f"--deploy=ssh:name={name},host={host},{common},{fields}"

    inside.good(
        *("add", "a.example", "--provider=manual", f"--deploy=copy:key={tmp_path}/x"),
        ssh("one", "127.0.0.1", fullchain=f"{tmp_path}/x"),
        ssh("two", "127.0.0.2", fullchain=f"{tmp_path}/x"),
    )
    refused = inside.run("edit", "a.example", ssh("three", "127.0.0.2", key=f"{tmp_path}/./x"))
    assert "by the task two (fullchain) and by the task three (key)" in refused.stderr


def test_a_task_that_would_fail_is_told_when_it_is_saved(inside: Inside, tmp_path: Path) -> None:
    hook = "--deploy-hook=/no/such/hook"
    told = "zoneproof: warning: a.example: the task command would fail: cannot run /no/such/hook"
    added = inside.run("add", "a.example", "--provider=manual", hook)
    assert (added.status, added.stderr.count(told)) == (0, 1)
    inside.good("edit", "a.example", "--no-deploy=command")
    edited = inside.run("edit", "a.example", hook)
    assert (edited.status, edited.stderr.count(told)) == (0, 1)
    assert inside.run("edit", "a.example", "--ttl=5").stderr == ""  # it was told before

    file = tmp_path / "certs.toml"
    file.write_text(inside.good("list", "--toml").replace("/no/such/hook", "/no/such/hook --new"))
    for more in (["--dry-run"], []):
        applied = inside.run("apply", "-f", str(file), *more)
        assert (applied.status, applied.stderr.count(told)) == (0, 1)


def test_kinds_of_tasks_are_listed_and_shown(inside: Inside) -> None:
    assert ["nginx", "nginx"] in [
        line.split() for line in inside.good("deploy", "list").splitlines()
    ]
    shown = inside.good("deploy", "show", "webhook")
    assert "  secret  (default '', secret)\n" in shown
    facts = json.loads(inside.good("deploy", "show", "systemd", "--json"))
    assert [one["name"] for one in facts["fields"]] == ["unit", "action", "scope"]
