"""What AWS would compute for a resource: ids, ARNs and names, made up for the mocks."""

from typing import Any

ACCOUNT = "123456789012"
REGION = "us-east-1"
CLOUDFRONT = "d111111abcdef8.cloudfront.net"


def identity(token: str, name: str, inputs: dict[str, Any], end: str = "") -> str:
    """The id of a resource; of a task definition the family, as AWS has it."""
    if token == "aws:ecs/taskDefinition:TaskDefinition":
        return str(inputs["family"])
    if token in {"aws:s3/bucket:Bucket", "aws:ecs/service:Service"}:
        return computed(token, name, inputs, end)["arn" if "Service" in token else "bucket"]
    return f"{name}-id{end}"


def computed(token: str, name: str, inputs: dict[str, Any], end: str = "") -> dict[str, Any]:
    """The outputs besides the inputs, as far as infra/cloud reads them. `end` tells two resources of one name apart."""
    service = token.split(":")[1].split("/", maxsplit=1)[0]
    physical = inputs.get("name") or f"{name}{end}"
    arn = f"arn:aws:{service}:{REGION}:{ACCOUNT}:{physical}"
    outputs: dict[str, Any] = {"arn": arn}
    match token.rpartition(":")[2]:
        case "Vpc":
            outputs["ownerId"] = ACCOUNT
        case "Repository":
            outputs["repositoryUrl"] = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{physical}"
            outputs["arn"] = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{physical}"
        case "Role":
            outputs["arn"] = f"arn:aws:iam::{ACCOUNT}:role/{physical}"
        case "LogGroup":
            outputs["arn"] = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{physical}"
        case "Secret":
            outputs["arn"] = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{inputs['namePrefix']}1a2b3c{end}"
        case "SecretVersion":
            outputs["versionId"] = f"version-of-{name}{end}"
        case "EmailIdentity":
            outputs["dkimSigningAttributes"] = {"tokens": [f"token{number}" for number in range(3)]}
        case "ReplicationGroup":
            group = inputs["replicationGroupId"]
            outputs["primaryEndpointAddress"] = f"master.{group}.abc123.use1.cache.amazonaws.com{end}"
        case "ParameterGroup" if service == "elasticache":
            outputs["name"] = inputs["name"]
        case "ParameterGroup":
            outputs["name"] = f"{inputs['namePrefix']}1a2b3c{end}"
        case "TaskDefinition":
            outputs["arn"] = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/{inputs['family']}:1{end}"
        case "Service":
            outputs["arn"] = f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/{physical}"
        case "LoadBalancer":
            outputs |= {
                "arnSuffix": f"app/{physical}/50dc6c495c0c9188",
                "dnsName": f"{physical}-1234567890.{REGION}.elb.amazonaws.com",
                "zoneId": "Z35SXDOTRQ7X7K",
            }
        case "TargetGroup":
            outputs["arnSuffix"] = f"targetgroup/{physical}/73e2d6bc24d8a067"
        case "Certificate":
            hosts = [inputs["domainName"], *inputs.get("subjectAlternativeNames", [])]
            outputs["domainValidationOptions"] = [
                {
                    "domainName": host,
                    "resourceRecordName": f"_proof.{host}.",
                    "resourceRecordType": "CNAME",
                    "resourceRecordValue": f"_{host}.acm-validations.aws.",
                }
                for host in reversed(hosts)  # a set: the order is AWS's own
            ]
        case "Record":
            outputs["fqdn"] = str(inputs["name"]).rstrip(".")
        case "CertificateValidation":
            outputs["certificateArn"] = inputs["certificateArn"]
        case "Distribution":
            outputs["arn"] = f"arn:aws:cloudfront::{ACCOUNT}:distribution/E{name.upper()}"
            outputs |= {"domainName": CLOUDFRONT, "hostedZoneId": "Z2FDTNDATAQYW2"}
        case "Bucket":
            bucket = f"{inputs['bucketPrefix']}20260101000000"
            outputs |= {
                "bucket": bucket,
                "arn": f"arn:aws:s3:::{bucket}",
                "bucketRegionalDomainName": f"{bucket}.s3.{REGION}.amazonaws.com",
            }
        case "Instance":
            outputs |= {
                "address": f"{inputs['identifier']}.c123456789ab.{REGION}.rds.amazonaws.com",
                "resourceId": f"db-{name.upper()}ABCDEFGHIJKLMNOP{end}",
            }
    return outputs


# The region's zones by id; the first one by name has no Fargate, the fourth is none of CloudFront's.
ZONES = {
    "use1-az2": f"{REGION}b",
    "use1-az1": f"{REGION}a",
    "use1-az4": f"{REGION}c",
    "use1-az3": f"{REGION}d",
    "apne1-az3": f"{REGION}-old",
}


def answer(token: str) -> dict[str, Any]:
    """The result of a function that infra/cloud asks AWS."""
    return {
        "aws:index/getAvailabilityZones:getAvailabilityZones": {
            "names": list(ZONES.values()),
            "zoneIds": list(ZONES),
        },
        "aws:ec2/getManagedPrefixList:getManagedPrefixList": {"id": "pl-3b927c52"},
    }[token]
