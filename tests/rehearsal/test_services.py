"""Services behind a load balancer: what gets requests has passed a health check, and a deployment goes by that."""

import http.client
import json
import secrets
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.rehearsal import ecs
from tests.rehearsal.conftest import AWS
from tests.rehearsal.ecs import python
from tests.waiting import wait_until

pytestmark = pytest.mark.docker

SERVE = """
import http.server, sys, time
begun, version, healthy_after = time.time(), sys.argv[1], float(sys.argv[2])

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        healthy = time.time() - begun > healthy_after
        good = healthy if self.path == "/health" else version != "broken"
        self.send_response(200 if good else 503)
        self.end_headers()
        self.wfile.write(version.encode())

http.server.ThreadingHTTPServer(("", 8000), Handler).serve_forever()
"""
NEVER = 1e6


class Service:
    """A service of one task behind a load balancer of its own."""

    def __init__(self, aws: AWS, version: str, healthy_after: float) -> None:
        self.aws, self.name = aws, f"tests-{secrets.token_hex(3)}"
        balancers = aws.client("elbv2")
        balancer = balancers.create_load_balancer(Name=self.name, Subnets=["subnet-1"])["LoadBalancers"][0]
        self.host, self.balancer = balancer["DNSName"], balancer["LoadBalancerArn"]
        self.group = balancers.create_target_group(
            Name=self.name,
            Protocol="HTTP",
            Port=8000,
            VpcId="vpc-1",
            TargetType="ip",
            HealthCheckPath="/health",
            HealthCheckIntervalSeconds=5,
            HealthCheckTimeoutSeconds=2,
            HealthyThresholdCount=2,
            UnhealthyThresholdCount=2,
        )["TargetGroups"][0]["TargetGroupArn"]
        balancers.create_listener(
            LoadBalancerArn=balancer["LoadBalancerArn"],
            Protocol="HTTP",
            Port=80,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": self.group}],
        )
        self.ecs = aws.client("ecs")
        self.ecs.create_cluster(clusterName="tests")
        self.ecs.create_service(
            cluster="tests",
            serviceName=self.name,
            taskDefinition=self.define(version, healthy_after),
            desiredCount=1,
            launchType="FARGATE",
            networkConfiguration=ecs.NETWORK,
            loadBalancers=[{"targetGroupArn": self.group, "containerName": "web", "containerPort": 8000}],
            healthCheckGracePeriodSeconds=30,  # five times as long as here
            deploymentConfiguration={
                "deploymentCircuitBreaker": {"enable": True, "rollback": True},
                "minimumHealthyPercent": 100,
                "maximumPercent": 200,
            },
        )

    def define(self, version: str, healthy_after: float) -> str:
        web = {
            "name": "web",
            "entryPoint": [*python(SERVE), version, str(healthy_after)],
            "portMappings": [{"containerPort": 8000}],
            "stopTimeout": 2,
            "dependsOn": [{"containerName": "prepare", "condition": "SUCCESS"}],
        }
        # It has an address of its own for a while, which isn't the task's.
        prepare = {"name": "prepare", "essential": False, "entryPoint": python("import time; time.sleep(1)")}
        return ecs.define(self.aws, [prepare, web])

    def deploy(self, definition: str, **more: Any) -> None:
        self.ecs.update_service(cluster="tests", service=self.name, taskDefinition=definition, **more)

    def remove(self) -> None:
        self.ecs.delete_service(cluster="tests", service=self.name, force=True)

    @property
    def primary(self) -> Mapping[str, Any]:
        deployments = self.describe()["deployments"]
        found: Mapping[str, Any] = next(one for one in deployments if one["status"] == "PRIMARY")
        return found

    def describe(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.ecs.describe_services(cluster="tests", services=[self.name])["services"][0]
        return found

    @property
    def targets(self) -> list[str]:
        described = self.aws.client("elbv2").describe_target_health(TargetGroupArn=self.group)
        return [target["TargetHealth"]["State"] for target in described["TargetHealthDescriptions"]]

    def get(self) -> tuple[int, str]:
        """What the load balancer answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.aws.ports.api, timeout=10)
        connection.request("GET", "/", headers={"Host": self.host})
        response = connection.getresponse()
        return response.status, response.read().decode()

    def wait_until_completed(self, seconds: float = 30) -> None:
        wait_until(lambda: self.primary["rolloutState"] == "COMPLETED", "the end of the deployment", seconds)


@pytest.fixture(scope="module")
def service(aws: AWS) -> Service:
    """A service whose first version is healthy after some seconds."""
    return Service(aws, "1", 3)


def test_a_load_balancer_that_is_protected_is_not_deleted(aws: AWS) -> None:
    balancers = aws.client("elbv2")
    arn = balancers.create_load_balancer(Name="protected", Subnets=["subnet-1"])["LoadBalancers"][0]["LoadBalancerArn"]

    def protect(value: str) -> None:
        attributes = [{"Key": "deletion_protection.enabled", "Value": value}]
        balancers.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=attributes)

    protect("true")
    with pytest.raises(ClientError, match="OperationNotPermitted"):
        balancers.delete_load_balancer(LoadBalancerArn=arn)
    protect("false")
    balancers.delete_load_balancer(LoadBalancerArn=arn)
    with pytest.raises(ClientError, match="LoadBalancerNotFound"):
        balancers.describe_load_balancers(LoadBalancerArns=[arn])


def test_a_task_that_was_never_healthy_gets_no_requests_and_completes_no_deployment(service: Service) -> None:
    wait_until(lambda: service.targets == ["initial"], "a registered target")
    wait_until(lambda: service.describe()["runningCount"] == 1, "a task")
    assert service.get()[0] == 503
    assert service.primary["rolloutState"] == "IN_PROGRESS"
    service.wait_until_completed()
    assert service.targets == ["healthy"]
    assert service.get() == (200, "1")


def test_a_new_version_takes_over_when_it_is_healthy_and_no_request_fails(service: Service) -> None:
    service.wait_until_completed()
    service.deploy(service.define("2", 2))
    answers = []
    wait_until(lambda: answers.append(service.get()) or service.primary["rolloutState"] == "COMPLETED", "the roll-out")
    answers += [service.get() for _ in range(20)]
    assert {status for status, _ in answers} == {200}
    assert answers[0] == (200, "1")
    assert answers[-1] == (200, "2")


@pytest.mark.rehearsal
def test_a_version_that_is_never_healthy_is_rolled_back_and_no_request_fails(service: Service) -> None:
    service.wait_until_completed()
    _, before = service.get()
    bad = service.define("bad", NEVER)
    service.deploy(bad)
    answers = []
    wait_until(lambda: answers.append(service.get()) or service.primary["taskDefinition"] != bad, "the way back", 60)
    service.wait_until_completed()
    assert set(answers) == {(200, before)}
    stopped = service.ecs.list_tasks(cluster="tests", serviceName=service.name, desiredStatus="STOPPED")["taskArns"]
    tasks = service.ecs.describe_tasks(cluster="tests", tasks=stopped)["tasks"]
    ended = [task for task in tasks if task["taskDefinitionArn"] == bad]
    why = f"Task failed ELB health checks in (target-group {service.group})"
    assert {(task["stoppedReason"], task["containers"][1]["exitCode"]) for task in ended} == {(why, 137)}
    messages = [event["message"] for event in service.describe()["events"]]
    assert any("unhealthy in" in message for message in messages)
    reasons = [
        deployment["rolloutStateReason"]
        for deployment in service.describe()["deployments"]
        if deployment["taskDefinition"] == bad
    ]
    assert "circuit breaker" in reasons[0]


def test_a_first_version_that_exits_fails_the_deployment(aws: AWS) -> None:
    service = Service(aws, "", "no number")  # type: ignore[arg-type]
    wait_until(lambda: service.primary["rolloutState"] == "FAILED", "the failure", 60)
    service.remove()


@pytest.mark.rehearsal
def test_a_version_that_is_healthy_but_answers_with_errors_is_taken_back_by_the_alarm_and_told(
    aws: AWS, service: Service
) -> None:
    service.wait_until_completed()
    status, before = service.get()
    good = service.describe()["taskDefinition"]
    aws.client("cloudwatch").put_metric_alarm(
        AlarmName=service.name,
        Namespace="AWS/ApplicationELB",
        MetricName="HTTPCode_Target_5XX_Count",
        Dimensions=[
            {"Name": "LoadBalancer", "Value": service.balancer.partition(":loadbalancer/")[2]},
            {"Name": "TargetGroup", "Value": service.group.rpartition(":")[2]},
        ],
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=2,
        Threshold=3,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
    )
    queues, events = aws.client("sqs"), aws.client("events")
    queue = queues.create_queue(QueueName=service.name)["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["aws.ecs"], "detail": {"eventName": ["SERVICE_DEPLOYMENT_FAILED"]}}
    events.put_rule(Name=service.name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=service.name, Targets=[{"Id": "queue", "Arn": arn}])
    watched = {
        **service.describe()["deploymentConfiguration"],
        "alarms": {"alarmNames": [service.name], "enable": True, "rollback": True},
    }
    service.deploy(bad := service.define("broken", 0), deploymentConfiguration=watched)
    wait_until(lambda: service.get()[0] == 503, "the broken version", 60)
    wait_until(lambda: service.get() and service.primary["taskDefinition"] == good, "the way back", 60)
    service.wait_until_completed(60)
    assert service.get() == (status, before)
    failed = [one for one in service.describe()["deployments"] if one["taskDefinition"] == bad]
    assert "alarm detected" in failed[0]["rolloutStateReason"]
    (message,) = queues.receive_message(QueueUrl=queue, WaitTimeSeconds=5)["Messages"]
    event = json.loads(message["Body"])
    assert event["detail-type"] == "ECS Deployment State Change"
    assert event["resources"] == [service.describe()["serviceArn"]]
    assert "alarm detected" in event["detail"]["reason"]


def test_autoscaling_keeps_the_number_of_tasks_within_its_limits(aws: AWS, service: Service) -> None:
    service.wait_until_completed()
    scaling = aws.client("application-autoscaling")
    place = {
        "ServiceNamespace": "ecs",
        "ResourceId": f"service/tests/{service.name}",
        "ScalableDimension": "ecs:service:DesiredCount",
    }
    scaling.register_scalable_target(**place, MinCapacity=2, MaxCapacity=4)
    wait_until(lambda: service.targets == ["healthy"] * 2, "a second task")
    scaling.register_scalable_target(**place, MinCapacity=1, MaxCapacity=1)
    wait_until(lambda: service.describe()["runningCount"] == 1, "one task less")
    (target,) = scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 1)


def test_a_policy_is_there_until_it_or_its_target_is_removed(aws: AWS, service: Service) -> None:
    scaling = aws.client("application-autoscaling")
    place = {
        "ServiceNamespace": "ecs",
        "ResourceId": f"service/tests/{service.name}",
        "ScalableDimension": "ecs:service:DesiredCount",
    }
    scaling.register_scalable_target(**place, MinCapacity=1, MaxCapacity=2)
    scaling.put_scaling_policy(
        **place,
        PolicyName="cpu",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 60,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
        },
    )
    (policy,) = scaling.describe_scaling_policies(ServiceNamespace="ecs", PolicyNames=["cpu"])["ScalingPolicies"]
    assert policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 60
    scaling.deregister_scalable_target(**place)
    assert not scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]


LINGER = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda number, frame: (time.sleep(6), sys.exit(0)))
time.sleep(600)
"""


def test_a_task_that_is_still_ending_does_not_keep_the_next_one_from_starting(aws: AWS) -> None:
    """Of a service without a load balancer, that may have at most one: why the roll-out check hands over by itself."""
    client, name = aws.client("ecs"), f"tests-{secrets.token_hex(3)}"
    client.create_cluster(clusterName="tests")
    first, second = (
        ecs.define(aws, [{"name": "beat", "entryPoint": [*python(LINGER), number], "stopTimeout": 20}])
        for number in "12"
    )
    client.create_service(
        cluster="tests",
        serviceName=name,
        taskDefinition=first,
        desiredCount=1,
        launchType="FARGATE",
        networkConfiguration=ecs.NETWORK,
        deploymentConfiguration={"minimumHealthyPercent": 0, "maximumPercent": 100},
    )

    def states() -> dict[str, str]:
        arns = [
            arn
            for desired in ("RUNNING", "STOPPED")
            for arn in client.list_tasks(cluster="tests", serviceName=name, desiredStatus=desired)["taskArns"]
        ]
        tasks = client.describe_tasks(cluster="tests", tasks=arns)["tasks"] if arns else []
        return {task["taskDefinitionArn"]: task["lastStatus"] for task in tasks}

    wait_until(lambda: states() == {first: "RUNNING"}, "the first task", 30)
    client.update_service(cluster="tests", service=name, taskDefinition=second)
    seen: list[dict[str, str]] = []
    wait_until(lambda: seen.append(states()) or seen[-1] == {first: "STOPPED", second: "RUNNING"}, "the second", 40)
    assert {first: "STOPPING", second: "RUNNING"} in seen
    client.delete_service(cluster="tests", service=name, force=True)
