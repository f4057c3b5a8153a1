"""One resource of each type, with the settings that infra/cloud gives it, and changes of it."""

import json
from collections.abc import Callable
from typing import Any

from aws_edge_samples import EDGE, group
from aws_monitoring_samples import MONITORING, TAGS, policy
from aws_scaling_samples import SCALING

from django_stack_plugins.values import Properties

TRUST = {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
READS = {"Sid": "A", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::x/*"}
BEHAVIOR = {
    "targetOriginId": "site",
    "viewerProtocolPolicy": "redirect-to-https",
    "allowedMethods": ["GET", "HEAD", "OPTIONS"],
    "cachedMethods": ["GET", "HEAD"],
    "compress": True,
    "cachePolicyId": "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
}
CONTAINER = {
    "name": "web",
    "image": "example.com/app@sha256:1",
    "cpu": 0,
    "essential": True,
    "environment": [{"name": "COLOUR", "value": "red"}],
    "secrets": [{"name": "KEY", "valueFrom": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:a:KEY::"}],
    "mountPoints": [{"sourceVolume": "tmp", "containerPath": "/tmp", "readOnly": False}],
    "portMappings": [{"containerPort": 8000, "hostPort": 8000, "protocol": "tcp"}],
}


def expiry(count: int) -> str:
    selection = {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": count}
    rule = {"rulePriority": 1, "selection": selection, "action": {"type": "expire"}}
    return json.dumps({"rules": [rule]}, sort_keys=True)


def _subnets(account: Any) -> list[str]:
    second = {**SAMPLES["Subnet"](account), "cidrBlock": "10.0.16.0/20", "availabilityZone": "eu-central-1b"}
    if "second" not in account.others:
        account.others["second"] = account.make("Subnet", second).id
    return [account.sample("Subnet").id, account.others["second"]]


def _rule(account: Any) -> Properties:
    return {
        "securityGroupId": account.sample("SecurityGroup").id,
        "ipProtocol": "tcp",
        "fromPort": 80,
        "toPort": 81,
        "referencedSecurityGroupId": account.sample("SecurityGroup").id,
        "tags": TAGS,
    }


def _of_bucket(**inputs: Any) -> Callable[[Any], Properties]:
    return lambda account: {"bucket": account.sample("Bucket").id, **inputs}


def _logs(account: Any) -> str:
    """A bucket that S3 may write logs to."""
    if "logs" not in account.others:
        bucket = account.other("Bucket").id
        service = {"Service": "logging.s3.amazonaws.com"}
        write = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
        account.make("BucketPolicy", {"bucket": bucket, "policy": policy({**write, "Principal": service})})
        account.others["logs"] = bucket
    return str(account.others["logs"])


SAMPLES: dict[str, Callable[[Any], Properties]] = {
    **MONITORING,
    **SCALING,
    **EDGE,
    "Vpc": lambda _: {"cidrBlock": "10.0.0.0/16", "enableDnsSupport": True, "enableDnsHostnames": True, "tags": TAGS},
    "Subnet": lambda account: {
        "vpcId": account.sample("Vpc").id,
        "cidrBlock": "10.0.0.0/20",
        "availabilityZone": "eu-central-1a",
        "mapPublicIpOnLaunch": False,
        "tags": TAGS,
    },
    "InternetGateway": lambda account: {"vpcId": account.sample("Vpc").id, "tags": TAGS},
    "NatGateway": lambda account: {
        "vpcId": account.sample("Vpc").id,
        "availabilityMode": "regional",
        "connectivityType": "public",
        "tags": TAGS,
    },
    "RouteTable": lambda account: {"vpcId": account.sample("Vpc").id, "tags": TAGS},
    "Route": lambda account: {
        "routeTableId": account.sample("RouteTable").id,
        "destinationCidrBlock": "0.0.0.0/0",
        "gatewayId": account.sample("InternetGateway").id,
    },
    "RouteTableAssociation": lambda account: {
        "subnetId": account.sample("Subnet").id,
        "routeTableId": account.sample("RouteTable").id,
    },
    "VpcEndpoint": lambda account: {
        "vpcId": account.sample("Vpc").id,
        "serviceName": "com.amazonaws.eu-central-1.s3",
        "vpcEndpointType": "Gateway",
        "routeTableIds": [account.sample("RouteTable").id],
        "tags": TAGS,
    },
    "FlowLog": lambda account: {
        "vpcId": account.sample("Vpc").id,
        "trafficType": "ALL",
        "logDestinationType": "s3",
        "logDestination": f"arn:aws:s3:::{account.sample('Bucket').id}",
        "maxAggregationInterval": 600,
        "tags": TAGS,
    },
    "SecurityGroup": lambda account: {
        "name": "app-web",
        "description": "The tasks",
        "vpcId": account.sample("Vpc").id,
        "tags": TAGS,
    },
    "DefaultSecurityGroup": lambda account: {"vpcId": account.sample("Vpc").id, "ingress": [], "egress": []},
    "IngressRule": _rule,
    "EgressRule": lambda account: {
        "securityGroupId": account.sample("SecurityGroup").id,
        "ipProtocol": "-1",
        "cidrIpv4": "0.0.0.0/0",
        "tags": TAGS,
    },
    "Repository": lambda _: {
        "name": "app/test",
        "imageTagMutability": "IMMUTABLE",
        "imageScanningConfiguration": {"scanOnPush": True},
        "encryptionConfigurations": [{"encryptionType": "AES256"}],
        "forceDelete": True,
        "tags": TAGS,
    },
    "LifecyclePolicy": lambda account: {"repository": account.sample("Repository").id, "policy": expiry(30)},
    "Role": lambda _: {
        "name": "app-execution",
        "assumeRolePolicy": policy(TRUST),
        "permissionsBoundary": "arn:aws:iam::aws:policy/PowerUserAccess",
        "tags": TAGS,
    },
    "RolePolicy": lambda account: {"name": "rights", "role": account.sample("Role").id, "policy": policy(READS)},
    "Secret": lambda _: {
        "namePrefix": "app-environment-",
        "description": "Variables",
        "recoveryWindowInDays": 7,
        "tags": TAGS,
    },
    "SecretVersion": lambda account: {"secretId": account.sample("Secret").id, "secretString": '{"KEY": "hidden"}'},
    "Cluster": lambda _: {
        "name": "app",
        "settings": [{"name": "containerInsights", "value": "disabled"}],
        "tags": TAGS,
    },
    "TaskDefinition": lambda account: {
        "family": "app",
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "runtimePlatform": {"cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX"},
        "executionRoleArn": account.sample("Role").state["arn"],
        "taskRoleArn": account.sample("Role").state["arn"],
        "volumes": [{"name": "tmp"}],
        "containerDefinitions": json.dumps([CONTAINER], sort_keys=True),
        "tags": TAGS,
    },
    "Service": lambda account: {
        "name": "app-web",
        "cluster": account.sample("Cluster").id,
        "taskDefinition": account.sample("TaskDefinition").state["arn"],
        "desiredCount": 1,
        "launchType": "FARGATE",
        "platformVersion": "1.4.0",
        "availabilityZoneRebalancing": "ENABLED",
        "networkConfiguration": {
            "subnets": _subnets(account),
            "securityGroups": [account.sample("SecurityGroup").id],
            "assignPublicIp": True,
        },
        "loadBalancers": [
            {"targetGroupArn": account.sample("TargetGroup").id, "containerName": "web", "containerPort": 8000}
        ],
        "propagateTags": "SERVICE",
        "alarms": {"alarmNames": ["app-rollback"], "enable": True, "rollback": True},
        "tags": TAGS,
    },
    "SubnetGroup": lambda account: {"name": "app", "subnetIds": _subnets(account), "tags": TAGS},
    "ParameterGroup": lambda _: {
        "namePrefix": "app-postgres17-",
        "family": "postgres17",
        "parameters": [{"name": "rds.force_ssl", "value": "1", "applyMethod": "immediate"}],
        "tags": TAGS,
    },
    "Instance": lambda account: {
        "identifier": "app",
        "engine": "postgres",
        "engineVersion": "17",
        "instanceClass": "db.t4g.micro",
        "allocatedStorage": 20,
        "maxAllocatedStorage": 100,
        "storageType": "gp3",
        "storageEncrypted": True,
        "dbName": "app",
        "username": "app",
        "password": "hidden-password",
        "port": 5432,
        "dbSubnetGroupName": account.sample("SubnetGroup").id,
        "vpcSecurityGroupIds": [account.sample("SecurityGroup").id],
        "publiclyAccessible": False,
        "multiAz": False,
        "parameterGroupName": account.sample("ParameterGroup").id,
        "caCertIdentifier": "rds-ca-rsa2048-g1",
        "backupRetentionPeriod": 7,
        "copyTagsToSnapshot": True,
        "deletionProtection": False,
        "enabledCloudwatchLogsExports": ["postgresql", "upgrade"],
        "finalSnapshotIdentifier": "app-last",
        "applyImmediately": True,
        "tags": TAGS,
    },
    "CacheSubnetGroup": lambda account: {"name": "app", "subnetIds": _subnets(account), "tags": TAGS},
    "CacheParameterGroup": lambda _: {
        "name": "app-valkey8",
        "family": "valkey8",
        "parameters": [{"name": "maxmemory-policy", "value": "volatile-lru"}],
        "tags": TAGS,
    },
    "ReplicationGroup": lambda account: {
        "replicationGroupId": "app",
        "description": "The cache",
        "engine": "valkey",
        "engineVersion": "8.1",
        "nodeType": "cache.t4g.micro",
        "numCacheClusters": 1,
        "port": 6379,
        "subnetGroupName": account.sample("CacheSubnetGroup").id,
        "securityGroupIds": [account.sample("SecurityGroup").id],
        "atRestEncryptionEnabled": True,
        "transitEncryptionEnabled": True,
        "authToken": "hidden-token-of-the-cache",
        "authTokenUpdateStrategy": "ROTATE",
        "snapshotRetentionLimit": 0,
        "applyImmediately": True,
        "tags": TAGS,
    },
    "LoadBalancer": lambda account: {
        "name": "app",
        "loadBalancerType": "application",
        "internal": True,
        "securityGroups": [account.sample("SecurityGroup").id],
        "subnets": _subnets(account),
        "dropInvalidHeaderFields": True,
        "idleTimeout": 60,
        "tags": TAGS,
    },
    "TargetGroup": lambda account: {
        "name": "app",
        "vpcId": account.sample("Vpc").id,
        "port": 8000,
        "protocol": "HTTP",
        "targetType": "ip",
        "deregistrationDelay": 30,
        "healthCheck": {"path": "/healthz/live", "matcher": "200", "interval": 15, "timeout": 5},
        "tags": TAGS,
    },
    "Listener": lambda account: {
        "loadBalancerArn": account.sample("LoadBalancer").id,
        "port": 80,
        "protocol": "HTTP",
        "defaultActions": [
            {"type": "fixed-response", "fixedResponse": {"contentType": "text/plain", "statusCode": "403"}}
        ],
        "tags": TAGS,
    },
    "VpcOrigin": lambda account: {
        "vpcOriginEndpointConfig": {
            "name": "app-0a1b",
            "arn": account.sample("LoadBalancer").id,
            "httpPort": 80,
            "httpsPort": 443,
            "originProtocolPolicy": "http-only",
            "originSslProtocols": {"items": ["TLSv1.2"], "quantity": 1},
        },
        "timeouts": {"create": "60m", "update": "60m", "delete": "60m"},
        "tags": TAGS,
    },
    "Distribution": lambda _: {
        "enabled": True,
        "comment": "app",
        "httpVersion": "http2and3",
        "isIpv6Enabled": True,
        "priceClass": "PriceClass_100",
        "origins": [
            {
                "originId": "site",
                "domainName": "app.elb.amazonaws.com",
                "customOriginConfig": {
                    "httpPort": 80,
                    "httpsPort": 443,
                    "originProtocolPolicy": "http-only",
                    "originSslProtocols": ["TLSv1.2"],
                    "originReadTimeout": 60,
                    "originKeepaliveTimeout": 55,
                },
                "customHeaders": [{"name": "X-Origin-Key", "value": "hidden"}],
            },
            {"originId": "bucket", "domainName": "app.s3.amazonaws.com"},
        ],
        "originGroups": [group(404)],
        "defaultCacheBehavior": BEHAVIOR,
        "orderedCacheBehaviors": [{**BEHAVIOR, "pathPattern": "/static/*", "allowedMethods": ["GET", "HEAD"]}],
        "restrictions": {"geoRestriction": {"restrictionType": "none"}},
        "viewerCertificate": {"cloudfrontDefaultCertificate": True},
        "tags": TAGS,
    },
    "LogDeliverySource": lambda account: {
        "name": "app",
        "region": "us-east-1",
        "logType": "ACCESS_LOGS",
        "resourceArn": account.sample("Distribution").state["arn"],
        "tags": TAGS,
    },
    "LogDeliveryDestination": lambda account: {
        "name": "app",
        "region": "us-east-1",
        "outputFormat": "json",
        "deliveryDestinationConfiguration": {
            "destinationResourceArn": f"arn:aws:s3:::{account.sample('Bucket').id}/cloudfront"
        },
        "tags": TAGS,
    },
    "LogDelivery": lambda account: {
        "region": "us-east-1",
        "deliverySourceName": account.sample("LogDeliverySource").id,
        "deliveryDestinationArn": account.sample("LogDeliveryDestination").state["arn"],
        "tags": TAGS,
    },
    "Bucket": lambda _: {"bucketPrefix": "app-media-", "forceDestroy": True, "tags": TAGS},
    "PublicAccessBlock": _of_bucket(
        blockPublicAcls=True, blockPublicPolicy=True, ignorePublicAcls=True, restrictPublicBuckets=True
    ),
    "OwnershipControls": _of_bucket(rule={"objectOwnership": "BucketOwnerEnforced"}),
    "Encryption": _of_bucket(rules=[{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}]),
    "Cors": _of_bucket(
        corsRules=[
            {
                "allowedHeaders": ["*"],
                "allowedMethods": ["GET", "HEAD"],
                "allowedOrigins": ["https://www.example.com"],
                "exposeHeaders": ["ETag"],
                "maxAgeSeconds": 600,
            }
        ]
    ),
    "Versioning": _of_bucket(versioningConfiguration={"status": "Enabled"}),
    "Logging": lambda account: {
        "bucket": account.sample("Bucket").id,
        "targetBucket": _logs(account),
        "targetPrefix": "logs/",
    },
    "Lifecycle": _of_bucket(
        rules=[
            {
                "id": "old-versions",
                "status": "Enabled",
                "filter": {"prefix": ""},
                "noncurrentVersionExpiration": {"noncurrentDays": 90},
                "abortIncompleteMultipartUpload": {"daysAfterInitiation": 7},
            }
        ]
    ),
    "BucketPolicy": _of_bucket(policy=policy({**READS, "Principal": "*"})),
    "Certificate": lambda _: {
        "domainName": "www.example.com",
        "region": "us-east-1",
        "subjectAlternativeNames": ["example.com"],
        "validationMethod": "DNS",
        "tags": TAGS,
    },
    "CertificateValidation": lambda account: {
        "certificateArn": account.sample("Certificate").id,
        "region": "us-east-1",
        "validationRecordFqdns": ["_proof.www.example.com"],
    },
    "Record": lambda account: {
        "zoneId": account.zone("example.com"),
        "name": "www.example.com",
        "type": "CNAME",
        "records": ["example.org"],
        "ttl": 300,
    },
}
