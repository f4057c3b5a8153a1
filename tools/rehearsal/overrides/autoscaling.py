"""Application Auto Scaling, which MiniStack refuses. The limits hold, as on AWS at once; nothing is measured, so the
policies never scale: https://docs.aws.amazon.com/autoscaling/application/APIReference/Welcome.html
"""

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import ecs

from tools.rehearsal.emulator import server
from tools.rehearsal.emulator.config import EmulatorConfig

Data = dict[str, Any]
Place = tuple[str, str, str]
ROLE = "aws-service-role/ecs.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_ECSService"
HEADERS = {"content-type": "application/x-amz-json-1.1"}


class RefusalError(Exception):
    """An error of the service; `code` is AWS's name for it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def apply(config: EmulatorConfig) -> None:
    """Registers the service."""
    server.services["AnyScaleFrontendService"] = "application-autoscaling", Scaling(config).answer


def _place(data: Data) -> Place:
    return data["ServiceNamespace"], data["ResourceId"], data["ScalableDimension"]


class Scaling:
    """The targets and policies of one account, and the calls about them."""

    def __init__(self, config: EmulatorConfig) -> None:
        self._config = config
        self._targets: dict[Place, Data] = {}
        self._policies: dict[tuple[Place, str], Data] = {}
        self._calls: dict[str, Callable[[Data], Data]] = {
            "RegisterScalableTarget": self._register,
            "DescribeScalableTargets": self._describe,
            "DeregisterScalableTarget": self._deregister,
            "PutScalingPolicy": self._put_policy,
            "DescribeScalingPolicies": self._describe_policies,
            "DeleteScalingPolicy": self._delete_policy,
            "TagResource": self._tag,
            "UntagResource": self._untag,
            "ListTagsForResource": self._list_tags,
        }

    def answer(self, action: str, body: bytes) -> server.Answer:
        """The answer to a call."""
        try:
            answer, status = self._calls.get(action, self._refuse)(json.loads(body or b"{}")), 200
        except RefusalError as error:
            answer, status = {"__type": error.code, "message": str(error)}, 400
        return status, HEADERS, json.dumps(answer).encode()

    def _refuse(self, _: Data) -> Data:
        raise RefusalError(
            "InvalidAction", f"The rehearsal knows {', '.join(self._calls)} of Application Auto Scaling."
        )

    def _arn(self, kind: str, rest: str) -> str:
        here = self._config
        service = "application-autoscaling" if kind == "scalable-target" else "autoscaling"
        return f"arn:aws:{service}:{here.region}:{here.account}:{kind}{rest}"

    def _target(self, place: Place) -> Data:
        if place not in self._targets:
            raise RefusalError("ObjectNotFoundException", f"No scalable target found for {', '.join(place)}.")
        return self._targets[place]

    def _register(self, data: Data) -> Data:
        place = _place(data)
        target = self._targets.setdefault(
            place,
            {
                "ScalableTargetARN": self._arn("scalable-target", f"/{uuid.uuid4().hex[:16]}"),
                "RoleARN": f"arn:aws:iam::{self._config.account}:role/{ROLE}",
                "CreationTime": time.time(),
                "SuspendedState": dict.fromkeys(
                    ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended"), False
                ),
                "tags": {},
            },
        )
        target |= {name: value for name, value in data.items() if name not in {"Tags", "RoleARN"}}
        target["tags"] |= data.get("Tags", {})
        self._apply_limits(target)
        return {"ScalableTargetARN": target["ScalableTargetARN"]}

    def _apply_limits(self, target: Data) -> None:
        """Brings the service's number of tasks within the limits."""
        here = self._config
        _, cluster, name = target["ResourceId"].split("/")
        with request_scope(here.account, here.region):
            service = ecs._services.get(f"{cluster}/{name}")
            if service:
                wanted = min(max(service["desiredCount"], target["MinCapacity"]), target["MaxCapacity"])
                if wanted != service["desiredCount"]:
                    ecs._update_service({"cluster": cluster, "service": name, "desiredCount": wanted})

    def _describe(self, data: Data) -> Data:
        wanted = set(data.get("ResourceIds") or [])
        found = [
            {name: value for name, value in target.items() if name != "tags"}
            for (namespace, resource, dimension), target in self._targets.items()
            if namespace == data["ServiceNamespace"]
            and (not wanted or resource in wanted)
            and data.get("ScalableDimension", dimension) == dimension
        ]
        return {"ScalableTargets": found}

    def _deregister(self, data: Data) -> Data:
        place = _place(data)
        self._target(place)
        del self._targets[place]
        self._policies = {key: policy for key, policy in self._policies.items() if key[0] != place}
        return {}

    def _put_policy(self, data: Data) -> Data:
        place, name = _place(data), data["PolicyName"]
        self._target(place)
        policy = self._policies.setdefault(
            (place, name),
            {
                "PolicyARN": self._arn(
                    "scalingPolicy", f":{uuid.uuid4()}:resource/{place[0]}/{place[1]}:policyName/{name}"
                ),
                "CreationTime": time.time(),
                "Alarms": [],
            },
        )
        policy |= data
        return {"PolicyARN": policy["PolicyARN"], "Alarms": policy["Alarms"]}

    def _describe_policies(self, data: Data) -> Data:
        names = set(data.get("PolicyNames") or [])
        found = [
            policy
            for ((namespace, resource, dimension), name), policy in self._policies.items()
            if namespace == data["ServiceNamespace"]
            and data.get("ResourceId", resource) == resource
            and data.get("ScalableDimension", dimension) == dimension
            and (not names or name in names)
        ]
        return {"ScalingPolicies": found}

    def _delete_policy(self, data: Data) -> Data:
        key = _place(data), data["PolicyName"]
        if key not in self._policies:
            raise RefusalError("ObjectNotFoundException", f"No scaling policy found for {data['PolicyName']}.")
        del self._policies[key]
        return {}

    def _tagged(self, data: Data) -> Data:
        for target in self._targets.values():
            if target["ScalableTargetARN"] == data["ResourceARN"]:
                tags: Data = target["tags"]
                return tags
        raise RefusalError("ResourceNotFoundException", f"The specified resource {data['ResourceARN']} doesn't exist.")

    def _tag(self, data: Data) -> Data:
        self._tagged(data).update(data["Tags"])
        return {}

    def _untag(self, data: Data) -> Data:
        tags = self._tagged(data)
        for name in data["TagKeys"]:
            tags.pop(name, None)
        return {}

    def _list_tags(self, data: Data) -> Data:
        return {"Tags": self._tagged(data)}
