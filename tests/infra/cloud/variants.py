"""Settings of the cloud platform that its tests run the program with, and what they look at in such a run."""

import json
from typing import Any

from tests.infra.conftest import Run

ZONE = "Z0123456789ABC"
OWN_DOMAIN = {
    "domain": "www.example.com",
    "domain-aliases": "example.com",
    "domain-redirects": "example.org",
    "hosted-zone": ZONE,
}
# As much as possible that isn't as shipped, in one run for all tests of a single setting.
OTHER: dict[str, Any] = {
    **OWN_DOMAIN,
    "access-logs": True,
    "alarm-email": "ops@example.com",
    "architecture": "arm64",
    "aws:region": "eu-west-1",
    "container-insights": "enhanced",
    "database-insights": "advanced",
    "execute-command": True,
    "flow-logs": True,
    "keep-data": False,
    "media-access": "public",
    "monthly-budget": 60,
    "nat-gateway": True,
    "postgres-version": 16,
    "tasks-max": 3,
    "tasks-min": 2,
    "waf": True,
    "waf-rate-limit": 500,
}
SERVICES: dict[str, Any] = {"cache": "valkey", "cache-multi-az": True, "mail": "ses"}
# The settings that make other resources, each for itself.
VARIANTS: dict[str, dict[str, Any]] = {
    "shipped": {},
    "own domain": {"domain": "www.example.com", "hosted-zone": ZONE, "domain-aliases": "example.com"},
    "public media": {"media-access": "public"},
    "firewall": {"waf": True},
    "execute-command": {"execute-command": True},
    "schedules": {
        "schedules": {
            "report": {"command": "python manage.py report", "cron": "0 6 1 * *", "enabled": False},
            "sweep": {
                "command": "python manage.py sweep --all",
                "cron": "*/20 * * * mon-fri",
                "timezone": "Europe/Zurich",
                "timeout": 600,
            },
        },
    },
    "logs": {"access-logs": True, "flow-logs": True},
    "nat": {"nat-gateway": True},
    "cache": {"cache": "valkey"},
    "mail": {"mail": "ses", "domain": "www.example.com", "hosted-zone": ZONE},
    "own workers": {"env": {"WEB_CONCURRENCY": "1"}},
    "processes": {
        "database-class": "db.t4g.medium",
        "processes": {
            "worker": {"command": "python manage.py db_worker", "count": 2, "max": 4, "env": {"QUEUE": "x"}},
            "beat": {"command": "celery -A site beat", "cpu": 512, "memory": 2048, "stop-timeout": 5},
        },
    },
    "from a snapshot": {"database-snapshot": "django-stack-cloud-last-0a1b2c3d"},
    "from a moment": {"database-restore-time": "latest"},
}


def run_variant(program: Any, variant: str) -> Run:
    """The program run with the settings of a variant, and a secret variable of the user's own."""
    variables = VARIANTS[variant].get("env", {})
    settings = {**VARIANTS[variant], "env": {**variables, "API_TOKEN": "TOPSECRET"}}
    run: Run = program(settings, secrets=("env",), platform="cloud")
    return run


def inputs(run: Run) -> dict[str, Any]:
    """The inputs of all that was registered, the stack itself aside."""
    return {r.name: r.inputs for r in run.resources.values() if r.type != "pulumi:pulumi:Stack"}


def containers(run: Run) -> dict[str, Any]:
    return {container["name"]: container for container in json.loads(run["task"].inputs["containerDefinitions"])}


def plain(run: Run) -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in containers(run)["web"]["environment"]}
