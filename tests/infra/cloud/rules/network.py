"""Who reaches what, and by which way."""

from collections.abc import Iterator

from tests.infra.cloud.rules.base import BALANCER, INSTANCE, SERVICE, Break, Rule, change, gone
from tests.infra.conftest import Run

DEFAULT_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
DATABASE_ADMITS = ("network-database-id", "network-app-id", 5432)


def only_the_load_balancer_is_open_to_the_world(run: Run) -> Iterator[str]:
    for rule in run.of_type(INGRESS):
        world = {rule.inputs.get("cidrIpv4"), rule.inputs.get("cidrIpv6")} & {"0.0.0.0/0", "::/0"}
        if world and "load-balancer" not in rule.inputs["securityGroupId"]:
            yield f"{rule.name} opens {rule.inputs['securityGroupId']} to the whole internet, not the load balancer."
        if world and rule.inputs.get("fromPort") not in {80, 443}:
            yield f"{rule.name} opens port {rule.inputs.get('fromPort')} of the load balancer, where nothing answers."
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
    for distribution in run.of_type("aws:cloudfront/distribution:Distribution"):
        behaviors = [distribution.inputs["defaultCacheBehavior"], *distribution.inputs.get("orderedCacheBehaviors", [])]
        if any(behavior["viewerProtocolPolicy"] not in {"redirect-to-https", "https-only"} for behavior in behaviors):
            yield f"{distribution.name} serves over plain http: sessions could be stolen in any café."
    listeners = run.of_type("aws:lb/listener:Listener")
    if not any(listener.inputs["protocol"] == "HTTPS" for listener in listeners) and not any(
        origin.get("customOriginConfig")
        for distribution in run.of_type("aws:cloudfront/distribution:Distribution")
        for origin in distribution.inputs["origins"]
    ):
        yield "Nothing speaks TLS: neither the load balancer nor a CloudFront before it."
    for listener in listeners:
        policy = listener.inputs.get("sslPolicy", "")
        if listener.inputs["protocol"] == "HTTPS" and not policy.startswith("ELBSecurityPolicy-TLS13-1-2-"):
            yield f"{listener.name} takes TLS before 1.2, by AWS's default, or ciphers that are known to be weak."
        action = listener.inputs["defaultActions"][0]["type"]
        if listener.inputs["protocol"] == "HTTP" and action not in {"redirect", "fixed-response"}:
            yield f"{listener.name} serves over plain http: sessions could be stolen in any café."
    for balancer in run.of_type(BALANCER):
        if balancer.inputs.get("dropInvalidHeaderFields") is not True:
            yield "The load balancer hands malformed headers on, with which requests can be smuggled past it."


RULES: list[Rule] = [
    only_the_load_balancer_is_open_to_the_world,
    the_networks_own_group_has_no_rules,
    each_part_admits_the_one_before_it_only,
    files_go_to_the_bucket_inside_awss_network,
    visitors_come_by_https,
]
OF_PARTS_THAT_ARE_THERE: list[Rule] = [only_the_load_balancer_is_open_to_the_world]
BREAKS = [
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
    Break("address", change(dropInvalidHeaderFields=False), "requests can be smuggled"),
    Break("network-app-to-database-in", change(cidrIpv4="0.0.0.0/0"), "to the whole internet"),
    Break("network-load-balancer-to-app-in", change(cidrIpv6="::/0"), "to the whole internet"),
    Break("network-app", change(ingress=[{"cidrBlocks": ["0.0.0.0/0"]}]), "rules of its own"),
    Break("address-http", change(defaultActions=[{"type": "forward"}]), "over plain http"),
    Break("address-https", gone, "Nothing speaks TLS", "own domain"),
    Break("address-https", change(sslPolicy="ELBSecurityPolicy-2016-08"), "takes TLS before 1.2", "own domain"),
    Break("address-http", change(defaultActions=[{"type": "forward"}]), "over plain http", "own domain"),
    Break("address-admits-443", change(fromPort=22), "opens port 22", "own domain"),
]
