"""TSIG keys as BIND's tools write them, as people write them, and as nsupdate takes them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.peers import dns_tool, dns_tool_environment
from tests.support.trees import write
from zoneproof.core.errors import InvalidInputError
from zoneproof.migration.tsig_keys import TsigKey, algorithm_name, read_key_file, read_key_text
from zoneproof.providers import describe

SECRET = "c2VjcmV0/LXNl//Y3JldC1zZWNyZX+Qtc2VjcmV0LTEyMzQ="
ALGORITHMS = [f"hmac-{name}" for name in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")]
KEY = TsigKey("acme", "hmac-sha512", SECRET)
STATEMENT = f'key "acme" {{ algorithm hmac-sha512; secret "{SECRET}"; }};'


def tool(name: str, *arguments: str, folder: Path) -> str:
    done = subprocess.run(
        [dns_tool(name), *arguments],
        env=dns_tool_environment(),
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return done.stdout


def read(folder: Path, text: str) -> TsigKey:
    return read_key_file(write(folder / "tsig.key", text))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_keys_of_tsig_keygen_are_read(tmp_path: Path, algorithm: str) -> None:
    text = tool("tsig-keygen", "-a", algorithm, "acme.example", folder=tmp_path)
    key = read(tmp_path, text)
    assert (key.name, key.algorithm) == ("acme.example", algorithm)
    assert f'"{key.secret}"' in text


@pytest.mark.parametrize(
    "text",
    [
        STATEMENT,
        f"key acme{{algorithm hmac-sha512;secret {SECRET};}};",
        f"key acme {{ secret {SECRET}; algorithm HMAC-SHA512; }};",
        f'# key "old" {{ algorithm hmac-md5; secret "b2xk"; }};\n{STATEMENT}',
        f'// key "old" {{ algorithm hmac-md5; secret "b2xk"; }};\n{STATEMENT}',
        f'/* key "old" {{\n algorithm hmac-md5; secret "b2xk"; }}; */ {STATEMENT}',
        f'key "acme" {{ // secret "b2xk";\n algorithm /* hmac-md5 */ "hmac-sha512";\n'
        f' # secret "b2xk";\n secret "{SECRET}"; }};',
        f'zone "x" {{ type primary; update-policy {{ grant old zonesub any; }}; }};\n{STATEMENT}',
        f'options {{ directory "/var"; }};\r\n{STATEMENT}\r\n',
        f"\ufeff{STATEMENT}",
        STATEMENT.removesuffix(";"),
    ],
)
def test_a_key_statement_is_read_with_its_comments(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == KEY


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_keys_of_knot_are_read(tmp_path: Path, algorithm: str) -> None:
    text = tool("keymgr", "-t", "acme.example", algorithm, folder=tmp_path)
    key = read(tmp_path, text)
    assert (key.name, key.algorithm) == ("acme.example", algorithm)
    assert text.startswith(f"# {algorithm}:acme.example:{key.secret}\n")


def test_of_the_keys_in_a_file_of_knot_the_first_is_taken(tmp_path: Path) -> None:
    more = '- id: other\n  secret: "b3RoZXI="\n'
    text = f"key:\n- id: acme # ours\n  algorithm: hmac-sha512\n  secret: {SECRET}\n{more}"
    assert read(tmp_path, text) == KEY


@pytest.mark.parametrize(
    "text",
    [
        f"acme. IN KEY 512 3 165 (\n  {SECRET[:20]}\n  {SECRET[20:]} )\n",
        f"acme. KEY ( 512 3 165 ; flags\n{SECRET[:4]} ; one\n{SECRET[4:]}\n) ; the end\n",
        f"; a key (of ours\nacme. 3600 IN KEY 512 3 165 {SECRET[:9]} {SECRET[9:]}\n",
    ],
)
def test_a_key_record_over_several_lines_is_read(tmp_path: Path, text: str) -> None:
    key = read(tmp_path, text)
    assert (key.name.rstrip("."), key.algorithm, key.secret) == ("acme", "hmac-sha512", SECRET)


def test_of_two_keys_the_first_is_taken_which_a_note_says(tmp_path: Path) -> None:
    key = read(tmp_path, f'{STATEMENT}\nkey "rndc" {{ algorithm hmac-md5; secret "b2xk"; }};\n')
    assert (key.name, key.algorithm, key.secret) == (KEY.name, KEY.algorithm, KEY.secret)
    (note,) = key.notes
    assert "holds 2 keys, and the first is used: acme" in note


KEY_FILE, PRIVATE_FILE = "Kacme.+165+12345.key", "Kacme.+165+12345.private"
RECORD = f"acme. IN KEY 512 3 165 {SECRET}\n"
PRIVATE = f"Private-key-format: v1.3\nAlgorithm: 165 (HMAC_SHA512)\nKey: {SECRET}\nBits: AAA=\n"


@pytest.mark.parametrize(
    ("file", "files", "name"),
    [
        (KEY_FILE, {KEY_FILE: RECORD}, "acme."),
        ("tsig.key", {"tsig.key": RECORD}, "acme."),
        ("tsig.key", {"tsig.key": RECORD.replace("IN", "60 in").replace("KEY", "key")}, "acme."),
        (
            "tsig.key",
            {"tsig.key": f"; made by hand\n{RECORD.replace(SECRET, f'{SECRET[:9]} {SECRET[9:]}')}"},
            "acme.",
        ),
        (PRIVATE_FILE, {PRIVATE_FILE: PRIVATE, KEY_FILE: RECORD}, "acme."),
        ("tsig.private", {"tsig.private": PRIVATE, "tsig.key": RECORD}, "acme."),
        (PRIVATE_FILE, {PRIVATE_FILE: PRIVATE}, "acme"),
    ],
)
def test_both_files_of_dnssec_keygen_are_read(
    tmp_path: Path, file: str, files: dict[str, str], name: str
) -> None:
    for path, text in files.items():
        write(tmp_path / path, text)
    assert read_key_file(tmp_path / file) == TsigKey(name, KEY.algorithm, SECRET)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no TSIG key in it"),
        (SECRET, "no TSIG key in it"),
        ("\x00", "no TSIG key in it"),
        (f"# {STATEMENT}", "no TSIG key in it"),
        ('key "acme" { algorithm hmac-sha512; };', "has no secret"),
        (f'key "acme" {{ secret "{SECRET}"; }};', "has no algorithm"),
        (STATEMENT.replace("hmac-sha512", "hmac-sha3"), "'hmac-sha3' is not a TSIG algorithm"),
        (STATEMENT.replace("hmac-sha512", "hmac-sha512-128"), "cut short"),
        (STATEMENT.replace('"acme"', '"acme'), "a quote in it is not closed"),
        (RECORD.replace("165", "8"), "not for TSIG"),
        (PRIVATE, "does not hold the TSIG key's name"),
        (PRIVATE.replace("165", "9" * 5000), "not for TSIG"),
        ("Private-key-format: v1.3\n", "not the private file of a TSIG key"),
    ],
)
def test_what_is_no_key_is_told_without_its_content(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / ("Kacme.+165+1.private" if "9999" in text else "tsig.key")
    write(path, text)
    with pytest.raises(InvalidInputError) as caught:
        read_key_file(path)
    assert caught.value.message.startswith(f"{path}: ")
    assert reason in caught.value.message
    assert SECRET[:10] not in caught.value.message


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("HMAC-MD5.SIG-ALG.REG.INT", "hmac-md5"),
        ("hmac-md5.sig-alg.reg.int.", "hmac-md5"),
        ("HMAC_SHA512", "hmac-sha512"),
        ("hmac-sha256.", "hmac-sha256"),
        ("hmacsha1", "hmac-sha1"),
        ("hmac-sha-384", "hmac-sha384"),
        ("SHA224", "hmac-sha224"),
        (" hmac-sha1 ", "hmac-sha1"),
    ],
)
def test_algorithms_are_known_in_every_spelling(text: str, name: str) -> None:
    assert algorithm_name(text) == name


def test_the_algorithms_are_those_of_the_provider() -> None:
    (field,) = [one for one in describe("rfc2136").fields if one.name == "algorithm"]
    assert list(field.choices) == ALGORITHMS
    for name in ALGORITHMS:
        assert algorithm_name(name) == algorithm_name(name.upper()) == name


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (f"hmac-sha512:acme:{SECRET}", KEY),
        (f"HMAC-MD5:acme.example.:{SECRET}", TsigKey("acme.example.", "hmac-md5", SECRET)),
        (f"acme:{SECRET}", TsigKey("acme", "hmac-sha256", SECRET)),
        (SECRET, None),
        (f"hmac-sha9:acme:{SECRET}", None),
        (f"a:b:c:{SECRET}", None),
        ("acme:", None),
        (f":{SECRET}", None),
        ("", None),
    ],
)
def test_a_key_as_nsupdate_takes_it_on_its_command_line(text: str, key: TsigKey | None) -> None:
    assert read_key_text(text) == key


NOISE = st.lists(
    st.sampled_from([" ", "\n", "\t", "# key x { secret a; };\n", "// }\n", '/* " { ; */', "\r\n"]),
    max_size=4,
).map(lambda parts: " " + "".join(parts) + " ")


@given(st.data())
def test_what_a_parser_skips_may_stand_anywhere(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    words = re.findall(r'"[^"]*"|[{};]|[^\s{};"]+', STATEMENT)
    text = "".join(data.draw(NOISE) + word for word in words) + data.draw(NOISE)
    assert read(tmp_path_factory.getbasetemp(), text) == KEY


@given(st.text(max_size=200))
@example("0 KEY")
@example("name. IN KEY 512 3 157")
def test_any_text_is_a_key_or_an_error_of_ours(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.key"
    write(path, text.encode(errors="replace"))
    try:
        read_key_file(path)
    except InvalidInputError:
        return
