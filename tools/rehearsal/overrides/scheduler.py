"""EventBridge Scheduler starts tasks of ECS. MiniStack takes such a schedule, and never starts one.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-templated.html#templated-target-ecs
"""

import json
from typing import Any

from ministack.services import ecs, eventbridge

from tools.rehearsal.emulator.config import EmulatorConfig
from tools.rehearsal.overrides import replace

# The parameters of the schedule and of RunTask begin with another case.
PARAMETERS = ("Group", "LaunchType", "PlatformVersion", "PropagateTags", "EnableExecuteCommand", "Tags")


def apply(_: EmulatorConfig) -> None:
    """Wraps how a target is invoked."""
    invoke = eventbridge._invoke_target

    def invoke_target(target: dict[str, Any], event: Any, schedule: Any, *view: Any) -> Any:
        parameters = target.get("EcsParameters")
        if not parameters:
            return invoke(target, event, schedule, *view)
        network = parameters.get("NetworkConfiguration") or {}
        wanted = {_lower_first(name): parameters[name] for name in PARAMETERS if name in parameters}
        return ecs._run_task(
            wanted
            | {
                "cluster": target["Arn"],
                "taskDefinition": parameters["TaskDefinitionArn"],
                "count": parameters.get("TaskCount", 1),
                "startedBy": f"chronos-schedule/{schedule.get('Name', '')}",
                "networkConfiguration": {
                    "awsvpcConfiguration": {
                        _lower_first(name): value for name, value in (network.get("awsvpcConfiguration") or {}).items()
                    }
                },
                "overrides": _overrides(target.get("Input")),
            }
        )

    replace(eventbridge, "_invoke_target", invoke_target)


def _overrides(text: str | None) -> dict[str, Any]:
    """The target's Input, which for a task is RunTask's overrides as JSON."""
    found: dict[str, Any] = json.loads(text) if text else {}
    return {"containerOverrides": [], **found}


def _lower_first(name: str) -> str:
    return name[:1].lower() + name[1:]
