"""What the official provider does with caches and senders of mail, which moto doesn't know or knows by half.

tests/rehearsal of django-stack makes them on another emulator.
"""

import re
from collections.abc import Callable
from typing import Any

import pytest
from aws_samples import SAMPLES

from django_stack_plugins.aws.base import AWSResource
from django_stack_plugins.aws.cache import CacheParameterGroup, ReplicationGroup
from django_stack_plugins.aws.mail import EmailIdentity
from django_stack_plugins.aws.session import CallError, Session
from django_stack_plugins.resource import Operation, Stop
from django_stack_plugins.values import UNKNOWN, Properties, Secret, reveal


class Answers(Session):
    """AWS as a dictionary: `asked` has each call with its arguments but for the tags."""

    def __init__(self) -> None:
        super().__init__()
        self.region = "eu-central-1"
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.group: dict[str, Any] = {}
        self.parameters: dict[str, str] = {}
        self.identity: dict[str, Any] = {}
        self.tags: list[dict[str, str]] = []

    def call(self, service: str, operation: str, request: dict[str, Any], region: str = "") -> dict[str, Any]:
        del service, region
        self.asked.append((operation, {key: value for key, value in request.items() if key != "Tags"}))
        answer: Callable[[dict[str, Any]], dict[str, Any]] | None = getattr(
            self, "_" + re.sub("(?<!^)(?=[A-Z])", "_", operation).lower(), None
        )
        return answer(request) if answer else {}

    def changes(self) -> list[tuple[str, dict[str, Any]]]:
        """The calls since the last question, but for those that only read."""
        asked, self.asked = self.asked, []
        return [(name, arguments) for name, arguments in asked if not name.startswith(("Describe", "Get", "List"))]

    def _describe_replication_groups(self, _: dict[str, Any]) -> dict[str, Any]:
        if not self.group:
            raise CallError("ReplicationGroupNotFoundFault", "gone")
        nodes = self.group.get("nodes", 1)
        endpoint = {"Address": "master.app.cache.amazonaws.com", "Port": 6379}
        group = {
            "ReplicationGroupId": "app",
            "ARN": "arn:app",
            "Status": "available",
            "Description": self.group["ReplicationGroupDescription"],
            "Engine": "valkey",
            "CacheNodeType": self.group["CacheNodeType"],
            "MemberClusters": [f"app-{number:03d}" for number in range(1, nodes + 1)],
            "NodeGroups": [{"PrimaryEndpoint": endpoint}],
            "AutomaticFailover": "enabled" if self.group.get("AutomaticFailoverEnabled") else "disabled",
            "MultiAZ": "enabled" if self.group.get("MultiAZEnabled") else "disabled",
            "AtRestEncryptionEnabled": True,
            "TransitEncryptionEnabled": True,
            "SnapshotRetentionLimit": 0,
        }
        return {"ReplicationGroups": [group]}

    def _describe_cache_clusters(self, request: dict[str, Any]) -> dict[str, Any]:
        assert request == {"CacheClusterId": "app-001"}
        node = {
            "EngineVersion": self.group.get("actual", "8.1.4"),
            "CacheParameterGroup": {"CacheParameterGroupName": self.group["CacheParameterGroupName"]},
            "CacheSubnetGroupName": self.group["CacheSubnetGroupName"],
            "SecurityGroups": [{"SecurityGroupId": one} for one in self.group["SecurityGroupIds"]],
        }
        return {"CacheClusters": [node]}

    def _create_replication_group(self, request: dict[str, Any]) -> dict[str, Any]:
        self.group = dict(request)
        return {}

    def _modify_replication_group(self, request: dict[str, Any]) -> dict[str, Any]:
        self.group |= request
        return {}

    def _increase_replica_count(self, request: dict[str, Any]) -> dict[str, Any]:
        self.group["nodes"] = request["NewReplicaCount"] + 1
        return {}

    _decrease_replica_count = _increase_replica_count

    def _delete_replication_group(self, _: dict[str, Any]) -> dict[str, Any]:
        self.group = {}
        return {}

    def _describe_cache_parameter_groups(self, _: dict[str, Any]) -> dict[str, Any]:
        group = {"CacheParameterGroupName": "app-valkey8", "CacheParameterGroupFamily": "valkey8", "ARN": "arn:group"}
        return {"CacheParameterGroups": [{**group, "Description": "Managed by Pulumi"}]}

    def _describe_cache_parameters(self, _: dict[str, Any]) -> dict[str, Any]:
        own = [
            {"ParameterName": name, "ParameterValue": value, "Source": "user"}
            for name, value in self.parameters.items()
        ]
        family = {"ParameterName": "timeout", "ParameterValue": "0", "Source": "system"}
        return {"Parameters": [family, *own]}

    def _modify_cache_parameter_group(self, request: dict[str, Any]) -> dict[str, Any]:
        for one in request["ParameterNameValues"]:
            self.parameters[one["ParameterName"]] = one["ParameterValue"]
        return {}

    def _reset_cache_parameter_group(self, request: dict[str, Any]) -> dict[str, Any]:
        for one in request["ParameterNameValues"]:
            del self.parameters[one["ParameterName"]]
        return {}

    def _get_caller_identity(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"Account": "123456789012"}

    def _create_email_identity(self, request: dict[str, Any]) -> dict[str, Any]:
        self.identity = dict(request)
        return {}

    def _get_email_identity(self, _: dict[str, Any]) -> dict[str, Any]:
        if not self.identity:
            raise CallError("NotFoundException", "gone")
        return {"IdentityType": "DOMAIN", "DkimAttributes": {"Status": "PENDING", "Tokens": ["a", "b", "c"]}}

    def _tag_resource(self, request: dict[str, Any]) -> dict[str, Any]:
        self.tags = request["Tags"]
        return {}

    def _list_tags_for_resource(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"Tags": self.tags}

    def _delete_email_identity(self, _: dict[str, Any]) -> dict[str, Any]:
        self.identity = {}
        return {}


GROUP = {
    "replicationGroupId": "app",
    "description": "The cache",
    "engine": "valkey",
    "engineVersion": "8.1",
    "nodeType": "cache.t4g.micro",
    "numCacheClusters": 1,
    "automaticFailoverEnabled": False,
    "multiAzEnabled": False,
    "port": 6379,
    "parameterGroupName": "app-valkey8",
    "subnetGroupName": "app",
    "securityGroupIds": ["sg-1"],
    "atRestEncryptionEnabled": True,
    "transitEncryptionEnabled": True,
    "authToken": "hidden-token",
    "authTokenUpdateStrategy": "ROTATE",
    "applyImmediately": True,
}


class Life:
    """A resource of a type, made with these inputs."""

    def __init__(self, kind: AWSResource, inputs: Properties) -> None:
        self.kind, self.inputs = kind, inputs
        urn = f"urn:pulumi:stack::project::{kind.token}::thing"
        self.operation = Operation(urn, Stop(), lambda *arguments, **options: None, 0)
        self.id, state = kind.create(self.operation, kind.complete(inputs))
        self.hidden = state
        self.state = reveal(state)

    def changes(self, **news: Any) -> list[str]:
        read = self.kind.read(self.operation, self.id, self.state, self.kind.complete(self.inputs))
        real = {key: value for key, value in reveal(read).items() if key in self.kind.inputs}
        return [change.path for change in self.kind.diff(real, {**self.inputs, **news})]

    def update(self, **news: Any) -> None:
        self.inputs = {**self.inputs, **news}
        done = self.kind.update(self.operation, self.id, self.state, self.kind.complete(self.inputs))
        self.state = reveal(done)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Answers:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")  # for clients, which are asked about shapes alone
    return Answers()


def test_a_cache_is_made_with_its_token_which_is_a_secret_of_the_state(aws: Answers) -> None:
    life = Life(ReplicationGroup(aws), GROUP)
    ((name, arguments),) = aws.changes()
    assert name == "CreateReplicationGroup"
    assert arguments["AuthToken"] == "hidden-token"
    assert "AuthTokenUpdateStrategy" not in arguments, "of an update only"
    assert (arguments["NumCacheClusters"], arguments["Engine"], arguments["Port"]) == (1, "valkey", 6379)
    assert isinstance(life.hidden["authToken"], Secret)
    assert life.state["primaryEndpointAddress"] == "master.app.cache.amazonaws.com"
    assert life.changes() == []


def test_a_patch_that_aws_moved_to_is_no_change_but_another_version_is(aws: Answers) -> None:
    life = Life(ReplicationGroup(aws), GROUP)
    assert life.state["engineVersionActual"] == "8.1.4"
    aws.group["actual"] = "8.2.1"
    assert life.changes() == ["engineVersion"]


def test_a_replica_comes_before_the_failover_that_needs_it_and_goes_after_it(aws: Answers) -> None:
    life = Life(ReplicationGroup(aws), GROUP)
    aws.changes()
    two = {"numCacheClusters": 2, "automaticFailoverEnabled": True, "multiAzEnabled": True}
    assert set(life.changes(**two)) == set(two)
    life.update(**two)
    modified = {"ReplicationGroupId": "app", "ApplyImmediately": True}
    assert aws.changes() == [
        ("IncreaseReplicaCount", {**modified, "NewReplicaCount": 1}),
        ("ModifyReplicationGroup", {**modified, "AutomaticFailoverEnabled": True, "MultiAZEnabled": True}),
    ]
    assert life.changes() == []
    life.update(**{key: GROUP[key] for key in two})
    assert [name for name, _ in aws.changes()] == ["ModifyReplicationGroup", "DecreaseReplicaCount"]
    assert life.changes() == []


def test_a_changed_token_is_a_change_by_itself(aws: Answers) -> None:
    life = Life(ReplicationGroup(aws), GROUP)
    aws.changes()
    life.update(authToken="other-token", nodeType="cache.t4g.small")
    first, second = aws.changes()
    assert "AuthToken" not in first[1]
    assert first[1]["CacheNodeType"] == "cache.t4g.small"
    assert second[1] == {
        "ReplicationGroupId": "app",
        "ApplyImmediately": True,
        "AuthToken": "other-token",
        "AuthTokenUpdateStrategy": "ROTATE",
    }


def test_a_deleted_cache_leaves_no_node(aws: Answers) -> None:
    life = Life(ReplicationGroup(aws), GROUP)
    aws.changes()
    life.kind.delete(life.operation, life.id, life.state)
    assert aws.changes() == [("DeleteReplicationGroup", {"ReplicationGroupId": "app", "RetainPrimaryCluster": False})]


def test_parameters_that_nobody_set_are_no_difference_and_dropped_ones_are_reset(aws: Answers) -> None:
    parameters = [{"name": "maxmemory-policy", "value": "volatile-lru"}]
    life = Life(CacheParameterGroup(aws), {"name": "app-valkey8", "family": "valkey8", "parameters": parameters})
    assert life.changes() == []
    aws.changes()
    life.update(parameters=[{"name": "timeout", "value": "300"}])
    assert [name for name, _ in aws.changes()] == ["ModifyCacheParameterGroup", "ResetCacheParameterGroup"]
    assert aws.parameters == {"timeout": "300"}
    assert life.changes() == []


def test_the_tokens_of_a_sender_are_an_output_beside_its_inputs(aws: Answers) -> None:
    inputs = {"emailIdentity": "example.com", "dkimSigningAttributes": {"nextSigningKeyLength": "RSA_2048_BIT"}}
    life = Life(EmailIdentity(aws), inputs)
    assert life.state["dkimSigningAttributes"]["tokens"] == ["a", "b", "c"]
    assert life.state["arn"] == "arn:aws:ses:eu-central-1:123456789012:identity/example.com"
    assert life.changes() == []
    aws.changes()
    assert life.kind.preview(inputs, None)["dkimSigningAttributes"] is UNKNOWN
    assert life.kind.preview(inputs, life.state)["dkimSigningAttributes"]["tokens"] == ["a", "b", "c"]
    life.update(tags={"Name": "app"})
    assert [name for name, _ in aws.changes()] == ["TagResource"]
    life.update(dkimSigningAttributes={"nextSigningKeyLength": "RSA_1024_BIT"})
    ((name, arguments),) = aws.changes()
    assert name == "PutEmailIdentityDkimSigningAttributes"
    assert arguments["SigningAttributes"] == {"NextSigningKeyLength": "RSA_1024_BIT"}
    life.kind.delete(life.operation, life.id, life.state)
    assert life.kind.read(life.operation, life.id, life.state, inputs) is None


def test_the_samples_of_the_other_tests_are_of_these_types() -> None:
    assert {"CacheSubnetGroup", "CacheParameterGroup", "ReplicationGroup", "EmailIdentity"} <= SAMPLES.keys()
