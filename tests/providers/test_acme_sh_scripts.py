"""Scripts of acme.sh: how they are run and described, and what goes wrong with them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.providers.acme_sh_script import RECORD, ZONE, Look, open_pdns, open_script
from tests.providers.dns_servers import MAIN
from tests.providers.harness import challenge_value, check_message, txt
from tests.support.fake_http import Reply, fake_http_server
from tests.support.peers.acme_sh import ACME_SH_HOME
from zoneproof.core.errors import (
    DnsError,
    InvalidInputError,
    ProviderCredentialsError,
    ProviderError,
    ProviderPermissionError,
    ProviderQuotaError,
    ProviderUnavailableError,
)
from zoneproof.core.names import DomainName
from zoneproof.providers import Provider, ProviderContext, describe, installed, open_provider


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Provider]:
    """Makes a script of one's own, beside an acme.sh that is found; the argument is what it does.

    ``$1`` is ``add`` or ``rm``, ``$2`` the name, ``$3`` the value.
    """
    monkeypatch.setenv("ACME_SH_HOME", str(ACME_SH_HOME))

    def make(work: str, look: Look | None = None, **fields: str) -> Provider:
        (tmp_path / "dns_own.sh").write_text(
            f'dns_own_add() {{\n  own add "$@"\n}}\ndns_own_rm() {{\n  own rm "$@"\n}}\n'
            f"own() {{\n{work}\n}}\n"
        )
        home = {"home": str(tmp_path)}
        return open_script("dns_own", home | fields, look, locks=tmp_path / "locks")

    return make


async def test_a_script_gets_the_credential_s_variables_and_none_of_ours(
    own: Callable[..., Provider], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CF_Token", "of-somebody-else")
    provider = own(f'env >{tmp_path}/env; echo "$@" >{tmp_path}/words', OWN_Token="t0ken")
    await provider.add(ZONE, [RECORD])
    environment = dict(
        line.split("=", 1) for line in (tmp_path / "env").read_text().splitlines() if "=" in line
    )
    assert environment["OWN_Token"] == "t0ken"
    assert not {"CF_Token", "ZONEPROOF_HOME", "home", "timeout"} & environment.keys()
    assert (tmp_path / "words").read_text().split() == [
        "add",
        f"{RECORD.name}.{MAIN}",
        RECORD.value,
    ]
    home = Path(environment["HOME"])
    assert home != Path.home()
    assert home.stat().st_mode & 0o777 == 0o700
    await provider.close()
    assert not home.exists()


async def test_what_a_script_saves_is_there_in_its_next_run_and_in_no_other_s(
    own: Callable[..., Provider], tmp_path: Path
) -> None:
    work = f"""_readaccountconf_mutable OWN_Session >>{tmp_path}/seen
echo >>{tmp_path}/seen
_saveaccountconf_mutable OWN_Session s3ssion"""
    providers = [own(work, OWN_User="one"), own(work, OWN_User="two")]
    await providers[0].add(ZONE, [RECORD])
    await providers[0].remove(ZONE, [RECORD])
    await providers[1].add(ZONE, [RECORD])
    assert (tmp_path / "seen").read_text().split("\n") == ["", "s3ssion", "", ""]
    for provider in providers:
        await provider.close()


@pytest.mark.parametrize("first_line", ["#!{0}", "#!/usr/bin/env {0}"])
async def test_a_script_is_run_by_the_shell_that_acme_sh_is_run_by(
    tmp_path: Path, first_line: str
) -> None:
    shell = tmp_path / "shell"
    shell.write_text(f'#!/bin/sh\ntouch {tmp_path}/ran\nexec /bin/sh "$@"\n')
    shell.chmod(0o755)
    (tmp_path / "acme.sh").write_text(f"{first_line.format(shell)}\n_initpath() {{\n  true\n}}\n")
    (tmp_path / "dns_own.sh").write_text("dns_own_add() {\n  true\n}\n")
    provider = open_script("dns_own", {"home": str(tmp_path)})
    await provider.add(ZONE, [RECORD])
    assert (tmp_path / "ran").exists()
    await provider.close()


async def test_an_error_is_the_last_that_was_said_without_secrets(
    own: Callable[..., Provider],
) -> None:
    provider = own('_info "much"; _err "the key $OWN_Key is wrong"; return 1', OWN_Key="s3cr3t-key")
    with pytest.raises(ProviderError, match=r"add.*name _acme-challenge\.example\.com") as caught:
        await provider.add(ZONE, [RECORD])
    check_message(caught.value, ["s3cr3t-key"])
    assert caught.value.message.endswith(": the key *** is wrong")
    await provider.close()


async def test_one_of_several_values_fails_by_itself(own: Callable[..., Provider]) -> None:
    good, bad = RECORD, txt("_acme-challenge", "refused")
    provider = own('[ "$3" != refused ]')
    with pytest.raises(ProviderError, match="said nothing") as caught:
        await provider.add(ZONE, [good, bad])
    assert caught.value.of(good) is None
    assert caught.value.of(bad) is not None
    assert not caught.value.changed_nothing
    await provider.close()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, ProviderCredentialsError),
        (403, ProviderPermissionError),
        (429, ProviderQuotaError),
        (503, ProviderUnavailableError),
    ],
)
async def test_what_the_service_answered_last_tells_the_kind(
    status: int, kind: type[ProviderError]
) -> None:
    async with fake_http_server(lambda request: Reply(status, {"error": "no"})) as fake:
        provider = open_pdns(fake.url)
        with pytest.raises(ProviderError) as caught:
            await provider.add(ZONE, [RECORD])
        assert type(caught.value) is kind
        await provider.close()


async def test_at_the_deadline_it_is_not_known_what_a_script_has_done(
    own: Callable[..., Provider],
) -> None:
    provider = own("sleep 600", timeout="0.5")
    with pytest.raises(ProviderUnavailableError, match=r"0\.5 seconds.* raise the field") as caught:
        await provider.add(ZONE, [RECORD])
    assert not caught.value.changed_nothing
    await provider.close()


class Seen:
    """What the DNS has, one answer after the other: values, or an error."""

    def __init__(self, *answers: list[str] | DnsError) -> None:
        self.answers = list(answers)

    async def __call__(self, name: DomainName) -> list[str]:
        assert name.text == f"{RECORD.name}.{MAIN}"
        answer = self.answers.pop(0)
        if isinstance(answer, DnsError):
            raise answer
        return answer


@pytest.mark.parametrize(
    ("before", "after", "done"),
    [
        (["others", RECORD.value], [], ["rm", "add others"]),
        (["others", RECORD.value], ["others", RECORD.value], ["rm"]),
        (["others"], DnsError("no answer"), ["rm"]),
        (DnsError("no answer"), [], ["rm"]),
        (['others "text"'], [], ["rm"]),
    ],
)
async def test_what_a_script_takes_away_besides_is_added_again(
    own: Callable[..., Provider],
    tmp_path: Path,
    before: list[str] | DnsError,
    after: list[str] | DnsError,
    done: list[str],
) -> None:
    provider = own(f"echo $1 $3 >>{tmp_path}/done", Seen(before, after))
    await provider.remove(ZONE, [RECORD])
    said = (tmp_path / "done").read_text().replace(f"rm {RECORD.value}", "rm")
    assert said.splitlines() == done
    await provider.close()


async def test_a_value_that_was_removed_is_not_added_again_where_servers_lag_behind(
    own: Callable[..., Provider], tmp_path: Path
) -> None:
    other = txt(RECORD.name, challenge_value())
    seen = Seen([RECORD.value, other.value], [other.value], [RECORD.value, other.value])
    provider = own(f"echo $1 >>{tmp_path}/done", seen)
    await provider.remove(ZONE, [RECORD])
    await provider.remove(ZONE, [other])
    assert (tmp_path / "done").read_text().split() == ["rm", "rm"]
    assert not seen.answers
    await provider.close()


async def test_what_cannot_be_added_again_is_an_error(own: Callable[..., Provider]) -> None:
    provider = own('[ $1 = rm ] || _err "no more"', Seen(["others"], []))
    with pytest.raises(ProviderError, match=r"took away values of others as well.*no more"):
        await provider.remove(ZONE, [RECORD])
    await provider.close()


async def test_another_process_at_the_same_zone_is_waited_for(
    own: Callable[..., Provider], tmp_path: Path
) -> None:
    begun, end = tmp_path / "begun", tmp_path / "end"
    os.mkfifo(begun)
    os.mkfifo(end)
    work = f"echo >{begun}; read x <{end}; echo $3 >>{tmp_path}/done"
    first, second = own(work), own(work, timeout="0.5")
    running = asyncio.create_task(first.add(ZONE, [RECORD]))
    await asyncio.to_thread(begun.read_text)
    with pytest.raises(ProviderUnavailableError, match="another zoneproof is still") as caught:
        await second.add(ZONE, [RECORD])
    assert caught.value.changed_nothing
    await asyncio.to_thread(end.write_text, "\n")
    await running
    assert (tmp_path / "done").read_text().split() == [RECORD.value]
    for provider in (first, second):
        await provider.close()


async def test_a_value_that_a_script_may_quote_wrongly_is_refused_before_anything_is_run(
    own: Callable[..., Provider], tmp_path: Path
) -> None:
    provider = own(f"touch {tmp_path}/ran")
    with pytest.raises(InvalidInputError, match="characters that are not allowed"):
        await provider.add(ZONE, [RECORD, txt("a", 'say "yes"')])
    assert not (tmp_path / "ran").exists()


def test_a_script_is_described_by_its_header(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_SH_HOME", str(ACME_SH_HOME))
    info = describe("acmesh:dns_cf")
    assert (info.title, info.homepage) == ("CloudFlare (acme.sh)", "https://CloudFlare.com")
    fields = {field.name: field for field in info.fields}
    assert list(fields)[:4] == ["CF_Key", "CF_Email", "CF_Token", "CF_Account_ID"]
    assert fields["CF_Token"].secret
    assert not fields["CF_Email"].secret
    assert fields["CF_Email"].help == "Your account email"
    other = info.field("CF_Other")
    assert other
    assert other.secret
    assert info.field("not-a-variable") is None


def test_every_installed_script_can_be_described(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_SH_HOME", str(ACME_SH_HOME))
    slugs = [slug for slug in installed() if slug.startswith("acmesh:")]
    assert len(slugs) > 150
    for slug in slugs:
        info = describe(slug)
        names = [field.name for field in info.fields]
        assert len(set(names)) == len(names), slug
        assert all(field.help for field in info.fields), slug
        assert info.title.isprintable()


def test_without_acme_sh_a_script_is_described_and_not_opened(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("ACME_SH_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    info = describe("acmesh:dns_cf")
    assert "not in a usual place" in info.notes
    assert info.field("CF_Token")
    with pytest.raises(InvalidInputError, match=r"acme\.sh is not in a usual place: install it"):
        open_provider("acmesh:dns_cf", ProviderContext({"CF_Token": "x"}))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("dns_cff", "did you mean acmesh:dns_cf"),
        ("dns_zzzzzzzzzz", "is its version the right one"),
        ("../../etc/passwd", "is not the name of a script"),
        ("", "is not the name of a script"),
        ("dns_a.b", "is not the name of a script"),
    ],
)
def test_a_script_that_is_not_there(name: str, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says) as caught:
        open_script(name, {})
    check_message(caught.value, [])


@pytest.mark.parametrize("fields", [{"home": "relative"}, {"timeout": "0"}, {"a-b": "c"}])
def test_fields_that_cannot_be_used(fields: dict[str, str]) -> None:
    with pytest.raises(InvalidInputError, match=next(iter(fields))):
        open_script("dns_cf", fields)
