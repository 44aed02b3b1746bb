"""Deployment tasks of a certificate: chosen from all kinds, filled in, changed, moved, removed."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec.structs import replace
from starlette.responses import Response

from zoneproof.core.errors import InvalidInputError, NotFoundError, ZoneproofError
from zoneproof.deployment import TaskInfo, describe_task, task_kinds
from zoneproof.manager import CertificateDefinition, Proposal, credential_summaries
from zoneproof.manager.certificates.options import CertificateOptions, GivenTask
from zoneproof.manager.certificates.proposal import save, task_warnings
from zoneproof.manager.certificates.task_definition import TaskDefinition, When, named
from zoneproof.pages.forms import Form
from zoneproof.pages.seen import require_seen, seen_with
from zoneproof.providers import shown_field
from zoneproof.web.pages.credential_forms import given_fields
from zoneproof.web.pages.views import noting_news
from zoneproof.web.visits import Page, Visit

_USUALLY: When = "issued"
_WHEN: dict[When, str] = {
    "issued": "after a certificate was issued",
    "failed": "after an attempt failed",
    "always": "after every attempt, successful or not",
    "before": "before an attempt",
}


def pages() -> list[Page]:
    """Return the pages; the name of a task is in the query."""
    at = "/certificates/{name}"
    return [
        Page("GET", f"{at}/new-task", _new, "administrator"),
        Page("POST", f"{at}/new-task", _add, "administrator"),
        Page("GET", f"{at}/task", _edit, "administrator"),
        Page("POST", f"{at}/task", _change, "administrator"),
        Page("POST", f"{at}/move-task", _move, "administrator"),
        Page("GET", f"{at}/remove-task", _ask_to_remove, "administrator"),
        Page("POST", f"{at}/remove-task", _remove, "administrator"),
    ]


async def _new(visit: Visit) -> Response:
    name = (await visit.manager.certificates.get(visit.name)).name
    kind = visit.query.text("kind")
    if kind:
        return await _form(visit, name, TaskDefinition(task=kind))
    kinds = {one: describe_task(one).title for one in task_kinds()}
    return visit.page("choose_task.html", name=name, kinds=kinds)


_TO_DEPLOY = ": 'Deploy what is left' does it now"


async def _form(
    visit: Visit,
    certificate: str,
    shown: TaskDefinition,
    *,
    stored: TaskDefinition | None = None,
    error: ZoneproofError | None = None,
) -> Response:
    """Return the form of a new task, or of one that is stored, with what is typed into it."""
    info = describe_task(shown.task)
    lost = frozenset(_secret(info, given_fields(visit.form)))
    known = await credential_summaries(visit.manager.store)
    return visit.page(
        "task_form.html",
        400 if error else 200,
        name=certificate,
        info=info,
        task=shown,
        values=shown.fields,
        lost=lost,
        is_new=stored is None,
        stored=bool(stored and stored.credential),
        times=_WHEN,
        credentials=[one.name for one in known if one.provider == info.slug],
        seen=seen_with(visit.form, error, await _revision(visit, stored)) if stored else "",
        error=visit.refused(error) if error else "",
    )


async def _add(visit: Visit) -> Response:
    kind = visit.form.text("kind")
    visit.does("edit", f"{visit.name}: task {kind}")
    before = (await visit.manager.certificates.get(visit.name)).definition
    given = _given(visit.form, kind, visit.form.text("called"))
    try:
        if given.definition.name in {task.name for task in before.deploy}:
            raise InvalidInputError("a task of this name already exists: give another name")
        *_, task = named((*before.deploy, given.definition))
        options = CertificateOptions(tasks=(GivenTask(task, given.secrets),))
        done = f"The task {task.name} is saved"
        return await _saved(visit, options.applied_to(before), before, done, _TO_DEPLOY)
    except ZoneproofError as error:
        return await _form(visit, before.name, given.definition, error=error)


async def _edit(visit: Visit) -> Response:
    definition = (await visit.manager.certificates.get(visit.name)).definition
    task = _task(definition, visit.query.text("task"))
    return await _form(visit, definition.name, task, stored=task)


async def _change(visit: Visit) -> Response:
    name = visit.form.text("called")
    visit.does("edit", f"{visit.name}: task {name}")
    before = (await visit.manager.certificates.get(visit.name)).definition
    task = _task(before, name)
    given = _given(visit.form, task.task, task.name)
    try:
        require_seen(visit.form, await _revision(visit, task), f"the task {name}")
        secrets = {**await _kept_secrets(visit, given), **given.secrets}
        # What is not typed anew stays, and so does what the credential alone has.
        changed = GivenTask(given.definition, secrets if given.secrets else {})
        options = CertificateOptions(tasks=(changed,))
        done = f"The task {task.name} is changed"
        return await _saved(visit, options.applied_to(before), before, done, _TO_DEPLOY)
    except ZoneproofError as error:
        return await _form(visit, before.name, given.definition, stored=task, error=error)


async def _revision(visit: Visit, task: TaskDefinition) -> str:
    """Return a text that every change of the task, or of its credential, makes another one."""
    credential = await visit.manager.credentials.revisions([task.credential])
    return f"{msgspec.json.encode(task).decode()} {credential.get(task.credential, '')}"


async def _kept_secrets(visit: Visit, given: GivenTask) -> Mapping[str, str]:
    name = given.definition.credential
    found = await visit.manager.credentials.find(name) if name and given.secrets else None
    return found.fields if found else {}


async def _saved(
    visit: Visit, wanted: Proposal, before: CertificateDefinition, done: str, then: str = ""
) -> Response:
    news: list[str] = []
    await save(visit.manager, wanted, before, noting_news(news))
    warnings = await task_warnings(visit.manager, before, wanted.definition)
    told = f"{done}, but {'; '.join(warnings)}." if warnings else f"{done}{then}."
    return visit.go(f"/certificates/{before.name}/deployment", " ".join([told, *news]))


def _given(form: Form, kind: str, name: str) -> GivenTask:
    """Return the task that the form describes, what is secret apart."""
    given = given_fields(form)
    secrets = _secret(describe_task(kind), given)
    when = next((one for one in _WHEN if one == form.text("when")), _USUALLY)
    definition = TaskDefinition(
        task=kind,
        name=name,
        fields={key: value for key, value in given.items() if key not in secrets},
        credential=form.text("credential"),
        when=when,
        fatal=form.is_on("fatal"),
    )
    return GivenTask(definition, secrets)


def _secret(info: TaskInfo, given: Mapping[str, str]) -> dict[str, str]:
    """Return those of the fields that are secret."""
    known = {field.name: field for field in info.fields}
    return {
        name: value
        for name, value in given.items()
        if name in known and shown_field(known[name], value) != value
    }


def _task(definition: CertificateDefinition, name: str) -> TaskDefinition:
    for task in definition.deploy:
        if task.name == name:
            return task
    raise NotFoundError(f"there is no task '{name[:80]}' of {definition.name}")


async def _move(visit: Visit) -> Response:
    name = visit.form.text("task")
    visit.does("edit", f"{visit.name}: task {name} moved")
    before = (await visit.manager.certificates.get(visit.name)).definition
    tasks = list(before.deploy)
    at = tasks.index(_task(before, name))
    to = at - 1 if visit.form.text("to") == "up" else at + 1
    tasks.insert(min(max(to, 0), len(tasks) - 1), tasks.pop(at))
    wanted = Proposal(replace(before, deploy=tuple(tasks)))
    return await _saved(visit, wanted, before, f"{name} is moved")


async def _ask_to_remove(visit: Visit) -> Response:
    definition = (await visit.manager.certificates.get(visit.name)).definition
    task = _task(definition, visit.query.text("task"))
    return visit.page(
        "ask.html",
        heading=f"Remove the task {task.name}?",
        text=f"It is no longer done with new certificates of {definition.name}; what it did stays.",
        button="Remove",
        back=f"/certificates/{definition.name}/deployment",
        fields={"task": task.name},
    )


async def _remove(visit: Visit) -> Response:
    task = visit.form.text("task")
    visit.does("edit", f"{visit.name}: without task {task}")
    before = (await visit.manager.certificates.get(visit.name)).definition
    wanted = CertificateOptions(removed_tasks=(task,)).applied_to(before)
    return await _saved(visit, wanted, before, f"The task {task} is removed")
