"""The database: aws.rds."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from django_stack_plugins.aws import tags
from django_stack_plugins.aws.base import AWSResource
from django_stack_plugins.aws.calls import Call, Wait, words
from django_stack_plugins.resource import InitFailed, Operation, PluginError
from django_stack_plugins.values import Properties

_BATCH = 20  # parameters that the API takes a call


class SubnetGroup(AWSResource):
    docs, token, service = "db_subnet_group", "aws:rds/subnetGroup:SubnetGroup", "rds"
    required = words("subnetIds")
    replacing = words("name")
    in_place = words("subnetIds description")
    unordered = words("subnetIds")
    auto_named = True
    defaults: ClassVar[Mapping[str, Any]] = {"description": "Managed by Pulumi"}
    names: ClassVar[Mapping[str, str]] = {"name": "DBSubnetGroupName", "description": "DBSubnetGroupDescription"}
    creating, identity = Call("CreateDBSubnetGroup"), "DBSubnetGroup.DBSubnetGroupName"
    updating: ClassVar[Mapping[str, Call]] = {
        "subnetIds description": Call(
            "ModifyDBSubnetGroup",
            {"DBSubnetGroupName": "id", "SubnetIds": "subnetIds", "DBSubnetGroupDescription": "description"},
        )
    }
    reading = Call("DescribeDBSubnetGroups", {"DBSubnetGroupName": "id"}, gives="DBSubnetGroups[0]")
    reads: ClassVar[Mapping[str, str]] = {"subnetIds": "Subnets[].SubnetIdentifier"}
    outputs: ClassVar[Mapping[str, str]] = {"arn": "DBSubnetGroupArn", "vpcId": "VpcId"}
    missing = words("DBSubnetGroupNotFoundFault DBSubnetGroupNotFound")
    deleting, busy = Call("DeleteDBSubnetGroup", {"DBSubnetGroupName": "id"}), words("InvalidDBSubnetGroupStateFault")
    tagging = tags.RDS


class ParameterGroup(AWSResource):
    docs, token, service = "db_parameter_group", "aws:rds/parameterGroup:ParameterGroup", "rds"
    required = words("family")
    replacing = words("namePrefix family description")
    in_place = words("parameters")
    unordered = words("parameters")
    prefixed = ("namePrefix", "name")
    defaults: ClassVar[Mapping[str, Any]] = {"description": "Managed by Pulumi"}
    names: ClassVar[Mapping[str, str]] = {
        "name": "DBParameterGroupName",
        "family": "DBParameterGroupFamily",
        "parameters.name": "ParameterName",
        "parameters.value": "ParameterValue",
    }
    creating, identity = Call("CreateDBParameterGroup"), "DBParameterGroup.DBParameterGroupName"
    after = words("parameters")
    reading = Call("DescribeDBParameterGroups", {"DBParameterGroupName": "id"}, gives="DBParameterGroups[0]")
    # Those that somebody set; the family has hundreds more.
    more = (
        Call(
            "DescribeDBParameters",
            {"DBParameterGroupName": "id"},
            constants={"Source": "user"},
            gives="{Parameters: Parameters}",
        ),
    )
    outputs: ClassVar[Mapping[str, str]] = {"arn": "DBParameterGroupArn", "name": "DBParameterGroupName"}
    unread = words("namePrefix")
    updating: ClassVar[Mapping[str, Call]] = {
        "parameters": Call("ModifyDBParameterGroup", {"DBParameterGroupName": "id", "Parameters": "parameters"})
    }
    missing = words("DBParameterGroupNotFound")
    deleting = Call("DeleteDBParameterGroup", {"DBParameterGroupName": "id"})
    busy = words("InvalidDBParameterGroupState")
    tagging = tags.RDS

    def change(self, operation: Operation, changed: set[str], scope: Properties, inputs: Properties) -> None:
        wanted = inputs.get("parameters") or []
        for first in range(0, len(wanted), _BATCH):
            super().change(operation, changed, {**scope, "parameters": wanted[first : first + _BATCH]}, inputs)
        document = self.find(operation, scope["id"], scope) or {}
        kept = {parameter["name"] for parameter in wanted}
        dropped = [
            {"name": parameter["ParameterName"], "applyMethod": parameter.get("ApplyMethod", "immediate")}
            for parameter in document.get("Parameters") or []
            if parameter["ParameterName"] not in kept
        ]
        if dropped:
            takes = {"DBParameterGroupName": "id", "Parameters": "parameters"}
            self.call(operation, Call("ResetDBParameterGroup", takes), {**scope, "parameters": dropped}, {})


class Instance(AWSResource):
    docs, token, service = "db_instance", "aws:rds/instance:Instance", "rds"
    required = words("instanceClass")
    replacing = words("engine dbName username storageEncrypted snapshotIdentifier restoreToPointInTime")
    in_place = words(
        "allocatedStorage allowMajorVersionUpgrade applyImmediately autoMinorVersionUpgrade backupRetentionPeriod"
        " caCertIdentifier copyTagsToSnapshot dbSubnetGroupName databaseInsightsMode deletionProtection"
        " enabledCloudwatchLogsExports engineLifecycleSupport engineVersion performanceInsightsEnabled"
        " performanceInsightsRetentionPeriod"
        " finalSnapshotIdentifier identifier instanceClass maxAllocatedStorage multiAz parameterGroupName password port"
        " publiclyAccessible skipFinalSnapshot storageType vpcSecurityGroupIds"
    )
    unordered = words("enabledCloudwatchLogsExports vpcSecurityGroupIds")
    defaults: ClassVar[Mapping[str, Any]] = {
        "applyImmediately": False,
        "autoMinorVersionUpgrade": True,
        "skipFinalSnapshot": False,
    }
    # A fixed identifier: two can't be there at once.
    delete_before_replace = True
    names: ClassVar[Mapping[str, str]] = {
        "identifier": "DBInstanceIdentifier",
        "instanceClass": "DBInstanceClass",
        "username": "MasterUsername",
        "password": "MasterUserPassword",
        "caCertIdentifier": "CACertificateIdentifier",
        "parameterGroupName": "DBParameterGroupName",
        "performanceInsightsEnabled": "EnablePerformanceInsights",
        "snapshotIdentifier": "DBSnapshotIdentifier",
    }
    creating = Call("CreateDBInstance", {"EnableCloudwatchLogsExports": "enabledCloudwatchLogsExports"})
    identity = "DBInstance.DbiResourceId"
    # The ways to make it from a backup. Neither call takes everything: the provider modifies the rest afterwards.
    from_snapshot = Call("RestoreDBInstanceFromDBSnapshot", creating.takes, rest="all")
    from_moment = Call(
        "RestoreDBInstanceToPointInTime",
        {
            **creating.takes,
            "TargetDBInstanceIdentifier": "identifier",
            "RestoreTime": "restoreToPointInTime.restoreTime",
            "SourceDBInstanceAutomatedBackupsArn": "restoreToPointInTime.sourceDbInstanceAutomatedBackupsArn",
            "SourceDBInstanceIdentifier": "restoreToPointInTime.sourceDbInstanceIdentifier",
            "SourceDbiResourceId": "restoreToPointInTime.sourceDbiResourceId",
            "UseLatestRestorableTime": "restoreToPointInTime.useLatestRestorableTime",
        },
        rest="all",
    )
    afterwards = words(
        "allocatedStorage backupRetentionPeriod databaseInsightsMode engineVersion maxAllocatedStorage password"
        " performanceInsightsEnabled performanceInsightsRetentionPeriod storageType"
    )
    reading = Call("DescribeDBInstances", {"DBInstanceIdentifier": "identifier"}, gives="DBInstances[0]")
    reads: ClassVar[Mapping[str, str]] = {
        "dbSubnetGroupName": "DBSubnetGroup.DBSubnetGroupName",
        "parameterGroupName": "DBParameterGroups[0].DBParameterGroupName",
        "vpcSecurityGroupIds": "VpcSecurityGroups[].VpcSecurityGroupId",
        "performanceInsightsEnabled": "PerformanceInsightsEnabled",
        "port": "Endpoint.Port || DbInstancePort",
    }
    outputs: ClassVar[Mapping[str, str]] = {
        "address": "Endpoint.Address",
        "arn": "DBInstanceArn",
        "endpoint": "join(':', [Endpoint.Address, to_string(Endpoint.Port)])",
        "engineVersionActual": "EngineVersion",
        "resourceId": "DbiResourceId",
        "status": "DBInstanceStatus",
    }
    unread = words(
        "allowMajorVersionUpgrade applyImmediately finalSnapshotIdentifier password restoreToPointInTime"
        " skipFinalSnapshot snapshotIdentifier"
    )
    private = words("password")
    missing = words("DBInstanceNotFound DBInstanceNotFoundFault")
    deleting = Call(
        "DeleteDBInstance",
        {
            "DBInstanceIdentifier": "identifier",
            "SkipFinalSnapshot": "skipFinalSnapshot",
            "FinalDBSnapshotIdentifier": "finalSnapshotIdentifier",
        },
        constants={"DeleteAutomatedBackups": True},
    )
    busy = words("InvalidDBInstanceState")
    waits_for_end = 3600
    ready = Wait(
        "DBInstanceStatus",
        words("available storage-optimization"),
        words("failed incompatible-network incompatible-parameters incompatible-restore storage-full"),
        seconds=3600,
    )
    tagging = tags.RDS
    updating: ClassVar[Mapping[str, Call]] = {
        " ".join(sorted(in_place - words("skipFinalSnapshot finalSnapshotIdentifier applyImmediately"))): Call(
            "ModifyDBInstance",
            {
                "DBInstanceIdentifier": "before.identifier",
                "NewDBInstanceIdentifier": "newName",
                "DBPortNumber": "newPort",
                "ApplyImmediately": "applyImmediately",
                "AllowMajorVersionUpgrade": "allowMajorVersionUpgrade",
                "CloudwatchLogsExportConfiguration.EnableLogTypes": "newLogs",
                "CloudwatchLogsExportConfiguration.DisableLogTypes": "oldLogs",
            },
            rest="changed",
        )
    }

    def create(self, operation: Operation, inputs: Properties) -> tuple[str, Properties]:
        resource_id, state = super().create(operation, inputs)
        if not inputs.get("snapshotIdentifier") and not inputs.get("restoreToPointInTime"):
            return resource_id, state
        scope = {**dict.fromkeys(self.inputs), **inputs, "id": resource_id, "before": inputs}
        try:
            # AWS waits with nothing of it: what it is restored with is not in use yet.
            self.change(operation, set(self.afterwards & inputs.keys()), {**scope, "applyImmediately": True}, inputs)
            self.settle(operation, resource_id, scope)
            return resource_id, self._state(operation, resource_id, inputs, state)
        except PluginError as error:
            raise InitFailed(resource_id, state, str(error)) from error

    def adopt(self, operation: Operation, resource_id: str) -> tuple[str, Properties, Properties] | None:
        document = self.find(operation, resource_id, {"identifier": resource_id})
        if document is None:
            return None
        told: Properties = {
            **dict.fromkeys(self.inputs - self.unread),
            "vpcSecurityGroupIds": [],
            "enabledCloudwatchLogsExports": [],
        }
        own_id = str(document["DbiResourceId"])
        # What AWS doesn't tell has the provider's own defaults for an import.
        state = {**self.properties(operation, own_id, document, {}, told), "skipFinalSnapshot": True}
        inputs = {key: value for key, value in state.items() if key in self.inputs and value is not None}
        return own_id, state, inputs

    def make(self, operation: Operation, inputs: Properties) -> Any:
        call = self.from_snapshot if inputs.get("snapshotIdentifier") else self.from_moment
        if not inputs.get("snapshotIdentifier") and not inputs.get("restoreToPointInTime"):
            return super().make(operation, inputs)
        # PostgreSQL's name and user come with the backup.
        rest = {key: value for key, value in inputs.items() if key not in {"dbName", "username", "tags"}}
        takes = {**call.takes, **({"Tags": "tags"} if inputs.get("tags") else {})}
        scope = {**inputs, "tags": self.tag_argument(inputs.get("tags") or {})}
        return self.call(operation, replace(call, takes=takes), scope, rest)

    def change(self, operation: Operation, changed: set[str], scope: Properties, inputs: Properties) -> None:
        # Under other names than when it's made.
        scope = {**scope, "newPort": scope["port"] if "port" in changed else None}
        exported, wanted = ((p.get("enabledCloudwatchLogsExports") or []) for p in (scope["before"], scope))
        # A change of the logs that are exported names those that come and those that go.
        scope["newLogs"] = [log for log in wanted if log not in exported] or None
        scope["oldLogs"] = [log for log in exported if log not in wanted] or None
        scope["newName"] = scope["identifier"] if "identifier" in changed else None
        super().change(operation, changed, scope, inputs)

    def properties(
        self, operation: Operation, resource_id: str, document: Any, state: Properties, inputs: Properties
    ) -> Properties:
        # `17` stands for whatever minor version AWS has moved it to.
        wanted, real = str(inputs.get("engineVersion", "")), str(document.get("EngineVersion"))
        shown = wanted if wanted and (real + ".").startswith(wanted + ".") else real
        result = super().properties(operation, resource_id, {**document, "EngineVersion": shown}, state, inputs)
        return {**result, "engineVersionActual": real}

    def remove(self, operation: Operation, scope: Properties) -> None:
        if not scope["skipFinalSnapshot"] and not scope.get("finalSnapshotIdentifier"):
            raise PluginError(f"{operation.name}: finalSnapshotIdentifier is required unless skipFinalSnapshot is true")
        if scope["skipFinalSnapshot"]:
            scope = {**scope, "finalSnapshotIdentifier": None}
        document = self.find(operation, scope["id"], scope)
        if document and document.get("DBInstanceStatus") == "deleting":
            return
        super().remove(operation, scope)
