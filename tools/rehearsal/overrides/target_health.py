"""Health checks of a load balancer's targets. MiniStack has none: every target is healthy, and asked, at once.

A new target gets requests after its first check that passes, a healthy one loses them after so many that fail; with no
healthy one all are asked: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
The intervals between checks are a fifth of those that the target group has, so that nobody waits for nothing.
"""

import http.client
import random
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import alb

from tools.rehearsal.emulator.config import EmulatorConfig
from tools.rehearsal.overrides import replace

SPEED_UP = 5
CHECKS = 16  # at the same time
REASONS = {
    "initial": ("Elb.RegistrationInProgress", "Target registration is in progress"),
    "unhealthy": ("Target.FailedHealthChecks", "Health checks failed"),
}

Key = tuple[str, str, int]  # target group, address, port


@dataclass
class Health:
    """What the checks of one target said; `registered` is when they began, `due` when the next one is (monotonic)."""

    state: str = "initial"
    passed: int = 0
    failed: int = 0
    registered: float = 0.0
    due: float = 0.0


targets: dict[Key, Health] = {}
# Called with a target's key when its state has changed, or is unhealthy still.
listeners: list[Callable[[Key, Health], None]] = []


def apply(config: EmulatorConfig) -> None:
    """Starts the checks; routing and DescribeTargetHealth go by what they say."""
    forward = alb._forward_to_tg

    async def forward_to_tg(arn: str, method: str, path: str, headers: Any, body: Any, query: Any, *raw: Any) -> Any:
        group = alb._tgs.get(arn)
        if not group or group.get("TargetType") not in {"ip", "instance"}:
            return await forward(arn, method, path, headers, body, query, *raw)
        usable = _usable(arn)
        if not usable:
            return 503, {"Content-Type": "text/html"}, b"<h1>503 Service Temporarily Unavailable</h1>"
        raw_query, raw_path = (*raw, None, None)[:2]
        target = random.choice(usable)  # noqa: S311  # as MiniStack does
        return await alb._proxy_http_target(target, group, method, raw_path or path, headers, body, query, raw_query)

    replace(alb, "_forward_to_tg", forward_to_tg)
    replace(alb, "_describe_target_health", _describe)
    threading.Thread(target=_check_for_ever, args=(config,), daemon=True, name="target-health").start()


def state(arn: str, address: str) -> str:
    """The state of the target at an address; nothing when there's none."""
    return next((health.state for (group, ip, _), health in targets.items() if (group, ip) == (arn, address)), "")


def _key(arn: str, target: Mapping[str, Any]) -> Key:
    return arn, str(target["Id"]), int(target.get("Port") or alb._tgs[arn]["Port"])


def _usable(arn: str) -> list[Any]:
    registered = alb._targets.get(arn, [])
    by_state = {
        wanted: [target for target in registered if (found := targets.get(_key(arn, target))) and found.state == wanted]
        for wanted in ("healthy", "unhealthy")
    }
    return by_state["healthy"] or by_state["unhealthy"]


def _describe(params: Mapping[str, Any]) -> Any:
    arn = alb._p(params, "TargetGroupArn")
    if arn not in alb._tgs:
        return alb._error("TargetGroupNotFound", f"Target group '{arn}' not found.")
    wanted = {target["Id"] for target in alb._parse_targets_param(params)}
    members = ""
    for target in alb._targets.get(arn, []):
        if wanted and target["Id"] not in wanted:
            continue
        _, address, port = key = _key(arn, target)
        state = targets.get(key, Health()).state
        reason = "".join(
            f"<{name}>{text}</{name}>"
            for name, text in zip(("Reason", "Description"), REASONS.get(state, ()), strict=False)
        )
        members += (
            f"<member><Target><Id>{address}</Id><Port>{port}</Port></Target><HealthCheckPort>{port}</HealthCheckPort>"
            f"<TargetHealth><State>{state}</State>{reason}</TargetHealth></member>"
        )
    return alb._xml(200, "DescribeTargetHealth", f"<TargetHealthDescriptions>{members}</TargetHealthDescriptions>")


def _check_for_ever(config: EmulatorConfig) -> None:
    with ThreadPoolExecutor(CHECKS) as pool:
        while True:
            time.sleep(0.2)
            with request_scope(config.account, config.region):
                groups = {arn: dict(group) for arn, group in list(alb._tgs.items())}
                registered = {_key(arn, target): arn for arn in groups for target in list(alb._targets.get(arn, []))}
            now = time.monotonic()
            for key in targets.keys() - registered.keys():
                del targets[key]
            for key, arn in registered.items():
                health = targets.setdefault(key, Health(registered=now))
                if health.due <= now:
                    health.due = now + groups[arn]["HealthCheckIntervalSeconds"] / SPEED_UP
                    pool.submit(_check, key, groups[arn], health)


def _check(key: Key, group: Mapping[str, Any], health: Health) -> None:
    if _passes(key, group):
        health.passed, health.failed = health.passed + 1, 0
        if health.state == "initial" or health.passed >= group["HealthyThresholdCount"]:
            _set_state(key, health, "healthy")
    else:
        health.passed, health.failed = 0, health.failed + 1
        if health.failed >= group["UnhealthyThresholdCount"]:
            _set_state(key, health, "unhealthy")


def _set_state(key: Key, health: Health, new: str) -> None:
    changed = health.state != new
    if changed:
        health.state = new
    if changed or new == "unhealthy":
        for listener in listeners:
            listener(key, health)


def _passes(key: Key, group: Mapping[str, Any]) -> bool:
    _, address, port = key
    chosen = group["HealthCheckPort"]
    connection = http.client.HTTPConnection(
        address, port if chosen == "traffic-port" else int(chosen), timeout=group["HealthCheckTimeoutSeconds"]
    )
    try:
        connection.request("GET", group["HealthCheckPath"], headers={"User-Agent": "ELB-HealthChecker/2.0"})
        return _matches(connection.getresponse().status, group["Matcher"]["HttpCode"])
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _matches(status: int, matcher: str) -> bool:
    """Whether a status is among `200,202` or `200-299`."""
    for part in matcher.split(","):
        first, _, last = part.partition("-")
        if int(first) <= status <= int(last or first):
            return True
    return False
