"""Clusters, task definitions and services: aws.ecs."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from django_stack_plugins.aws import tags
from django_stack_plugins.aws.base import AWSResource
from django_stack_plugins.aws.calls import Call, Wait, words
from django_stack_plugins.aws.shapes import from_api
from django_stack_plugins.aws.task_checks import refusals
from django_stack_plugins.resource import Operation, PluginError
from django_stack_plugins.values import Properties


class Cluster(AWSResource):
    docs, token, service = "ecs_cluster", "aws:ecs/cluster:Cluster", "ecs"
    replacing = words("name")
    in_place = words("settings")
    unordered = words("settings")
    auto_named = True
    names: ClassVar[Mapping[str, str]] = {"name": "clusterName"}
    creating, identity = Call("CreateCluster"), "cluster.clusterArn"
    updating: ClassVar[Mapping[str, Call]] = {
        "settings": Call("UpdateClusterSettings", {"cluster": "id", "settings": "settings"})
    }
    reading = Call(
        "DescribeClusters", {"clusters": "id"}, constants={"include": ["SETTINGS", "TAGS"]}, gives="clusters[0]"
    )
    outputs: ClassVar[Mapping[str, str]] = {"arn": "clusterArn"}
    gone = "status=='INACTIVE'"
    missing = words("ClusterNotFoundException")
    deleting, waits_for_end = Call("DeleteCluster", {"cluster": "id"}), 600
    busy = words(
        "ClusterContainsContainerInstancesException ClusterContainsServicesException UpdateInProgressException"
    )
    ready = Wait("status", words("ACTIVE"), words("FAILED"))
    tagging = tags.ECS


class TaskDefinition(AWSResource):
    docs, token, service = "ecs_task_definition", "aws:ecs/taskDefinition:TaskDefinition", "ecs"
    required = words("containerDefinitions family")
    replacing = words(
        "containerDefinitions cpu executionRoleArn family memory networkMode requiresCompatibilities runtimePlatform"
        " taskRoleArn volumes"
    )
    in_place = words("skipDestroy")
    unordered = words("requiresCompatibilities volumes")
    defaults: ClassVar[Mapping[str, Any]] = {"skipDestroy": False}
    creating, identity = Call("RegisterTaskDefinition"), "taskDefinition.family"
    reading = Call("DescribeTaskDefinition", {"taskDefinition": "arn"}, constants={"include": ["TAGS"]})
    outputs: ClassVar[Mapping[str, str]] = {
        "arn": "taskDefinitionArn",
        "arnWithoutRevision": "Unversioned",
        "revision": "revision",
    }
    unread = words("skipDestroy")
    gone = "taskDefinition.status!='ACTIVE'"
    missing = words("ClientException")  # Unable to describe task definition.
    deleting = Call("DeregisterTaskDefinition", {"taskDefinition": "arn"})
    tagging = tags.ECS

    def make(self, operation: Operation, inputs: Properties) -> Any:
        containers = json.loads(inputs["containerDefinitions"])
        for refusal in refusals(inputs, containers):
            raise PluginError(f"{operation.name}: RegisterTaskDefinition: {refusal} (ClientException)")
        answer = super().make(operation, {**inputs, "containerDefinitions": containers})
        # One of these revisions is this resource; the id is the family's, as with the official plugin.
        inputs["arn"] = answer["taskDefinition"]["taskDefinitionArn"]
        return answer

    def find(self, operation: Operation, resource_id: str, scope: Properties) -> Any:
        found = super().find(operation, resource_id, scope)
        if not found:
            return None
        definition = found["taskDefinition"]
        unversioned = definition["taskDefinitionArn"].rpartition(":")[0]
        return {**definition, "tags": found.get("tags"), "Unversioned": unversioned}

    def properties(
        self, operation: Operation, resource_id: str, document: Any, state: Properties, inputs: Properties
    ) -> Properties:
        text = inputs["containerDefinitions"]
        wanted, found = json.loads(text), document["containerDefinitions"]
        same = from_api(wanted, found, {}) == wanted
        shown = text if same else json.dumps(found, sort_keys=True)
        return super().properties(operation, resource_id, {**document, "containerDefinitions": shown}, state, inputs)

    def delete(self, operation: Operation, resource_id: str, state: Properties) -> None:
        if not state.get("skipDestroy"):
            super().delete(operation, resource_id, state)


_NETWORK = "networkConfiguration.awsvpcConfiguration"
_DEPLOYMENT = {
    "deploymentConfiguration.alarms": "alarms",
    "deploymentConfiguration.deploymentCircuitBreaker": "deploymentCircuitBreaker",
    "deploymentConfiguration.maximumPercent": "deploymentMaximumPercent",
    "deploymentConfiguration.minimumHealthyPercent": "deploymentMinimumHealthyPercent",
}
_TAKES = {
    **_DEPLOYMENT,
    f"{_NETWORK}.subnets": "networkConfiguration.subnets",
    f"{_NETWORK}.securityGroups": "networkConfiguration.securityGroups",
    f"{_NETWORK}.assignPublicIp": "networkConfiguration.assignPublicIp && 'ENABLED' || 'DISABLED'",
}


class Service(AWSResource):
    docs, token, service = "ecs_service", "aws:ecs/service:Service", "ecs"
    replacing = words("cluster launchType name")
    in_place = words(
        "alarms availabilityZoneRebalancing deploymentCircuitBreaker deploymentMaximumPercent"
        " deploymentMinimumHealthyPercent desiredCount"
        " enableEcsManagedTags enableExecuteCommand healthCheckGracePeriodSeconds loadBalancers networkConfiguration"
        " platformVersion propagateTags taskDefinition waitForSteadyState"
    )
    unordered = words("loadBalancers networkConfiguration.securityGroups networkConfiguration.subnets")
    auto_named = True
    defaults: ClassVar[Mapping[str, Any]] = {
        "deploymentMaximumPercent": 200,
        "deploymentMinimumHealthyPercent": 100,
        "enableEcsManagedTags": False,
        "enableExecuteCommand": False,
        "waitForSteadyState": False,
    }
    names: ClassVar[Mapping[str, str]] = {"name": "serviceName", "enableEcsManagedTags": "enableECSManagedTags"}
    creating, identity = Call("CreateService", _TAKES), "service.serviceArn"
    updating: ClassVar[Mapping[str, Call]] = {
        " ".join(sorted(in_place - words("waitForSteadyState"))): Call(
            "UpdateService", {"service": "id", "cluster": "cluster", **_TAKES}, rest="changed"
        )
    }
    reading = Call(
        "DescribeServices",
        {"services": "id", "cluster": "cluster"},
        constants={"include": ["TAGS"]},
        gives="services[0]",
    )
    reads: ClassVar[Mapping[str, str]] = {
        "cluster": "clusterArn",
        "networkConfiguration": (
            f"{_NETWORK}.{{subnets: subnets, securityGroups: securityGroups,"
            " assignPublicIp: assignPublicIp == 'ENABLED'}"
        ),
        **{key: path for path, key in _DEPLOYMENT.items()},
    }
    outputs: ClassVar[Mapping[str, str]] = {"arn": "serviceArn"}
    unread = words("availabilityZoneRebalancing waitForSteadyState")  # emulators forget the first
    gone = "status=='INACTIVE'"
    missing = words("ServiceNotFoundException ClusterNotFoundException")
    deleting, waits_for_end = Call("DeleteService", {"service": "id", "cluster": "cluster"}), 1200
    busy = words("InvalidParameterException")  # The service cannot be stopped while deployments are active.
    ready = Wait("status", words("ACTIVE"))
    tagging = tags.ECS

    def _calls(self, changed: set[str] | frozenset[str]) -> list[Call]:
        """Like the provider's, an update leaves alone what didn't change: somebody else may have set it since."""
        left = self.in_place - changed
        return [
            replace(
                call, takes={to: source for to, source in call.takes.items() if source.partition(".")[0] not in left}
            )
            for call in super()._calls(changed)
        ]

    def remove(self, operation: Operation, scope: Properties) -> None:
        document = self.find(operation, scope["id"], scope)
        if document and document.get("status") == "ACTIVE":
            # Like the provider: all tasks away first, then the service.
            takes = {"service": "id", "cluster": "cluster"}
            self.call(operation, Call("UpdateService", takes, constants={"desiredCount": 0}), scope, {})
            super().remove(operation, scope)
