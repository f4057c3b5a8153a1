"""What the program registers for the cloud platform: addresses, tasks, images, previews."""

import json
from typing import Any

import pytest

from infra.cloud.settings import ZONES
from infra.dsn import S3DSN, DatabaseURL
from tests.infra.conftest import Run

ZONE = "Z0123456789ABC"
OWN_DOMAIN = {
    "domain": "www.example.com",
    "domain-aliases": "example.com",
    "domain-redirects": "example.org",
    "hosted-zone": ZONE,
}
# One run of the program with as much as possible that isn't as shipped, for all tests of a single setting.
OTHER: dict[str, Any] = {
    **OWN_DOMAIN,
    "alarm-email": "ops@example.com",
    "architecture": "arm64",
    "aws:region": "eu-west-1",
    "execute-command": True,
    "keep-data": False,
    "media-access": "public",
    "postgres-version": 16,
    "tasks-max": 3,
    "tasks-min": 2,
}


@pytest.fixture
def cloud(program: Any) -> Any:
    def run(settings: dict[str, Any] | None = None, **more: Any) -> Run:
        result: Run = program(settings, platform="cloud", **more)
        return result

    return run


def inputs(run: Run) -> dict[str, Any]:
    """The inputs of all that was registered, the stack itself aside."""
    return {r.name: r.inputs for r in run.resources.values() if r.type != "pulumi:pulumi:Stack"}


def containers(run: Run) -> dict[str, Any]:
    return {container["name"]: container for container in json.loads(run["task"].inputs["containerDefinitions"])}


def plain(run: Run) -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in containers(run)["web"]["environment"]}


@pytest.mark.parametrize("settings", [{}, OTHER], ids=["shipped", "other"])
def test_a_preview_that_knows_nothing_yet_registers_everything(cloud: Any, settings: dict[str, Any]) -> None:
    preview = cloud(settings, preview=True)
    assert set(inputs(preview)) == set(inputs(cloud(settings)))
    assert preview["task"].type == "aws:ecs/taskDefinition:TaskDefinition"


def test_the_same_settings_give_the_same_inputs_each_time(cloud: Any) -> None:
    again = {**OTHER, "platform": "cloud"}  # the default, said: another run of the program
    assert inputs(cloud(again)) == inputs(cloud(OTHER))


def test_the_app_gets_the_contract_of_the_cloud_column(cloud: Any) -> None:
    run = cloud()
    assert plain(run) == {
        "DOMAIN": "d111111abcdef8.cloudfront.net",
        "PORT": "8000",
        "SECURE_PROXY_SSL_HEADER": "CloudFront-Forwarded-Proto",
        "SECURE_SSL_REDIRECT": "True",
        "STAGE": "cloud",
        "WEB_CONCURRENCY": "2",
    }
    stored = json.loads(run["task-secret-version"].inputs["secretString"])
    url = DatabaseURL.parse(stored["DATABASE_URL"])
    assert url.options == {"sslmode": "verify-full", "sslrootcert": "/certificates/rds.pem"}
    assert url.password == "database-password-random"
    dsn = S3DSN.parse(stored["DEFAULT_STORAGE_DSN"])
    assert (dsn.access_key, dsn.signed, dsn.endpoint_url) == ("", True, "")
    assert stored["SECRET_KEY"] == "secret-key-random"


def test_secrets_are_references_to_one_version_of_one_secret(cloud: Any) -> None:
    run = cloud()
    references = {entry["name"]: entry["valueFrom"] for entry in containers(run)["web"]["secrets"]}
    assert sorted(references) == ["DATABASE_URL", "DEFAULT_STORAGE_DSN", "SECRET_KEY"]
    for name, reference in references.items():
        assert reference.startswith(
            "arn:aws:secretsmanager:us-east-1:123456789012:secret:django-stack-cloud-environment-"
        )
        assert reference.endswith(f":{name}::version-of-task-secret-version")


def test_the_version_before_outlives_a_changed_secret_for_a_roll_back(cloud: Any) -> None:
    run = cloud()
    assert run["task-secret-version"].request.retainOnDelete
    assert run["task"].inputs["skipDestroy"] is True


@pytest.mark.parametrize("version", [14, 16, 18])
def test_the_database_is_the_same_major_version_as_the_local_one(cloud: Any, program: Any, version: int) -> None:
    run = cloud(OTHER | {"postgres-version": version})
    database = run["database"].inputs
    assert database["engineVersion"] == str(version)
    assert run["database-parameters"].inputs["family"] == f"postgres{version}"
    assert database["engineLifecycleSupport"] == "open-source-rds-extended-support-disabled"
    assert program({"postgres-version": version})["database-image"].inputs["name"] == f"postgres:{version}-trixie"


def test_certificates_of_the_region_are_laid_out_before_the_app_starts(cloud: Any) -> None:
    both = containers(cloud(OTHER))
    (given,) = both["prepare"]["environment"]
    assert given["value"].count("BEGIN CERTIFICATE") == 3
    assert both["web"]["dependsOn"] == [{"containerName": "prepare", "condition": "SUCCESS"}]
    assert {"sourceVolume": "certificates", "containerPath": "/certificates", "readOnly": True} in both["web"][
        "mountPoints"
    ]


def test_what_prepares_a_task_does_what_it_should(cloud: Any, tmp_path: Any) -> None:
    import subprocess
    import sys

    prepare = containers(cloud())["prepare"]
    (tmp_path / "tmp").mkdir(mode=0o755)
    (tmp_path / "certificates").mkdir()
    code = (
        prepare["entryPoint"][2].replace("/tmp", f"{tmp_path}/tmp").replace("/certificates", f"{tmp_path}/certificates")
    )
    (given,) = prepare["environment"]
    subprocess.run([sys.executable, "-c", code], check=True, env={given["name"]: given["value"]})
    assert (tmp_path / "tmp").stat().st_mode & 0o7777 == 0o1777
    assert (tmp_path / "certificates" / "rds.pem").read_text() == given["value"]


def test_container_definitions_are_canonical(cloud: Any) -> None:
    text = cloud(OTHER)["task"].inputs["containerDefinitions"]
    document = json.loads(text)
    assert text == json.dumps(document, sort_keys=True)
    assert "null" not in text
    assert [container["name"] for container in document] == ["prepare", "web"]
    for container in document:
        for key in ("environment", "secrets"):
            names = [entry["name"] for entry in container.get(key, [])]
            assert names == sorted(names)
            assert all(entry.get("value") != "" for entry in container.get(key, []))
        assert {"cpu", "mountPoints", "volumesFrom", "systemControls", "portMappings"} <= container.keys()


def test_execute_command_opens_its_folders_and_nothing_else(cloud: Any) -> None:
    run = cloud(OTHER)
    paths = {mount["containerPath"]: mount["readOnly"] for mount in containers(run)["web"]["mountPoints"]}
    assert paths == {"/certificates": True, "/tmp": False, "/var/lib/amazon": False, "/var/log/amazon": False}
    assert run["web"].inputs["enableExecuteCommand"] is True
    assert cloud()["web"].inputs["enableExecuteCommand"] is False


def test_without_a_domain_only_cloudfront_reaches_the_load_balancer(cloud: Any) -> None:
    run = cloud()
    admitted = [
        rule.inputs
        for rule in run.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
        if "load-balancer-id" in rule.inputs["securityGroupId"]
    ]
    assert [(rule["prefixListId"], rule["fromPort"], rule.get("cidrIpv4")) for rule in admitted] == [
        ("pl-3b927c52", 80, None)
    ]
    assert run["address-http"].inputs["defaultActions"][0]["type"] == "fixed-response"
    (condition,) = run["address-from-cloudfront"].inputs["conditions"]
    header = run["address-cloudfront"].inputs["origins"][0]["customHeaders"][0]
    assert condition["httpHeader"] == {"httpHeaderName": header["name"], "values": [header["value"]]}


def test_cloudfront_caches_static_files_and_no_pages(cloud: Any) -> None:
    distribution = cloud()["address-cloudfront"].inputs
    assert distribution["defaultCacheBehavior"]["cachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
    assert "POST" in distribution["defaultCacheBehavior"]["allowedMethods"]
    (static,) = distribution["orderedCacheBehaviors"]
    assert (static["pathPattern"], static["cachePolicyId"]) == ("/static/*", "658327ea-f89d-4fab-a63d-7e88639e58f6")
    for behavior in (static, distribution["defaultCacheBehavior"]):
        assert behavior["originRequestPolicyId"] == "33f36d7e-f396-46d9-90e0-52428a34d9dc"


def test_an_own_domain_has_tls_at_the_load_balancer_and_no_cloudfront(cloud: Any) -> None:
    run = cloud(OWN_DOMAIN)
    assert not run.of_type("aws:cloudfront/distribution:Distribution")
    assert run["address-http"].inputs["defaultActions"][0]["redirect"]["protocol"] == "HTTPS"
    assert run["address-https"].inputs["certificateArn"].startswith("arn:aws:acm")
    assert plain(run)["SECURE_PROXY_SSL_HEADER"] == "X-Forwarded-Proto"
    assert plain(run)["DOMAIN_REDIRECTS"] == "example.org"
    assert run.outputs["url"] == "https://www.example.com"


def test_every_host_name_has_its_proof_and_its_record(cloud: Any) -> None:
    run = cloud(OWN_DOMAIN)
    records = {r.name: r.inputs for r in run.of_type("aws:route53/record:Record")}
    for host in ("www.example.com", "example.com", "example.org"):
        proof = records[f"address-proof-{host}"]
        assert (proof["name"], proof["type"], proof["records"]) == (
            f"_proof.{host}.",
            "CNAME",
            [f"_{host}.acm-validations.aws."],
        )
        assert records[f"address-{host}"]["aliases"][0]["name"].endswith(".elb.amazonaws.com")
    assert len(records) == 6


def test_an_own_certificate_leaves_dns_to_its_owner(cloud: Any) -> None:
    arn = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
    run = cloud({"domain": "www.example.com", "certificate": arn})
    assert run["address-https"].inputs["certificateArn"] == arn
    assert not run.of_type("aws:route53/record:Record")
    assert not run.of_type("aws:acm/certificate:Certificate")


def test_the_roll_out_is_checked_where_the_site_answers(cloud: Any) -> None:
    asked = json.loads(cloud(OWN_DOMAIN)["web-rollout"].inputs["stdin"])
    assert asked["domain"] == "www.example.com"
    assert asked["connect_to"].endswith(".elb.amazonaws.com")
    run = cloud()
    asked = json.loads(run["web-rollout"].inputs["stdin"])
    assert asked["domain"] == asked["connect_to"] == "d111111abcdef8.cloudfront.net"
    assert asked["task_definition"] == run["web"].inputs["taskDefinition"]
    assert asked["task_definition"] in run["web-rollout"].inputs["triggers"]


@pytest.mark.report("joining bug 7")
def test_the_release_knows_the_name_of_the_web_of_which_it_says_whether_it_serves(cloud: Any) -> None:
    run = cloud()
    assert json.loads(run["release"].inputs["stdin"])["service"] == run["web"].inputs["name"]


def test_the_release_runs_the_very_definition_of_the_web_in_its_network(cloud: Any) -> None:
    run = cloud()
    asked = json.loads(run["release"].inputs["stdin"])
    web = run["web"].inputs
    assert asked["task_definition"] == web["taskDefinition"]
    assert asked["subnets"] == web["networkConfiguration"]["subnets"]
    assert asked["security_groups"] == web["networkConfiguration"]["securityGroups"]


def test_public_media_go_through_cloudfront_and_the_bucket_stays_private(cloud: Any) -> None:
    run = cloud(OTHER)
    dsn = S3DSN.parse(run.outputs["DEFAULT_STORAGE_DSN"])
    assert (dsn.signed, dsn.options) == (False, {"domain": "d111111abcdef8.cloudfront.net"})
    read = json.loads(run["media-policy"].inputs["policy"])["Statement"][1]
    assert read["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    assert read["Condition"]["StringEquals"]["AWS:SourceArn"].startswith("arn:aws:cloudfront::")


@pytest.mark.report("django-cors-headers#819")
def test_pages_of_the_site_may_read_media_and_no_others(cloud: Any) -> None:
    """The bucket's own rule, and for public media CloudFront's headers; of an own domain or of CloudFront's name."""
    hosts = {"domain": "www.example.com", "domain-aliases": "example.net"}
    for settings, origins in (
        ({**OTHER, **hosts}, ["https://www.example.com", "https://example.net"]),
        ({"media-access": "public"}, ["https://d111111abcdef8.cloudfront.net"]),
    ):
        run = cloud(settings)
        [rule] = run["media-cors"].inputs["corsRules"]
        assert rule["allowedOrigins"] == origins
        assert (rule["allowedMethods"], rule["allowedHeaders"], rule["maxAgeSeconds"]) == (["GET", "HEAD"], ["*"], 3600)
        headers = run["media-cors-headers"].inputs["corsConfig"]
        assert headers["accessControlAllowOrigins"]["items"] == origins
        assert headers["accessControlAllowMethods"]["items"] == ["GET", "HEAD"]
        assert headers["accessControlAllowCredentials"] is False
        behaviour = run["media-cloudfront"].inputs["defaultCacheBehavior"]
        assert behaviour["responseHeadersPolicyId"] == "media-cors-headers-id"
        assert "OPTIONS" in behaviour["allowedMethods"]
        assert behaviour["originRequestPolicyId"] == "88a5eaf4-2fd4-4709-b370-b4c650ea3fcf"
    assert "media-cors" in cloud().resources
    assert "media-cors-headers" not in cloud().resources


def test_the_app_reads_the_dsns_that_the_cloud_hands_it(cloud: Any) -> None:
    from django_stack import storage_dsn
    from django_stack.variables import database

    for settings, domain, region in (({}, "", "us-east-1"), (OTHER, "d111111abcdef8.cloudfront.net", "eu-west-1")):
        run = cloud(settings)
        location = storage_dsn.parse(run.outputs["DEFAULT_STORAGE_DSN"])
        assert isinstance(location, storage_dsn.S3)
        assert (location.bucket, location.region) == ("django-stack-cloud-media-20260101000000", region)
        assert (location.domain, location.signed) == (domain, not domain)
        options = database(run.outputs["DATABASE_URL"])["OPTIONS"]
        assert (options["sslmode"], options["sslrootcert"]) == ("verify-full", "/certificates/rds.pem")


def test_the_processor_is_chosen_for_image_and_tasks_together(cloud: Any) -> None:
    run = cloud(OTHER)
    assert run["image"].inputs["build"]["platform"] == "linux/arm64"
    assert run["task"].inputs["runtimePlatform"]["cpuArchitecture"] == "ARM64"
    assert run.outputs["image"] != cloud().outputs["image"]


def test_data_that_need_not_be_kept_can_be_destroyed_but_for_a_last_snapshot(cloud: Any) -> None:
    run = cloud(OTHER)
    assert not run["database"].request.protect
    assert run["database"].inputs["deletionProtection"] is False
    assert run["database"].inputs["skipFinalSnapshot"] is False
    assert run["media"].inputs["forceDestroy"] is True


def test_each_role_reaches_this_stacks_own_and_nothing_else(cloud: Any) -> None:
    """The app its bucket; ECS itself this image, this secret and this log, besides a login that AWS gives for all."""

    def reached(name: str) -> set[str]:
        statements = json.loads(run[name].inputs["policy"])["Statement"]
        return {statement["Resource"] for statement in statements}

    run = cloud()
    bucket = "arn:aws:s3:::django-stack-cloud-media-20260101000000"
    assert reached("task-app-rights") == {bucket, f"{bucket}/*"}
    assert reached("task-execution-rights") == {
        "*",
        "arn:aws:ecr:us-east-1:123456789012:repository/django-stack/cloud",
        "arn:aws:logs:us-east-1:123456789012:log-group:/django-stack/cloud:*",
        "arn:aws:secretsmanager:us-east-1:123456789012:secret:django-stack-cloud-environment-1a2b3c",
    }


def test_autoscaling_owns_the_number_of_tasks(cloud: Any) -> None:
    run = cloud(OTHER)
    assert list(run["web"].request.ignoreChanges) == ["desiredCount"]
    assert (run["web-scaling"].inputs["minCapacity"], run["web-scaling"].inputs["maxCapacity"]) == (2, 3)


def test_alarms_go_to_the_email_address_when_there_is_one(cloud: Any) -> None:
    assert "alarms-email" not in cloud().resources
    run = cloud(OTHER)
    assert run["alarms-email"].inputs["endpoint"] == "ops@example.com"
    alarms = run.of_type("aws:cloudwatch/metricAlarm:MetricAlarm")
    assert len(alarms) == 7
    for alarm in alarms:
        assert alarm.inputs["alarmActions"] == alarm.inputs["okActions"] == [run["alarms-email"].inputs["topic"]]


def test_an_alarm_fires_within_minutes_when_no_task_is_left(cloud: Any) -> None:
    alarm = cloud()["alarm-no-task"].inputs
    assert (alarm["metricName"], alarm["comparisonOperator"], alarm["threshold"]) == (
        "HealthyHostCount",
        "LessThanThreshold",
        1,
    )
    assert alarm["treatMissingData"] == "breaching"
    assert alarm["period"] * alarm["evaluationPeriods"] <= 300
    assert set(alarm["dimensions"]) == {"LoadBalancer", "TargetGroup"}


def subnets(run: Run) -> dict[str, Any]:
    return {subnet.name: subnet.inputs for subnet in run.of_type("aws:ec2/subnet:Subnet")}


def test_without_a_choice_the_regions_first_two_zones_are_taken(cloud: Any) -> None:
    found = subnets(cloud())
    assert {name: (inputs["availabilityZone"], inputs["cidrBlock"]) for name, inputs in found.items()} == {
        "network-public-a": ("us-east-1a", "10.0.0.0/20"),
        "network-public-b": ("us-east-1b", "10.0.16.0/20"),
        "network-private-a": ("us-east-1a", "10.0.128.0/20"),
        "network-private-b": ("us-east-1b", "10.0.144.0/20"),
    }


@pytest.mark.parametrize("zones", ["us-east-1a,us-east-1b,us-east-1c", "us-east-1c,us-east-1a"])
def test_zones_that_stay_keep_their_subnets_when_others_come_or_go(cloud: Any, zones: str) -> None:
    before, after = subnets(cloud()), subnets(cloud({"zones": zones}))
    letters = {zone[-1] for zone in zones.split(",")}
    assert after.keys() == {f"network-{kind}-{letter}" for kind in ("public", "private") for letter in letters}
    both = before.keys() & after.keys()
    assert both
    assert {name: before[name] for name in both} == {name: after[name] for name in both}


def test_naming_the_zones_that_are_in_use_changes_nothing(cloud: Any) -> None:
    assert inputs(cloud({"zones": "us-east-1b, us-east-1a"})) == inputs(cloud())


def test_no_two_subnets_overlap_with_as_many_zones_as_can_be_named(cloud: Any) -> None:
    from ipaddress import ip_network
    from itertools import combinations

    zones = ",".join(f"us-east-1{letter}" for letter in ZONES)
    found = subnets(cloud({"zones": zones})).values()
    blocks = [ip_network(subnet["cidrBlock"]) for subnet in found]
    assert len(blocks) == 16
    assert all(block.subnet_of(ip_network("10.0.0.0/16")) for block in blocks)
    assert not any(one.overlaps(other) for one, other in combinations(blocks, 2))


def test_a_major_upgrade_makes_the_new_parameters_before_it_leaves_the_old(cloud: Any) -> None:
    before, after = cloud(OTHER), cloud({"database-upgrade": True})
    for run, family in ((before, "postgres16"), (after, "postgres17")):
        group = run["database-parameters"]
        assert (group.inputs["namePrefix"], group.inputs["family"]) == (f"django-stack-cloud-{family}-", family)
        assert run["database"].inputs["parameterGroupName"].startswith(group.inputs["namePrefix"])
        assert group.request.deleteBeforeReplaceDefined
        assert not group.request.deleteBeforeReplace
    assert before["database"].inputs["allowMajorVersionUpgrade"] is False
    assert after["database"].inputs["allowMajorVersionUpgrade"] is True


def test_a_database_that_is_made_anew_leaves_a_snapshot_of_another_name(cloud: Any) -> None:
    run = cloud()
    keepers, database = run["database-last-snapshot"].inputs["keepers"], run["database"].inputs
    for what_replaces in ("identifier", "engine", "dbName", "username"):
        assert database[what_replaces] in keepers.values()
    assert database["finalSnapshotIdentifier"] == "django-stack-cloud-last-0a1b2c3d"
    assert cloud(stack="pr-12")["database-last-snapshot"].inputs["keepers"] != keepers


@pytest.mark.parametrize(
    ("change", "watched"),
    [
        ({"zones": "us-east-1c,us-east-1a"}, True),
        ({"tasks-min": 2}, True),
        (OWN_DOMAIN, True),
        ({"rollout-timeout": 600, "tasks-max": 2, "alarm-email": "ops@example.com"}, False),
    ],
    ids=str,
)
def test_the_roll_out_is_watched_whenever_ecs_starts_tasks(cloud: Any, change: dict[str, Any], watched: bool) -> None:
    """A new definition is seen in its ARN; here the definition stays, and what else moves tasks changes."""
    before, after = cloud()["web-rollout"].inputs, cloud(change)["web-rollout"].inputs
    assert (before["triggers"] != after["triggers"]) is watched


def test_the_watch_begins_once_autoscaling_knows_how_many_tasks_there_are_at_least(cloud: Any) -> None:
    rollout = cloud(OTHER)["web-rollout"]
    assert json.loads(rollout.inputs["stdin"])["tasks"] == 2
    assert any(urn.endswith("::web-scaling") for urn in rollout.request.dependencies)


def test_no_secret_is_shown_by_a_program_that_runs_while_deploying(cloud: Any) -> None:
    """What commands print is a secret in the state; what they're asked is one because secrets are in it."""
    run = cloud()
    for name in ("release", "web-rollout"):
        assert set(run[name].request.additionalSecretOutputs) == {"stdout", "stderr"}
    assert "random" not in json.dumps(run["image-push"].inputs)
