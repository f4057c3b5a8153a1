"""Who reaches what, and by which way."""

import json
from collections.abc import Iterator
from typing import Any

from tests.infra.cloud.rules.base import BALANCER, DEFINITION, INSTANCE, SERVICE, Break, Edit, Rule, change, gone
from tests.infra.conftest import Registered, Run

DEFAULT_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
CLOUDFRONT_LIST = "pl-3b927c52"
DATABASE_ADMITS = ("network-database-id", "network-app-id", 5432)


def nothing_is_open_to_the_world(run: Run) -> Iterator[str]:
    for rule in run.of_type(INGRESS):
        if rule.inputs.get("cidrIpv4") or rule.inputs.get("cidrIpv6"):
            yield f"{rule.name} opens {rule.inputs['securityGroupId']} to addresses; CloudFront is the only way in."
        if rule.inputs.get("ipProtocol") != "tcp":
            yield f"{rule.name} admits {rule.inputs.get('ipProtocol')}; what listens here, HTTP and PostgreSQL, is TCP."
    for group in run.of_type("aws:ec2/securityGroup:SecurityGroup"):
        if group.inputs.get("ingress") or group.inputs.get("egress"):
            yield f"{group.name} has rules of its own, which take back those that stand beside it at each other update."
    for rule in run.of_type("aws:ec2/securityGroupRule:SecurityGroupRule"):
        yield f"{rule.name} is of a kind that these tests don't look at; use aws.vpc.SecurityGroupIngressRule."


def the_networks_own_group_has_no_rules(run: Run) -> Iterator[str]:
    """AWS gives one to each network, whose members reach each other and the world."""
    emptied = {
        group.inputs["vpcId"]
        for group in run.of_type(DEFAULT_GROUP)
        if group.inputs.get("ingress") == group.inputs.get("egress") == []
    }
    networks = {f"{network.name}-id" for network in run.of_type("aws:ec2/vpc:Vpc")}
    if not networks or networks - emptied:
        yield "What is started in the network without a security group of its own gets AWS's default one, with rules."


def cloudfront_is_the_only_way_in(run: Run) -> Iterator[str]:
    """CloudFront, by its addresses and a VPC origin, to an internal load balancer without a public address."""
    admitted = [
        (rule.inputs.get("prefixListId"), rule.inputs.get("fromPort"), rule.inputs.get("toPort"))
        for rule in run.of_type(INGRESS)
        if rule.inputs["securityGroupId"] == "network-load-balancer-id"
    ]
    if admitted != [(CLOUDFRONT_LIST, 80, 80)]:
        yield f"The load balancer admits {admitted}, not just CloudFront."
    ways = []
    for balancer in run.of_type(BALANCER):
        ways.append(f"arn:aws:lb:us-east-1:123456789012:{balancer.inputs['name']}")
        if balancer.inputs.get("internal") is not True:
            yield f"{balancer.name} is on the internet: a way round CloudFront, and addresses to pay for."
        if not all("private" in subnet for subnet in balancer.inputs["subnets"]):
            yield f"{balancer.name} is in a subnet with a route to the internet."
    origins = run.of_type("aws:cloudfront/vpcOrigin:VpcOrigin")
    if not ways or [origin.inputs["vpcOriginEndpointConfig"]["arn"] for origin in origins] != ways:
        yield "CloudFront has no VPC origin that leads to the load balancer."
    used = {
        origin.get("vpcOriginConfig", {}).get("vpcOriginId")
        for distribution in run.of_type(DISTRIBUTION)
        for origin in distribution.inputs["origins"]
    }
    if not {f"{origin.name}-id" for origin in origins} <= used:
        yield "No distribution uses the VPC origin: nobody reaches the site."
    for distribution in run.of_type(DISTRIBUTION):
        for origin in distribution.inputs["origins"]:
            if origin.get("customOriginConfig"):
                yield f"{distribution.name} fetches {origin['originId']} over the internet, where others reach it, too."


def each_part_admits_the_one_before_it_only(run: Run) -> Iterator[str]:
    """Load balancer, tasks, database: each knows the one before it by its security group."""
    for group, source, port in (("network-app-id", "network-load-balancer-id", 8000), DATABASE_ADMITS):
        admitted = [
            (rule.inputs.get("referencedSecurityGroupId"), rule.inputs.get("fromPort"), rule.inputs.get("toPort"))
            for rule in run.of_type(INGRESS)
            if rule.inputs["securityGroupId"] == group
        ]
        if admitted != [(source, port, port)]:
            yield f"{group} admits {admitted}, not just {source} on port {port}: a way round what stands before it."
    out = {
        (rule.inputs["securityGroupId"], rule.inputs.get("referencedSecurityGroupId"), rule.inputs.get("fromPort"))
        for rule in run.of_type("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule")
    }
    if ("network-load-balancer-id", "network-app-id", 8000) not in out or any(
        group == "network-load-balancer-id" and target != "network-app-id" for group, target, _ in out
    ):
        yield "The load balancer reaches something else than the tasks, or not them."
    if any(group == "network-database-id" for group, _, _ in out):
        yield "The database can open connections, which it has no need of: a way out for stolen data."
    wears = [(database.inputs.get("vpcSecurityGroupIds"), "network-database-id") for database in run.of_type(INSTANCE)]
    wears += [(balancer.inputs.get("securityGroups"), "network-load-balancer-id") for balancer in run.of_type(BALANCER)]
    wears += [
        (service.inputs["networkConfiguration"].get("securityGroups"), "network-app-id")
        for service in run.of_type(SERVICE)
    ]
    for groups, own in wears:
        if groups != [own]:
            yield f"Something is in the security groups {groups} instead of {own}, whose rules then don't count."


def tasks_have_one_way_out(run: Run) -> Iterator[str]:
    """By an address of their own and the internet gateway, or without one by the NAT gateway."""
    ways = {
        association.inputs["subnetId"]: route.inputs
        for association in run.of_type("aws:ec2/routeTableAssociation:RouteTableAssociation")
        for route in run.of_type("aws:ec2/route:Route")
        if route.inputs["routeTableId"] == association.inputs["routeTableId"]
    }
    for service in run.of_type(SERVICE):
        network = service.inputs["networkConfiguration"]
        by = "gatewayId" if network.get("assignPublicIp") else "natGatewayId"
        if not all(ways.get(subnet, {}).get(by) for subnet in network["subnets"]):
            yield f"A task reaches neither its image nor its secrets: its subnets have no {by}."


def files_go_to_the_bucket_inside_awss_network(run: Run) -> Iterator[str]:
    ways = [
        endpoint.inputs
        for endpoint in run.of_type("aws:ec2/vpcEndpoint:VpcEndpoint")
        if endpoint.inputs["serviceName"].endswith(".s3") and endpoint.inputs.get("vpcEndpointType") == "Gateway"
    ]
    tables = {
        association.inputs["routeTableId"]
        for association in run.of_type("aws:ec2/routeTableAssociation:RouteTableAssociation")
        if "public" in association.inputs["subnetId"]
    }
    if not tables or not any(tables <= set(way.get("routeTableIds", [])) for way in ways):
        yield "Tasks have no gateway to S3: uploads go over the internet, and through a NAT they would be billed."


def visitors_come_by_https(run: Run) -> Iterator[str]:
    distributions = run.of_type(DISTRIBUTION)
    if not distributions:
        yield "Nothing speaks TLS: there is no CloudFront."
    for distribution in distributions:
        behaviors = [distribution.inputs["defaultCacheBehavior"], *distribution.inputs.get("orderedCacheBehaviors", [])]
        if any(behavior["viewerProtocolPolicy"] not in {"redirect-to-https", "https-only"} for behavior in behaviors):
            yield f"{distribution.name} serves over plain http: sessions could be stolen in any café."
        certificate = distribution.inputs["viewerCertificate"]
        own = certificate.get("acmCertificateArn")
        if own and not certificate.get("minimumProtocolVersion", "").startswith("TLSv1.2_202"):
            yield f"{distribution.name} takes TLS before 1.2, or ciphers that are known to be weak."
        if bool(own) is not bool(distribution.inputs.get("aliases")):
            yield f"{distribution.name} has names without a certificate for them, or a certificate for no name."
        if own and ":us-east-1:" not in own:
            yield f"{distribution.name} has a certificate that CloudFront can't take, from another region."
    for balancer in run.of_type(BALANCER):
        if balancer.inputs.get("dropInvalidHeaderFields") is not True:
            yield "The load balancer hands malformed headers on, with which requests can be smuggled past it."


def django_believes_the_header_that_visitors_cannot_set(run: Run) -> Iterator[str]:
    """CloudFront sets its own headers itself and passes them on; the load balancer's says http, whatever was used."""
    header = {
        entry["value"]
        for container in _containers(run)
        for entry in container.get("environment", [])
        if entry["name"] == "SECURE_PROXY_SSL_HEADER"
    }
    if header != {"CloudFront-Forwarded-Proto"}:
        yield f"Django goes by {sorted(header)}: it redirects for ever, or believes what a visitor says."
    for distribution in run.of_type(DISTRIBUTION):
        default = distribution.inputs["defaultCacheBehavior"]
        to_tasks = any(origin.get("vpcOriginConfig") for origin in distribution.inputs["origins"])
        if to_tasks and default.get("originRequestPolicyId") != "33f36d7e-f396-46d9-90e0-52428a34d9dc":
            yield f"{distribution.name} doesn't pass the visitor's host and its own headers on."


def _containers(run: Run) -> Iterator[dict[str, Any]]:
    for definition in run.of_type(DEFINITION):
        yield from json.loads(definition.inputs["containerDefinitions"])


def _in_the_default_behavior(key: str, value: str) -> Edit:
    return lambda resource: resource.inputs["defaultCacheBehavior"].update({key: value})


def _with_certificate(**changes: str) -> Edit:
    return lambda resource: resource.inputs["viewerCertificate"].update(changes)


def _to_the_open_internet(resource: Registered) -> None:
    resource.inputs["origins"][0]["customOriginConfig"] = {"originProtocolPolicy": "http-only"}


RULES: list[Rule] = [
    nothing_is_open_to_the_world,
    cloudfront_is_the_only_way_in,
    the_networks_own_group_has_no_rules,
    each_part_admits_the_one_before_it_only,
    tasks_have_one_way_out,
    files_go_to_the_bucket_inside_awss_network,
    visitors_come_by_https,
    django_believes_the_header_that_visitors_cannot_set,
]
OF_PARTS_THAT_ARE_THERE: list[Rule] = [tasks_have_one_way_out, nothing_is_open_to_the_world]
BREAKS = [
    Break("network-to-world", gone, "its subnets have no gatewayId"),
    Break("network-to-world", gone, "its subnets have no natGatewayId", "nat"),
    Break(
        "web",
        lambda service: service.inputs["networkConfiguration"].update(assignPublicIp=False),
        "its subnets have no natGatewayId",
    ),
    Break(
        "web",
        lambda service: service.inputs["networkConfiguration"].update(assignPublicIp=True),
        "its subnets have no gatewayId",
        "nat",
    ),
    Break("network-default", gone, "AWS's default one, with rules"),
    Break("network-default", change(ingress=[{"self": True}]), "AWS's default one, with rules"),
    Break("network-default", lambda group: group.inputs.pop("egress"), "AWS's default one, with rules"),
    Break("network-default", change(vpcId="another"), "AWS's default one, with rules"),
    Break("network-app-to-database-in", gone, "network-database-id admits []"),
    Break("network-load-balancer-to-app-out", gone, "The load balancer reaches something else"),
    Break("network-app-to-database-in", change(referencedSecurityGroupId="network-load-balancer-id"), "a way round"),
    Break("network-load-balancer-to-app-in", change(toPort=9000), "a way round"),
    Break("network-app-to-world", change(securityGroupId="network-database-id"), "a way out for stolen data"),
    Break("database", change(vpcSecurityGroupIds=["default"]), "whose rules then don't count"),
    Break("network-app-to-database-in", change(ipProtocol="-1"), "HTTP and PostgreSQL, is TCP"),
    Break("address-admits-80", change(ipProtocol="udp"), "HTTP and PostgreSQL, is TCP"),
    Break("network-s3", gone, "no gateway to S3"),
    Break("network-s3", change(vpcEndpointType="Interface"), "no gateway to S3"),
    Break("network-s3", change(routeTableIds=["network-private-id"]), "no gateway to S3"),
    Break("address-cloudfront", gone, "Nothing speaks TLS"),
    Break("address-cloudfront", gone, "nobody reaches the site"),
    Break("address-load-balancer", change(dropInvalidHeaderFields=False), "requests can be smuggled"),
    Break("address-load-balancer", change(internal=False), "a way round CloudFront"),
    Break("address-load-balancer", change(subnets=["network-public-a-id"]), "a route to the internet"),
    Break("address-load-balancer", change(name="other"), "no VPC origin that leads to the load balancer"),
    Break("address-origin", gone, "no VPC origin that leads to the load balancer"),
    Break("address-admits-80", change(cidrIpv4="0.0.0.0/0"), "CloudFront is the only way in"),
    Break("address-admits-80", change(prefixListId="pl-0a1b"), "not just CloudFront"),
    Break("address-admits-80", change(toPort=443), "not just CloudFront"),
    Break("network-app-to-database-in", change(cidrIpv4="0.0.0.0/0"), "opens network-database-id to addresses"),
    Break("network-load-balancer-to-app-in", change(cidrIpv6="::/0"), "opens network-app-id to addresses"),
    Break("network-app", change(ingress=[{"cidrBlocks": ["0.0.0.0/0"]}]), "rules of its own"),
    Break("address-cloudfront", _in_the_default_behavior("viewerProtocolPolicy", "allow-all"), "over plain http"),
    Break(
        "address-cloudfront", _in_the_default_behavior("originRequestPolicyId", ""), "doesn't pass the visitor's host"
    ),
    Break("address-cloudfront", _to_the_open_internet, "over the internet, where others reach it"),
    Break(
        "address-cloudfront", _with_certificate(minimumProtocolVersion="TLSv1"), "takes TLS before 1.2", "own domain"
    ),
    Break(
        "address-cloudfront",
        _with_certificate(acmCertificateArn="arn:aws:acm:eu-west-1:1:certificate/1"),
        "from another region",
        "own domain",
    ),
    Break("address-cloudfront", change(aliases=[]), "a certificate for no name", "own domain"),
    Break("task", change(containerDefinitions="[]"), "Django goes by []"),
]
