"""What AWS says by itself when something failed, told to the topic of the alarms, also when nobody watches `pulumi up`.

Events: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_cwe_events.html
Patterns: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
"""

import json
from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_aws as aws

from infra.cloud.network import Network
from infra.cloud.settings import CloudSettings
from infra.cloud.tags import tags
from infra.cloud.task_kinds import RELEASE, SCHEDULE
from infra.schedules import SKIPPED


def tell_of_failures(
    settings: CloudSettings, network: Network, topic: pulumi.Input[str], opts: pulumi.ResourceOptions
) -> None:
    """Rules for a failed roll-out, release or run of a schedule, a task of a service that ended by itself, and what a
    scan found.

    Of scans: https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-eventbridge.html
    """
    stopped = {"clusterArn": [network.cluster_arn], "lastStatus": ["STOPPED"]}
    tell(
        "failed-rollout",
        "A roll-out failed",
        settings,
        topic,
        {
            "source": ["aws.ecs"],
            "detail-type": ["ECS Deployment State Change"],
            "resources": [{"wildcard": pulumi.Output.concat("*:service/", network.cluster, "/*")}],
            "detail": {"eventName": ["SERVICE_DEPLOYMENT_FAILED"]},
        },
        {"service": "$.resources[0]", "why": "$.detail.reason"},
        "the roll-out of <service> failed: <why> ECS goes back to the version before. What to do: the last tasks' logs "
        "say why; correct the code and run pulumi up.",
        opts,
    )
    tell(
        "failed-release",
        "A task of the release failed",
        settings,
        topic,
        {
            "source": ["aws.ecs"],
            "detail-type": ["ECS Task State Change"],
            "detail": {
                **stopped,
                "startedBy": [RELEASE],
                "$or": [
                    {"containers": {"exitCode": [{"numeric": [">", 0]}]}},
                    {"stopCode": ["TaskFailedToStart"]},
                ],
            },
        },
        {"task": "$.detail.taskArn", "why": "$.detail.stoppedReason"},
        "the release failed in <task>: <why> The version that was running keeps serving. What to do: the task's log "
        "says why; correct the code and run pulumi up, which runs the release again.",
        opts,
    )
    tell(
        "ended-tasks",
        "A task ended by itself",
        settings,
        topic,
        {
            "source": ["aws.ecs"],
            "detail-type": ["ECS Task State Change"],
            "detail": {**stopped, "group": [{"prefix": "service:"}], "stopCode": ["EssentialContainerExited"]},
        },
        {"task": "$.detail.taskArn", "group": "$.detail.group", "why": "$.detail.stoppedReason"},
        "a task of <group> ended by itself, and ECS starts another: <task>, <why> What to do: look for the end in the "
        "task's log; exit status 137 is a lack of memory. If it happens again and again, go back to the version "
        "before.",
        opts,
    )
    if settings.schedules:
        tell(
            "failed-schedule",
            "A run of a schedule failed",
            settings,
            topic,
            {
                "source": ["aws.ecs"],
                "detail-type": ["ECS Task State Change"],
                "detail": {
                    **stopped,
                    "group": [{"prefix": SCHEDULE}],
                    "$or": [
                        {
                            "containers": {
                                "exitCode": [{"numeric": [">", 0, "<", SKIPPED]}, {"numeric": [">", SKIPPED]}]
                            }
                        },
                        {"stopCode": ["TaskFailedToStart"]},
                    ],
                },
            },
            {"task": "$.detail.taskArn", "group": "$.detail.group", "why": "$.detail.stoppedReason"},
            "a run of <group> failed in <task>: <why> It runs again at its next time. What to do: the task's log says "
            "why; django-stack schedule list has its last lines, and django-stack schedule run runs it now.",
            opts,
        )
    tell(
        "image-findings",
        "The scan of an image found something",
        settings,
        topic,
        {
            "source": ["aws.ecr"],
            "detail-type": ["ECR Image Scan"],
            "detail": {
                "repository-name": [f"{settings.project}/{settings.stack}"],
                "scan-status": ["COMPLETE"],
                "$or": [
                    {"finding-severity-counts": {severity: [{"numeric": [">", 0]}]}}
                    for severity in ("CRITICAL", "HIGH")
                ],
            },
        },
        {
            "critical": "$.detail.finding-severity-counts.CRITICAL",
            "high": "$.detail.finding-severity-counts.HIGH",
            "tag": "$.detail.image-tags[0]",
        },
        "the scan of image <tag> found problems of its packages, critical: <critical>, high: <high>. What to do: "
        "django-stack base-image and pulumi up, then renew the app's locked dependencies; "
        "aws ecr describe-image-scan-findings lists them.",
        opts,
    )


def tell(
    name: str,
    title: str,
    settings: CloudSettings,
    topic: pulumi.Input[str],
    pattern: Mapping[str, Any],
    paths: Mapping[str, str],
    message: str,
    opts: pulumi.ResourceOptions,
) -> None:
    """A rule that sends a message to the topic for each event of a pattern; `<name>` in it is what is at that path."""
    rule = aws.cloudwatch.EventRule(
        f"event-{name}",
        name=f"{settings.prefix}-{name}",
        description=f"{settings.prefix}: {title.lower()}",
        event_pattern=pulumi.Output.json_dumps(pattern, sort_keys=True),
        tags=tags(settings),
        opts=opts,
    )
    aws.cloudwatch.EventTarget(
        f"event-{name}-topic",
        rule=rule.name,
        target_id="topic",
        arn=topic,
        input_transformer={"input_paths": dict(paths), "input_template": json.dumps(f"{settings.prefix}: {message}")},
        opts=opts,
    )
