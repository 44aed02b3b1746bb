"""Deployment tasks of a certificate: chosen from all kinds, filled in, and taken away again."""

from __future__ import annotations

from starlette.responses import Response

from zoneproof.core.errors import InvalidInputError, ZoneproofError
from zoneproof.deployment import describe_task, task_kinds
from zoneproof.manager.certificates.proposal import CertificateOptions, GivenTask, save
from zoneproof.manager.certificates.task_definition import TaskDefinition
from zoneproof.pages.forms import Form
from zoneproof.providers import shown_field
from zoneproof.web.visits import Page, Visit


def pages() -> list[Page]:
    """Return the pages."""
    at = "/certificates/{name}"
    return [
        Page("GET", f"{at}/new-task", _new, "administrator"),
        Page("POST", f"{at}/new-task", _add, "administrator"),
        Page("POST", f"{at}/remove-task", _remove, "administrator"),
    ]


async def _new(visit: Visit) -> Response:
    name = (await visit.manager.certificates.get(visit.name)).name
    kind = visit.query.text("kind")
    if kind:
        return _form(visit, name, kind)
    kinds = {one: describe_task(one).title for one in task_kinds()}
    return visit.page("choose_task.html", name=name, kinds=kinds)


def _form(visit: Visit, name: str, kind: str, error: str = "") -> Response:
    info = describe_task(kind)
    hidden = {field.name for field in info.fields if field.secret}
    given = visit.form.below("field.")
    values = {key: text for key, text in given.items() if key not in hidden}
    return visit.page(
        "new_task.html",
        400 if error else 200,
        name=name,
        info=info,
        values=values,
        called=visit.form.text("called"),
        error=error,
    )


async def _add(visit: Visit) -> Response:
    kind = visit.form.text("kind")
    visit.does("edit", f"{visit.name}: task {kind}")
    before = (await visit.manager.certificates.get(visit.name)).definition
    try:
        options = CertificateOptions(tasks=(_given(visit.form, kind),))
        if visit.form.text("called") in {task.name for task in before.deploy}:
            raise InvalidInputError("a task of this name already exists: give another name")
        wanted = options.applied_to(before)
        await save(visit.manager, wanted, before)
    except ZoneproofError as error:
        return _form(visit, before.name, kind, visit.refused(error))
    path = f"/certificates/{before.name}/deployment"
    return visit.go(path, "The task is saved: 'Deploy what is left' does it now.")


def _given(form: Form, kind: str) -> GivenTask:
    """Return the task that the form describes, what is secret apart."""
    known = {field.name: field for field in describe_task(kind).fields}
    given = {name: value.strip() for name, value in form.below("field.").items() if value.strip()}
    secrets = {
        name: value
        for name, value in given.items()
        if name in known and shown_field(known[name], value) != value
    }
    fields = {name: value for name, value in given.items() if name not in secrets}
    definition = TaskDefinition(task=kind, name=form.text("called"), fields=fields)
    return GivenTask(definition, secrets)


async def _remove(visit: Visit) -> Response:
    task = visit.form.text("task")
    visit.does("edit", f"{visit.name}: without task {task}")
    before = (await visit.manager.certificates.get(visit.name)).definition
    wanted = CertificateOptions(removed_tasks=(task,)).applied_to(before)
    await save(visit.manager, wanted, before)
    return visit.go(f"/certificates/{before.name}/deployment", f"The task {task} is removed.")
