"""What is warned of where a definition with deployment tasks is saved."""

from __future__ import annotations

from zoneproof.manager.certificates.defined_tasks import new_task_problems
from zoneproof.manager.certificates.definition import CertificateDefinition
from zoneproof.manager.certificates.written_files import WrittenFiles
from zoneproof.manager.manager import Manager


async def task_warnings(
    manager: Manager, before: CertificateDefinition | None, after: CertificateDefinition
) -> list[str]:
    """Return why tasks would fail that ``before`` lacks, and what others would write over."""
    changes = [(before, after)]
    problems = await new_task_problems(manager.home.path, manager.credentials, changes)
    if after.deploy:
        stored = [one.definition for one in await manager.certificates.readable()]
        problems += WrittenFiles(stored).clashes_of([after])
    return problems
