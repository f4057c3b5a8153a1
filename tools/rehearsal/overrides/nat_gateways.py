"""Regional NAT gateways: MiniStack wants a subnet for each, which AWS doesn't for these, and forgets that they are.

https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateways-regional.html
Nothing goes through them; tasks reach the internet by the engine's network.
"""

from typing import Any

from ministack.services import ec2

from tools.rehearsal.emulator.config import EmulatorConfig
from tools.rehearsal.overrides import replace

MODE = "AvailabilityMode"


def apply(_: EmulatorConfig) -> None:
    """Wraps how NAT gateways are made and described."""
    create, describe = ec2._create_nat_gateway, ec2._describe_nat_gateways

    def create_nat_gateway(params: Any) -> Any:
        network = ec2._p(params, "VpcId")
        if ec2._p(params, MODE) != "regional":
            return create(params)
        subnets = [subnet for subnet, found in ec2._subnets.items() if found["VpcId"] == network]
        before = set(ec2._nat_gateways)
        answer = create({**params, "SubnetId": [subnets[0] if subnets else "none"]})
        for made in set(ec2._nat_gateways) - before:
            ec2._nat_gateways[made] |= {"VpcId": network, MODE: "regional"}
        return answer

    def describe_nat_gateways(params: Any) -> Any:
        status, headers, body = describe(params)
        text = body.decode()
        for name, gateway in ec2._nat_gateways.items():
            mode = f"<availabilityMode>{gateway.get(MODE, 'zonal')}</availabilityMode>"
            text = text.replace(f"<natGatewayId>{name}</natGatewayId>", f"<natGatewayId>{name}</natGatewayId>{mode}")
        return status, headers, text.encode()

    replace(ec2, "_create_nat_gateway", create_nat_gateway)
    replace(ec2, "_describe_nat_gateways", describe_nat_gateways)
