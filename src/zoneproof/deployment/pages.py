"""Writes the reference of all tasks into the documentation, from their ``info``.

``python -m zoneproof.deployment.pages docs`` writes a page for each kind to ``docs/deployment``,
and what stands between the markers of ``docs/deployment.md``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from zoneproof.core.fields import fields_table
from zoneproof.deployment.contract import TaskInfo
from zoneproof.deployment.registry import describe_task, task_kinds

BEGIN = "<!-- tasks: written by python -m zoneproof.deployment.pages -->"
END = "<!-- end of tasks -->"


def page(info: TaskInfo) -> str:
    """Return a task's page, in Markdown."""
    lines = [f"# Deployment task `{info.slug}`: {info.title}", ""]
    if info.homepage:
        lines += [f"<{info.homepage}>", ""]
    lines += ["```", f"zoneproof edit www.example.com --deploy {_example(info)}", "```", ""]
    lines += fields_table(info.fields)
    when = "At [any time](../deployment.md#when)." if info.any_time else ""
    lines += ["", f"{info.notes} {when}".strip()]
    lines += ["", "[All tasks, and when they are done](../deployment.md)"]
    return "\n".join(lines) + "\n"


def rewrite(text: str) -> str:
    """Return the page about all with a line for each task between its two markers."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    infos = map(describe_task, task_kinds())
    rows = [f"| [`{one.slug}`](deployment/{one.slug}.md) | {one.title} |" for one in infos]
    return "\n".join(
        [f"{before}{BEGIN}", "", "| task | does |", "|---|---|", *rows, "", f"{END}{after}"]
    )


def pages() -> dict[str, str]:
    """Return the pages of all tasks, by file name."""
    return {f"{kind}.md": page(describe_task(kind)) for kind in task_kinds()}


def _example(info: TaskInfo) -> str:
    """Return the task as ``--deploy`` takes it, with what is required; secrets come from files."""
    required = (field for field in info.fields if field.default is None)
    values = [f"{field.name}={'@FILE' if field.secret else '...'}" for field in required]
    fields = ",".join(values) or info.example
    return f"{info.slug}:{fields}" if fields else info.slug


if __name__ == "__main__":
    docs = Path(sys.argv[1])
    (docs / "deployment").mkdir(exist_ok=True)
    for name, text in pages().items():
        (docs / "deployment" / name).write_text(text, "utf-8")
    whole = docs / "deployment.md"
    whole.write_text(rewrite(whole.read_text("utf-8")), "utf-8")
