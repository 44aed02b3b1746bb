"""The ``zoneproof kubernetes`` commands: what runs inside a cluster."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

import click

from zoneproof.cli.option_groups import (
    PATH,
    LazyCommands,
    authoritative_port_option,
    dns_settings_options,
    json_events_option,
)

_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_GROUP = re.compile(rf"(?=.{{3,253}}$){_LABEL}(\.{_LABEL})+")
_TABLE = {
    "In a cluster": {
        "webhook": (".kubernetes:webhook", "Answer cert-manager's dns-01 challenges."),
    },
}


@click.group(cls=LazyCommands, table=_TABLE)
def kubernetes() -> None:
    """Run what belongs inside a Kubernetes cluster."""


def _check_group(context: click.Context, parameter: click.Parameter, text: str) -> str:
    del context, parameter
    if not _GROUP.fullmatch(text):
        raise click.BadParameter("it must be a name like acme.example.com, in lower case")
    return text


def _read_endpoints(context: click.Context, parameter: click.Parameter, given: Any) -> Any:
    from zoneproof.serving.sockets import Endpoint

    del context, parameter
    try:
        return tuple(map(Endpoint.parse, given))
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command()
@click.option(
    "--group",
    required=True,
    metavar="NAME",
    callback=_check_group,
    help="The API group, which Issuers give as groupName: a name of a domain of yours.",
)
@click.option(
    "--tls-certificate",
    "certificate",
    type=PATH,
    metavar="FILE",
    required=True,
    help="Certificate chain (PEM).",
)
@click.option(
    "--tls-key",
    "key",
    type=PATH,
    metavar="FILE",
    required=True,
    help="Its key (PEM).",
)
@click.option(
    "--listen",
    metavar="ADDRESS:PORT",
    multiple=True,
    default=["0.0.0.0:8443"],
    show_default=True,
    callback=_read_endpoints,
    help="Where to listen. Repeatable.",
)
@click.option(
    "--service-account",
    type=PATH,
    metavar="DIR",
    help="Folder with the pod's token and the cluster's CA, if it is not the usual one.",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
    help="What is logged.",
)
@dns_settings_options
@authoritative_port_option
@json_events_option
def webhook(
    group: str,
    certificate: Path,
    key: Path,
    listen: Any,
    service_account: Path | None,
    log_level: Literal["debug", "info", "warning", "error"],
    as_json: bool,
    **options: Any,
) -> None:
    """Answer cert-manager's dns-01 challenges.

    All DNS providers are in one webhook, which runs until it is stopped. It is an extension API
    server, which Kubernetes' own API server calls: install it with the chart. SIGTERM and Ctrl-C
    stop it. A changed certificate is used without a restart; SIGHUP looks for one at once.
    """
    from zoneproof.certmanager.webhook import SolverSettings, serve
    from zoneproof.cli.options import run_from
    from zoneproof.cli.output import json_text, tell_ready
    from zoneproof.cli.running import run_with_manager
    from zoneproof.core.errors import KubernetesError
    from zoneproof.kubernetes import in_cluster
    from zoneproof.kubernetes.access import SERVICE_ACCOUNT
    from zoneproof.manager import Manager
    from zoneproof.serving import logs
    from zoneproof.serving.certificate import KeyPair

    try:
        cluster = in_cluster(folder=service_account or SERVICE_ACCOUNT)
    except KubernetesError as error:
        raise KubernetesError(f"{error.message}: install the webhook with its chart") from error
    run = run_from(options)
    settings = SolverSettings(group, listen, KeyPair(certificate, key))
    logs.set_up(logs.ServerLogSettings("json" if as_json else "text", log_level))

    def ready(url: str) -> None:
        line = f"the webhook for {group} answers at {url}"
        tell_ready(json_text({"event": "ready", "group": group, "url": url}) if as_json else line)

    async def work(manager: Manager) -> None:
        await serve(settings, manager, cluster, ready)

    run_with_manager(work, run, needs_secrets=False)
