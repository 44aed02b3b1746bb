"""What is done with certificates: one contract, one module for each task, one registry."""

from zoneproof.deployment.contract import Material, Occasion, Task, TaskContext, TaskEvent, TaskInfo
from zoneproof.deployment.registry import check_task_fields, describe_task, open_task, task_kinds

__all__ = [
    "Material",
    "Occasion",
    "Task",
    "TaskContext",
    "TaskEvent",
    "TaskInfo",
    "check_task_fields",
    "describe_task",
    "open_task",
    "task_kinds",
]
