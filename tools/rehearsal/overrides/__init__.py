"""Where MiniStack differs from AWS in a way that this project meets, and what we do about it.

Each module is one concern. Its docstring says what MiniStack does, and names the page of AWS's documentation that says
how it should be; `apply` changes MiniStack, in the version that is pinned, before it serves. tests/rehearsal has a test
for each that fails without it.
"""

from collections.abc import Collection
from importlib import import_module
from typing import Any

from tools.rehearsal.emulator.config import EmulatorConfig

OVERRIDES = (
    "registry",
    "task_definitions",
    "public_images",
    "task_secrets",
    "task_environment",
    "task_credentials",
    "database",
    "database_logs",
    "cache",
    "deletion_protection",
    "backups",
    "cloudfront",
    "vpc_origins",
    "origin_groups",
    "functions",
    "target_health",
    "deployments",
    "stopping",
    "metrics",
    "deployment_alarms",
    "events",
    "autoscaling",
    "domains",
    "scheduler",
    "security_groups",
    "zones",
    "flow_logs",
    "nat_gateways",
    "permissions",
)


def apply(config: EmulatorConfig, without: Collection[str] = ()) -> None:
    """Applies them all, or all but those that are named."""
    for name in OVERRIDES:
        if name not in without:
            import_module(f"tools.rehearsal.overrides.{name}").apply(config)


def replace(module: Any, name: str, new: Any) -> Any:
    """Puts `new` in the place of a module's attribute, in its table of actions, too; returns what was there.

    Raises:
        AttributeError: there is no such attribute, so it's another MiniStack than the one this is written for.
    """
    old = getattr(module, name)
    setattr(module, name, new)
    actions = getattr(module, "_ACTION_MAP", {})
    for action, handler in actions.items():
        if handler is old:
            actions[action] = new
    return old
