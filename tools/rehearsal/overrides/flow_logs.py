"""Flow logs of a network: MiniStack forgets their interval and, since it calls the type `flow-log`, their tags.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateFlowLogs.html and API_TagSpecification.html beside it.
Nothing is logged.
"""

from typing import Any

from ministack.services import ec2

from tools.rehearsal.emulator.config import EmulatorConfig
from tools.rehearsal.overrides import replace

INTERVAL = "600"  # seconds, as AWS has it by default


def apply(_: EmulatorConfig) -> None:
    """Wraps how flow logs are made and described."""
    create, describe = ec2._create_flow_logs, ec2._describe_flow_logs

    def create_flow_logs(params: Any) -> Any:
        before = set(ec2._flow_logs)
        answer = create(params)
        for made in set(ec2._flow_logs) - before:
            ec2._parse_tag_specs(params, "vpc-flow-log", made)
            ec2._flow_logs[made]["MaxAggregationInterval"] = ec2._p(params, "MaxAggregationInterval") or INTERVAL
        return answer

    def describe_flow_logs(params: Any) -> Any:
        status, headers, body = describe(params)
        text = body.decode()
        for name, log in ec2._flow_logs.items():
            interval = f"<maxAggregationInterval>{log['MaxAggregationInterval']}</maxAggregationInterval>"
            text = text.replace(f"<flowLogId>{name}</flowLogId>", f"<flowLogId>{name}</flowLogId>{interval}")
        return status, headers, text.encode()

    replace(ec2, "_create_flow_logs", create_flow_logs)
    replace(ec2, "_describe_flow_logs", describe_flow_logs)
