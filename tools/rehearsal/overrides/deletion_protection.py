"""The load balancer's deletion protection: MiniStack records it, and deletes nevertheless.

https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DeleteLoadBalancer.html
"""

from typing import Any

from ministack.services import alb

from tools.rehearsal.emulator.config import EmulatorConfig
from tools.rehearsal.overrides import replace

PROTECTED = {"Key": "deletion_protection.enabled", "Value": "true"}


def apply(_: EmulatorConfig) -> None:
    """Wraps the deletion of a load balancer."""
    delete = alb._delete_lb

    def delete_lb(params: Any) -> Any:
        arn = alb._p(params, "LoadBalancerArn")
        if PROTECTED in alb._lb_attrs.get(arn, []):
            words = f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled"
            return alb._error("OperationNotPermitted", words)
        return delete(params)

    replace(alb, "_delete_lb", delete_lb)
