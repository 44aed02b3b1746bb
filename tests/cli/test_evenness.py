"""All commands alike: walks the tree of commands, and holds what holds for each of them."""

from __future__ import annotations

import pytest

from tests.cli.inside import Inside
from tests.support.command_tree import COMMANDS, options_of

WITHOUT_JSON = {
    "help": "it shows the help of another command",
    "demo": "it tells a story to a person, whose end is a certificate that nobody uses",
}
ASKING = {
    "account deactivate": "the account at the CA",
    "account remove": "the account's key",
    "apply": "definitions that the file does not have, with --prune",
    "challenge key revoke": "a licence key",
    "challenge node remove": "the place of a node that may still answer",
    "challenge registration delete": "a registration",
    "challenge registration rotate": "the old API key",
    "challenge tenant delete": "a tenant and its keys",
    "credential remove": "the secrets",
    "credential rotate-key": "older vault keys, with --drop-old",
    "import acme.sh": "what differs here, with --replace",
    "import archive": "what differs here, with --replace",
    "import certbot": "what differs here, with --replace",
    "import lego": "what differs here, with --replace",
    "import registrations": "what differs here, with --replace",
    "leftover drop": "what is known of values that may still stand",
    "registration remove": "the registration's key",
    "remove": "the definition, and with --delete-files the files",
    "revoke": "the certificate's worth",
    "web token remove": "a program's way in",
    "web user remove": "who may sign in",
}
# What these are about is another thing in each command; all other options are worded alike.
OWN_MEANING = {
    *("--account", "--all", "--ca", "--directory", "--email", "--force", "--json", "--key-type"),
    *("--credential", "--domain", "--dry-run", "--expires", "--format"),
    *(
        "--method",
        "--name",
        "--output",
        "-o",
        "--server",
        "--tenant",
        "--web",
        "--zone",
        "--config",
    ),
}


def test_every_command_that_has_a_result_tells_it_as_json() -> None:
    without = {name for name, command in COMMANDS.items() if "--json" not in options_of(command)}
    assert without == set(WITHOUT_JSON)


def test_every_command_that_destroys_something_asks() -> None:
    asking = {name for name, command in COMMANDS.items() if "--yes" in options_of(command)}
    assert asking == set(ASKING)


def test_json_is_the_last_option_of_every_command() -> None:
    for name, command in COMMANDS.items():
        texts = list(options_of(command))
        if name not in WITHOUT_JSON:
            assert texts[-1] == "--json", name
        if name in ASKING:
            assert texts[-2] == "--yes", name


def test_the_same_option_is_worded_alike_everywhere() -> None:
    texts: dict[str, set[tuple[object, ...]]] = {}
    for command in COMMANDS.values():
        for text, option in options_of(command).items():
            said = (option.help, option.metavar, option.show_default)
            texts.setdefault(text, set()).add(said)
    several = {text for text, said in texts.items() if len(said) > 1}
    assert several <= OWN_MEANING


def test_every_command_fits_on_a_line_of_the_list_of_its_group() -> None:
    for name, command in COMMANDS.items():
        in_group = " " in name  # the commands of no group have lines of their own
        assert not (in_group and command.get_short_help_str(60).endswith("...")), name


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_explained(name: str) -> None:
    command = COMMANDS[name]
    assert (command.help or "").strip()
    for text, option in options_of(command).items():
        assert option.help, text
        assert option.help.endswith((".", "]")), f"{text}: {option.help}"


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in COMMANDS
        if name.split()[-1] == "list" and not name.startswith(("challenge", "deploy", "provider"))
    ],
)
def test_a_list_of_nothing_says_so(inside: Inside, name: str) -> None:
    words = name.split()
    assert inside.good(*words).count("\n") == 1
    assert inside.good(*words, "--json") == "[]\n"
