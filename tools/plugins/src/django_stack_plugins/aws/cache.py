"""The cache: aws.elasticache."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django_stack_plugins.aws import tags
from django_stack_plugins.aws.base import AWSResource
from django_stack_plugins.aws.calls import Call, Wait, words
from django_stack_plugins.resource import Operation
from django_stack_plugins.values import Properties


class CacheSubnetGroup(AWSResource):
    docs, token, service = "elasticache_subnet_group", "aws:elasticache/subnetGroup:SubnetGroup", "elasticache"
    required = words("subnetIds name")
    replacing = words("name")
    in_place = words("subnetIds description")
    unordered = words("subnetIds")
    delete_before_replace = True
    defaults: ClassVar[Mapping[str, Any]] = {"description": "Managed by Pulumi"}
    names: ClassVar[Mapping[str, str]] = {"name": "CacheSubnetGroupName", "description": "CacheSubnetGroupDescription"}
    creating, id_input = Call("CreateCacheSubnetGroup"), "name"
    updating: ClassVar[Mapping[str, Call]] = {
        "subnetIds description": Call(
            "ModifyCacheSubnetGroup",
            {"CacheSubnetGroupName": "id", "SubnetIds": "subnetIds", "CacheSubnetGroupDescription": "description"},
        )
    }
    reading = Call("DescribeCacheSubnetGroups", {"CacheSubnetGroupName": "id"}, gives="CacheSubnetGroups[0]")
    reads: ClassVar[Mapping[str, str]] = {"subnetIds": "Subnets[].SubnetIdentifier"}
    outputs: ClassVar[Mapping[str, str]] = {"arn": "ARN", "vpcId": "VpcId"}
    missing = words("CacheSubnetGroupNotFoundFault CacheSubnetGroupNotFound")
    deleting, busy = Call("DeleteCacheSubnetGroup", {"CacheSubnetGroupName": "id"}), words("CacheSubnetGroupInUse")
    tagging = tags.RDS


class CacheParameterGroup(AWSResource):
    docs, token, service = "elasticache_parameter_group", "aws:elasticache/parameterGroup:ParameterGroup", "elasticache"
    required = words("family name")
    replacing = words("name family description")
    in_place = words("parameters")
    unordered = words("parameters")
    delete_before_replace = True
    defaults: ClassVar[Mapping[str, Any]] = {"description": "Managed by Pulumi"}
    names: ClassVar[Mapping[str, str]] = {
        "name": "CacheParameterGroupName",
        "family": "CacheParameterGroupFamily",
        "parameters.name": "ParameterName",
        "parameters.value": "ParameterValue",
    }
    creating, id_input = Call("CreateCacheParameterGroup"), "name"
    after = words("parameters")
    reading = Call("DescribeCacheParameterGroups", {"CacheParameterGroupName": "id"}, gives="CacheParameterGroups[0]")
    # Those that somebody set; the family has dozens more.
    more = (
        Call(
            "DescribeCacheParameters",
            {"CacheParameterGroupName": "id"},
            constants={"Source": "user"},
            gives="{Parameters: Parameters[?Source == 'user']}",
        ),
    )
    outputs: ClassVar[Mapping[str, str]] = {"arn": "ARN"}
    updating: ClassVar[Mapping[str, Call]] = {
        "parameters": Call(
            "ModifyCacheParameterGroup", {"CacheParameterGroupName": "id", "ParameterNameValues": "parameters"}
        )
    }
    missing = words("CacheParameterGroupNotFound")
    deleting = Call("DeleteCacheParameterGroup", {"CacheParameterGroupName": "id"})
    busy = words("InvalidCacheParameterGroupState")
    tagging = tags.RDS

    def change(self, operation: Operation, changed: set[str], scope: Properties, inputs: Properties) -> None:
        wanted = inputs.get("parameters") or []
        if wanted:
            super().change(operation, changed, scope, inputs)
        kept = {parameter["name"] for parameter in wanted}
        dropped = [one for one in scope["before"].get("parameters") or [] if one["name"] not in kept]
        if dropped:
            takes = {"CacheParameterGroupName": "id", "ParameterNameValues": "parameters"}
            self.call(operation, Call("ResetCacheParameterGroup", takes), {**scope, "parameters": dropped}, {})


class ReplicationGroup(AWSResource):
    """One that is no cluster: a primary node, and replicas of it."""

    docs, token, service = (
        "elasticache_replication_group",
        "aws:elasticache/replicationGroup:ReplicationGroup",
        "elasticache",
    )
    required = words("description replicationGroupId")
    replacing = words("replicationGroupId engine port subnetGroupName atRestEncryptionEnabled transitEncryptionEnabled")
    in_place = words(
        "applyImmediately authToken authTokenUpdateStrategy autoMinorVersionUpgrade automaticFailoverEnabled"
        " description engineVersion multiAzEnabled nodeType numCacheClusters parameterGroupName securityGroupIds"
        " snapshotRetentionLimit transitEncryptionMode"
    )
    unordered = words("securityGroupIds")
    # A fixed identifier: two can't be there at once.
    delete_before_replace = True
    defaults: ClassVar[Mapping[str, Any]] = {"applyImmediately": False, "snapshotRetentionLimit": 0}
    names: ClassVar[Mapping[str, str]] = {
        "description": "ReplicationGroupDescription",
        "nodeType": "CacheNodeType",
        "parameterGroupName": "CacheParameterGroupName",
        "subnetGroupName": "CacheSubnetGroupName",
    }
    creating, id_input = Call("CreateReplicationGroup"), "replicationGroupId"
    reading = Call("DescribeReplicationGroups", {"ReplicationGroupId": "id"}, gives="ReplicationGroups[0]")
    reads: ClassVar[Mapping[str, str]] = {
        "automaticFailoverEnabled": "contains(['enabled', 'enabling'], AutomaticFailover)",
        "description": "Description",
        "multiAzEnabled": "MultiAZ == 'enabled'",
        "numCacheClusters": "length(MemberClusters)",
        "parameterGroupName": "Member.CacheParameterGroup.CacheParameterGroupName",
        "port": "NodeGroups[0].PrimaryEndpoint.Port",
        "securityGroupIds": "Member.SecurityGroups[].SecurityGroupId",
        "subnetGroupName": "Member.CacheSubnetGroupName",
    }
    outputs: ClassVar[Mapping[str, str]] = {
        "arn": "ARN",
        "engineVersionActual": "Member.EngineVersion",
        "memberClusters": "MemberClusters",
        "primaryEndpointAddress": "NodeGroups[0].PrimaryEndpoint.Address",
    }
    unread = words("applyImmediately authToken authTokenUpdateStrategy")
    private = words("authToken")
    missing = words("ReplicationGroupNotFoundFault")
    deleting = Call("DeleteReplicationGroup", {"ReplicationGroupId": "id"}, constants={"RetainPrimaryCluster": False})
    busy = words("InvalidReplicationGroupState")
    waits_for_end = 2700
    ready = Wait("Status", words("available"), words("create-failed"), seconds=3600)
    tagging = tags.RDS
    modifying: ClassVar[Call] = Call(
        "ModifyReplicationGroup",
        {"ReplicationGroupId": "id", "ApplyImmediately": "applyImmediately"},
        rest="changed",
    )

    def make(self, operation: Operation, inputs: Properties) -> Any:
        return super().make(operation, {**inputs, "authTokenUpdateStrategy": None})  # of an update only

    def find(self, operation: Operation, resource_id: str, scope: Properties) -> Any:
        document = super().find(operation, resource_id, scope)
        if not document or not document.get("MemberClusters"):
            return document
        # What the group has, its nodes tell.
        call = Call("DescribeCacheClusters", {"CacheClusterId": "member"}, gives="CacheClusters[0]")
        member = self.call(operation, call, {**scope, "member": document["MemberClusters"][0]}, {})
        return {**document, "Member": member, "EngineVersion": member.get("EngineVersion")}

    def properties(
        self, operation: Operation, resource_id: str, document: Any, state: Properties, inputs: Properties
    ) -> Properties:
        # `8.1` stands for whatever patch AWS has moved it to.
        wanted, real = str(inputs.get("engineVersion", "")), str(document.get("EngineVersion"))
        shown = wanted if wanted and (real + ".").startswith(wanted + ".") else real
        return super().properties(operation, resource_id, {**document, "EngineVersion": shown}, state, inputs)

    def change(self, operation: Operation, changed: set[str], scope: Properties, inputs: Properties) -> None:
        """As the provider does it: nodes come before what needs them, go after, and the token changes by itself."""
        nodes, had = inputs.get("numCacheClusters") or 1, scope["before"].get("numCacheClusters") or 1
        if nodes > had:
            self._replicas(operation, "IncreaseReplicaCount", nodes, scope)
        others = changed - words("applyImmediately authToken authTokenUpdateStrategy numCacheClusters")
        if others:
            self.call(operation, self.modifying, scope, {key: scope[key] for key in others})
            self.settle(operation, scope["id"], scope)
        if "authToken" in changed and scope.get("authToken"):
            token = {key: scope[key] for key in ("authToken", "authTokenUpdateStrategy")}
            self.call(operation, self.modifying, {**scope, "applyImmediately": True}, token)
            self.settle(operation, scope["id"], scope)
        if nodes < had:
            self._replicas(operation, "DecreaseReplicaCount", nodes, scope)

    def _replicas(self, operation: Operation, call: str, nodes: int, scope: Properties) -> None:
        takes = {"ReplicationGroupId": "id", "NewReplicaCount": "replicas"}
        scope = {**scope, "replicas": int(nodes) - 1}
        self.call(operation, Call(call, takes, constants={"ApplyImmediately": True}), scope, {})
        self.settle(operation, scope["id"], scope)
