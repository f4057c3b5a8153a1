"""The network: aws.ec2's VPC, subnets, gateway, routes and endpoint."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django_stack_plugins.aws import tags
from django_stack_plugins.aws.base import AWSResource
from django_stack_plugins.aws.calls import Call, Wait, words
from django_stack_plugins.resource import Operation, PluginError
from django_stack_plugins.values import Properties


class EC2Resource(AWSResource):
    """A type of EC2's; `kind` is the API's word for it where tags are given when it is made."""

    kind: ClassVar[str] = ""
    service = "ec2"
    patience = 900  # load balancers and tasks leave their addresses in the network for a while

    def tag_argument(self, tags: dict[str, str]) -> Any:
        return [{"ResourceType": self.kind, "Tags": tags}]


class Vpc(EC2Resource):
    docs, token, kind = "vpc", "aws:ec2/vpc:Vpc", "vpc"
    replacing = words("cidrBlock")
    in_place = words("enableDnsSupport enableDnsHostnames")
    defaults: ClassVar[Mapping[str, Any]] = {"enableDnsSupport": True, "enableDnsHostnames": False}
    creating, identity = Call("CreateVpc"), "Vpc.VpcId"
    after = words("enableDnsSupport enableDnsHostnames")
    updating: ClassVar[Mapping[str, Call]] = {
        # The API takes one of them a call.
        "enableDnsSupport": Call("ModifyVpcAttribute", {"VpcId": "id", "EnableDnsSupport.Value": "enableDnsSupport"}),
        "enableDnsHostnames": Call(
            "ModifyVpcAttribute", {"VpcId": "id", "EnableDnsHostnames.Value": "enableDnsHostnames"}
        ),
    }
    reading = Call("DescribeVpcs", {"VpcIds": "id"}, gives="Vpcs[0]")
    more = tuple(
        Call("DescribeVpcAttribute", {"VpcId": "id"}, constants={"Attribute": name}, gives=f"{{{key}: {key}.Value}}")
        for name, key in (("enableDnsSupport", "EnableDnsSupport"), ("enableDnsHostnames", "EnableDnsHostnames"))
    )
    outputs: ClassVar[Mapping[str, str]] = {"ownerId": "OwnerId"}
    missing = words("InvalidVpcID.NotFound")
    deleting, busy = Call("DeleteVpc", {"VpcId": "id"}), words("DependencyViolation")
    ready = Wait("State", words("available"))
    tagging = tags.EC2


class Subnet(EC2Resource):
    docs, token, kind = "subnet", "aws:ec2/subnet:Subnet", "subnet"
    required = words("vpcId")
    replacing = words("vpcId cidrBlock availabilityZone")
    in_place = words("mapPublicIpOnLaunch")
    defaults: ClassVar[Mapping[str, Any]] = {"mapPublicIpOnLaunch": False}
    creating, identity = Call("CreateSubnet"), "Subnet.SubnetId"
    after = words("mapPublicIpOnLaunch")
    updating: ClassVar[Mapping[str, Call]] = {
        "mapPublicIpOnLaunch": Call(
            "ModifySubnetAttribute", {"SubnetId": "id", "MapPublicIpOnLaunch.Value": "mapPublicIpOnLaunch"}
        )
    }
    reading = Call("DescribeSubnets", {"SubnetIds": "id"}, gives="Subnets[0]")
    outputs: ClassVar[Mapping[str, str]] = {"arn": "SubnetArn"}
    missing = words("InvalidSubnetID.NotFound")
    deleting, busy = Call("DeleteSubnet", {"SubnetId": "id"}), words("DependencyViolation")
    ready = Wait("State", words("available"))
    tagging = tags.EC2


class InternetGateway(EC2Resource):
    docs, token, kind = "internet_gateway", "aws:ec2/internetGateway:InternetGateway", "internet-gateway"
    in_place = words("vpcId")
    creating, identity = Call("CreateInternetGateway"), "InternetGateway.InternetGatewayId"
    reading = Call("DescribeInternetGateways", {"InternetGatewayIds": "id"}, gives="InternetGateways[0]")
    reads: ClassVar[Mapping[str, str]] = {"vpcId": "Attachments[0].VpcId"}
    outputs: ClassVar[Mapping[str, str]] = {"ownerId": "OwnerId"}
    missing = words("InvalidInternetGatewayID.NotFound Gateway.NotAttached")
    deleting = Call("DeleteInternetGateway", {"InternetGatewayId": "id"})
    busy = words("DependencyViolation")
    tagging = tags.EC2
    after = words("vpcId")
    updating: ClassVar[Mapping[str, Call]] = {
        "vpcId": Call("AttachInternetGateway", {"InternetGatewayId": "id", "VpcId": "vpcId"})
    }

    def change(self, operation: Operation, changed: set[str], scope: Properties, inputs: Properties) -> None:
        if "vpcId" in changed:
            self._detach(operation, scope["id"])
        if inputs.get("vpcId"):
            super().change(operation, changed, scope, inputs)

    def remove(self, operation: Operation, scope: Properties) -> None:
        self._detach(operation, scope["id"])
        super().remove(operation, scope)

    def _detach(self, operation: Operation, resource_id: str) -> None:
        document = self.find(operation, resource_id, {}) or {}
        for attachment in document.get("Attachments") or []:
            scope = {"id": resource_id, "vpc": attachment["VpcId"]}
            call = Call("DetachInternetGateway", {"InternetGatewayId": "id", "VpcId": "vpc"})
            self.call(operation, call, scope, {})


class NatGateway(EC2Resource):
    """A regional one: for all zones of a network, with addresses that AWS manages."""

    docs, token, kind = "nat_gateway", "aws:ec2/natGateway:NatGateway", "natgateway"
    replacing = words("vpcId availabilityMode connectivityType")
    defaults: ClassVar[Mapping[str, Any]] = {"connectivityType": "public"}
    creating, identity = Call("CreateNatGateway"), "NatGateway.NatGatewayId"
    reading = Call("DescribeNatGateways", {"NatGatewayIds": "id"}, gives="NatGateways[0]")
    gone = "State == 'deleted'"
    missing = words("NatGatewayNotFound")
    deleting, waits_for_end = Call("DeleteNatGateway", {"NatGatewayId": "id"}), 1800
    ready = Wait("State", words("available"), words("failed"), "FailureMessage")
    tagging = tags.EC2


class RouteTable(EC2Resource):
    docs, token, kind = "route_table", "aws:ec2/routeTable:RouteTable", "route-table"
    required = words("vpcId")
    replacing = words("vpcId")
    creating, identity = Call("CreateRouteTable"), "RouteTable.RouteTableId"
    reading = Call("DescribeRouteTables", {"RouteTableIds": "id"}, gives="RouteTables[0]")
    outputs: ClassVar[Mapping[str, str]] = {"ownerId": "OwnerId"}
    missing = words("InvalidRouteTableID.NotFound")
    deleting, busy = Call("DeleteRouteTable", {"RouteTableId": "id"}), words("DependencyViolation")
    tagging = tags.EC2


class Route(EC2Resource):
    docs, token = "route", "aws:ec2/route:Route"
    required = words("routeTableId")
    replacing = words("routeTableId destinationCidrBlock")
    in_place = words("gatewayId natGatewayId")
    creating = Call("CreateRoute")
    updating: ClassVar[Mapping[str, Call]] = {
        "gatewayId natGatewayId": Call(
            "ReplaceRoute",
            {
                "RouteTableId": "routeTableId",
                "DestinationCidrBlock": "destinationCidrBlock",
                "GatewayId": "gatewayId",
                "NatGatewayId": "natGatewayId",
            },
        )
    }
    reading = Call("DescribeRouteTables", {"RouteTableIds": "routeTableId"}, gives="RouteTables[0]")
    outputs: ClassVar[Mapping[str, str]] = {"origin": "Origin", "state": "State"}
    unread = words("routeTableId")
    missing = words("InvalidRouteTableID.NotFound InvalidRoute.NotFound")
    deleting = Call("DeleteRoute", {"RouteTableId": "routeTableId", "DestinationCidrBlock": "destinationCidrBlock"})

    def resource_id(self, answer: Any, inputs: Properties) -> str:
        return f"r-{inputs['routeTableId']}-{inputs['destinationCidrBlock']}"

    def find(self, operation: Operation, resource_id: str, scope: Properties) -> Any:
        routes = (super().find(operation, resource_id, scope) or {}).get("Routes") or []
        to = scope["destinationCidrBlock"]
        return next((route for route in routes if route.get("DestinationCidrBlock") == to), None)


class RouteTableAssociation(EC2Resource):
    docs, token = "route_table_association", "aws:ec2/routeTableAssociation:RouteTableAssociation"
    required = words("routeTableId")
    replacing = words("subnetId")
    in_place = words("routeTableId")
    creating, identity = Call("AssociateRouteTable"), "AssociationId"
    # By its subnet: a change of the table gives the association another id, while the engine keeps the first one.
    reading = Call("DescribeRouteTables", {"Filters": "[{Name: 'association.subnet-id', Values: [subnetId]}]"})
    updating: ClassVar[Mapping[str, Call]] = {
        "routeTableId": Call(
            "ReplaceRouteTableAssociation", {"AssociationId": "associationId", "RouteTableId": "routeTableId"}
        )
    }
    deleting = Call("DisassociateRouteTable", {"AssociationId": "associationId"})

    def find(self, operation: Operation, resource_id: str, scope: Properties) -> Any:
        for table in (super().find(operation, resource_id, scope) or {}).get("RouteTables") or []:
            for association in table["Associations"]:
                if association.get("SubnetId") == scope["subnetId"]:
                    return association
        return None

    def call(self, operation: Operation, call: Call, scope: Properties, rest: Properties) -> Any:
        if call.takes.get("AssociationId"):
            found = self.find(operation, scope["id"], scope) or {}
            scope = {**scope, "associationId": found.get("RouteTableAssociationId", scope["id"])}
        return super().call(operation, call, scope, rest)


class FlowLog(EC2Resource):
    docs, token, kind = "flow_log", "aws:ec2/flowLog:FlowLog", "vpc-flow-log"
    # Nothing of it can change but its tags.
    replacing = words("vpcId trafficType logDestinationType logDestination maxAggregationInterval")
    defaults: ClassVar[Mapping[str, Any]] = {"logDestinationType": "cloud-watch-logs", "maxAggregationInterval": 600}
    creating = Call("CreateFlowLogs", {"ResourceIds": "[vpcId]"}, constants={"ResourceType": "VPC"})
    identity = "FlowLogIds[0]"
    reading = Call("DescribeFlowLogs", {"FlowLogIds": "id"}, gives="FlowLogs[0]")
    reads: ClassVar[Mapping[str, str]] = {"vpcId": "ResourceId"}
    missing = words("InvalidFlowLogId.NotFound")
    deleting = Call("DeleteFlowLogs", {"FlowLogIds": "id"})
    tagging = tags.EC2

    def resource_id(self, answer: Any, inputs: Properties) -> str:
        # A flow log that isn't made is no error of the call.
        if refused := answer.get("Unsuccessful"):
            raise PluginError(f"CreateFlowLogs: {refused[0]['Error']['Message']}")
        return super().resource_id(answer, inputs)


class VpcEndpoint(EC2Resource):
    docs, token, kind = "vpc_endpoint", "aws:ec2/vpcEndpoint:VpcEndpoint", "vpc-endpoint"
    required = words("vpcId")
    replacing = words("vpcId serviceName vpcEndpointType")
    in_place = words("routeTableIds")
    unordered = words("routeTableIds")
    defaults: ClassVar[Mapping[str, Any]] = {"vpcEndpointType": "Gateway"}
    creating, identity = Call("CreateVpcEndpoint"), "VpcEndpoint.VpcEndpointId"
    reading = Call("DescribeVpcEndpoints", {"VpcEndpointIds": "id"}, gives="VpcEndpoints[0]")
    outputs: ClassVar[Mapping[str, str]] = {"state": "State"}
    gone = "contains(['deleted', 'Deleted'], State)"
    missing = words("InvalidVpcEndpointId.NotFound")
    deleting, waits_for_end = Call("DeleteVpcEndpoints", {"VpcEndpointIds": "id"}), 600
    ready = Wait("State", words("available Available pendingAcceptance"), words("failed Failed"), "LastError.Message")
    tagging = tags.EC2

    def change(self, operation: Operation, changed: set[str], scope: Properties, inputs: Properties) -> None:
        if "routeTableIds" not in changed:
            return
        document = self.find(operation, scope["id"], scope) or {}
        has, wanted = set(document.get("RouteTableIds") or []), set(inputs.get("routeTableIds") or [])
        call = Call(
            "ModifyVpcEndpoint", {"VpcEndpointId": "id", "AddRouteTableIds": "add", "RemoveRouteTableIds": "remove"}
        )
        differences = {"add": sorted(wanted - has) or None, "remove": sorted(has - wanted) or None}
        self.call(operation, call, {**scope, **differences}, {})
