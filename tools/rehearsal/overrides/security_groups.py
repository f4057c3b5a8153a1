"""Rules of security groups for a prefix list, CloudFront's say: MiniStack forgets the list.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpPermission.html and API_SecurityGroupRule.html beside it.
"""

from typing import Any

from ministack.services import ec2

from tools.rehearsal.emulator.config import EmulatorConfig
from tools.rehearsal.overrides import replace


def apply(_: EmulatorConfig) -> None:
    """Wraps how permissions are read and rules are described."""
    parse = ec2._parse_ip_permissions

    def parse_ip_permissions(params: Any, prefix: str) -> list[dict[str, Any]]:
        rules: list[dict[str, Any]] = parse(params, prefix)
        for number, rule in enumerate(rules, 1):
            place = f"{prefix}.{number}.PrefixListIds"
            while found := ec2._p(params, f"{place}.{len(rule['PrefixListIds']) + 1}.PrefixListId"):
                rule["PrefixListIds"].append({"PrefixListId": found})
        return rules

    replace(ec2, "_parse_ip_permissions", parse_ip_permissions)
    describe = ec2._sg_rule_xml

    def sg_rule_xml(group: str, rule: dict[str, Any], *arguments: Any, **named: Any) -> str:
        described: str = describe(group, rule, *arguments, **named)
        for one in rule.get("PrefixListIds", []):
            described = described.replace(
                "<ipProtocol>", f"<prefixListId>{one['PrefixListId']}</prefixListId><ipProtocol>"
            )
        return described

    replace(ec2, "_sg_rule_xml", sg_rule_xml)
