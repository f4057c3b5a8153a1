"""Wrong settings of the cloud platform: each one clear error, before anything is registered."""

import re
import runpy
import shlex
from dataclasses import fields
from typing import Any

import jmespath
import pulumi
import pytest

from infra.checkout import ROOT
from infra.cloud.certificates import certificates
from infra.cloud.sizes import DATABASE_CLASSES, FARGATE_SIZES, THREADS
from infra.settings import Settings

CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
SNAPSHOT_ARN = "arn:aws:rds:us-east-1:123456789012:snapshot:rds:app-2026-01-31-04-00"
ZONE = "Z0123456789ABC"

WRONG = [
    # settings, what the error must say
    ({"aws:region": "us-east-9"}, ['aws:region is "us-east-9"', "pulumi config set -s cloud aws:region us-east-"]),
    ({"aws:region": "US_WEST_2"}, ["such as us-west-2", "pulumi config set -s cloud aws:region us-west-2"]),
    ({"aws:region": "nowhere"}, ["such as us-east-1", "pulumi config set -s cloud aws:region us-east-1"]),
    ({"aws:region": None}, ['aws:region is ""', "a region that docs/cloud.md lists"]),
    ({"aws:accessKey": "AKIA"}, ["aws:accessKey is set", "only aws:region and aws:profile", "config rm -s cloud"]),
    ({"architecture": "mips"}, ['architecture is "mips"', "amd64 or arm64", "architecture amd64"]),
    *(({"architecture": name}, ["set -s cloud architecture amd64"]) for name in ("x86_64", "x86", "x64")),
    *(({"architecture": name}, ["set -s cloud architecture arm64"]) for name in ("aarch64", "arm", "graviton")),
    ({"cpu": 300}, ['cpu is "300"', "256, 512, 1024", "pulumi config set -s cloud cpu 256"]),
    ({"cpu": 256, "memory": 4096}, ['memory is "4096"', "with cpu 256: 512, 1024, 2048 MiB", "memory 512"]),
    ({"cpu": 512, "memory": 512}, ["with cpu 512: 1024, 2048, 3072, 4096 MiB", "memory 1024"]),
    ({"cpu": 1024, "memory": 2500}, ['memory is "2500"', "2048 to 8192, in steps of 1024"]),
    ({"memory": "1GB"}, ['memory is "1GB"', "MiB"]),
    ({"tasks-min": 0}, ['tasks-min is "0"', "1 to 100"]),
    ({"tasks-min": 3, "tasks-max": 2}, ['tasks-max is "2"', "tasks-min, 3, or more", "tasks-max 3"]),
    ({"tasks-max": 20}, ['tasks-max is "20"', "2 workers x 4 threads", "is 321, and it has 71", "tasks-max 4"]),
    ({"env": {"WEB_CONCURRENCY": "8"}}, ["8 workers x 4 threads", "tasks-max 1"]),
    ({"monthly-budget": "60 USD"}, ['monthly-budget is "60 USD"', "US dollars, 1 to 1000000", "monthly-budget 0"]),
    ({"monthly-budget": 60}, ["only together with alarm-email", "set -s cloud monthly-budget 0"]),
    ({"rollout-timeout": 5}, ['rollout-timeout is "5"', "seconds, 60 to 7200"]),
    ({"execute-command": "yes"}, ['execute-command is "yes"', "true or false"]),
    ({"zones": "us-east-1a"}, ['zones is "us-east-1a"', "at least two zones of us-east-1", "set -s cloud zones ''"]),
    ({"zones": "eu-west-1a,eu-west-1b"}, ["zones is", "zones of us-east-1", "us-east-1a,us-east-1b"]),
    ({"zones": "one,two"}, ["zones is", "names of zones"]),
    ({"zones": "us-east-1a,us-east-1z"}, ["zones is", "names of zones"]),
    ({"zones": "us-east-1a,us-east-1a"}, ["zones is", "at least two zones of us-east-1"]),
    (
        {"address-block": "10.1.0.0/8"},
        ['address-block is "10.1.0.0/8"', "a private block", "address-block 10.1.0.0/16"],
    ),
    ({"address-block": "10.1.2.3/20"}, ["address-block is", "address-block 10.1.0.0/20"]),
    ({"address-block": "203.0.112.0/22"}, ["address-block is", "address-block 10.0.0.0/16"]),
    ({"address-block": "192.168.0.0/24"}, ["address-block is", "192.168.0.0/22"]),
    ({"address-block": "172.40.0.0/16"}, ["address-block is", "address-block 10.0.0.0/16"]),
    ({"address-block": "ours"}, ["address-block is", "address-block 10.0.0.0/16"]),
    (
        {"domain": "www.example.com"},
        ['hosted-zone is ""', "Route 53 zone that www.example.com is in"],
    ),
    ({"domain": "localhost", "hosted-zone": ZONE}, ['domain is "localhost"', "a full host name in the public DNS"]),
    ({"domain": "10.0.0.1", "hosted-zone": ZONE}, ['domain is "10.0.0.1"', "a full host name"]),
    ({"hosted-zone": "example.com", "domain": "www.example.com"}, ["hosted-zone is", "the id of a Route 53 zone"]),
    ({"hosted-zone": ZONE}, ["hosted-zone is", "only together with domain", "hosted-zone ''"]),
    ({"domain-aliases": "example.com"}, ["domain-aliases is", "only together with domain"]),
    ({"domain-redirects": "example.com"}, ["domain-redirects is", "only together with domain"]),
    (
        {"certificate": "my-certificate", "domain": "www.example.com"},
        ["certificate is", "the ARN of an ACM certificate"],
    ),
    (
        {"certificate": CERTIFICATE.replace("us-east-1", "eu-west-1"), "domain": "www.example.com"},
        ["certificate is", "a certificate in us-east-1, the only region that CloudFront takes one from"],
    ),
    ({"waf": "on"}, ['waf is "on"', "true or false", "waf true"]),
    ({"waf": True, "waf-rate-limit": 5}, ['waf-rate-limit is "5"', "requests, 10 to 100000000", "waf-rate-limit 2000"]),
    ({"database-class": "db.t4g.nano"}, ['database-class is "db.t4g.nano"', "db.t4g.micro"]),
    ({"database-storage": 10}, ['database-storage is "10"', "GiB, 20 to 65536"]),
    ({"database-storage": 100}, ['database-storage-max is "100"', "a tenth more than database-storage, 100"]),
    ({"database-storage": 100}, ["set -s cloud database-storage-max 200"]),
    ({"database-storage": 59000, "database-storage-max": 59000}, ["set -s cloud database-storage-max 65536"]),
    ({"database-storage": 60000, "database-storage-max": 60000}, ["set -s cloud database-storage-max 0"]),
    ({"database-multi-az": "maybe"}, ['database-multi-az is "maybe"']),
    ({"database-upgrade": "16"}, ['database-upgrade is "16"', "true or false"]),
    ({"database-backup-days": 0}, ['database-backup-days is "0"', "days, 1 to 35"]),
    (
        {"database-snapshot": "my snapshot"},
        ['database-snapshot is "my snapshot"', "the identifier or ARN of a snapshot"],
    ),
    ({"database-snapshot": SNAPSHOT_ARN.replace("us-east-1", "eu-west-1")}, ["a snapshot in us-east-1"]),
    (
        {"database-snapshot": "rds:app-2026-01-31", "database-restore-time": "latest"},
        ["database-snapshot is", "only one of database-snapshot and database-restore-time"],
    ),
    (
        {"database-restore-time": "2026-01-31 09:30"},
        ['database-restore-time is "2026-01-31 09:30"', "with its zone", "database-restore-time 2026-01-31T09:30:00Z"],
    ),
    ({"database-restore-time": "yesterday"}, ["a moment by ISO 8601", "database-restore-time latest"]),
    (
        {"database-restore-source": "django-stack-cloud"},
        ["database-restore-source is", "only together with database-restore-time"],
    ),
    (
        {"database-restore-source": "db-abc_1", "database-restore-time": "latest"},
        ["database-restore-source is", "the identifier or the resource id"],
    ),
    ({"mail": "url"}, ["env has no EMAIL_URL", "links that reset passwords", "config set -s cloud mail none"]),
    (
        {"mail": "url", "env": {"EMAIL_URL": "consolemail://"}},
        ["env.EMAIL_URL prints mails into the log", "--secret --path env.EMAIL_URL"],
    ),
    ({"mail": "none", "env": {"EMAIL_URL": "smtp://h"}}, ['mail is "none"', "config set -s cloud mail url"]),
    ({"mail": "smtp"}, ['mail is "smtp"', "set -s cloud mail url"]),
    (
        {"mail": "mailpit"},
        ['mail is "mailpit"', "url, ses, none or project on the cloud platform", "set -s cloud mail url"],
    ),
    ({"mail": "ses"}, ['mail is "ses"', "only together with domain and hosted-zone", "set -s cloud mail url"]),
    (
        {"mail": "ses", "domain": "www.example.com", "certificate": CERTIFICATE},
        ['mail is "ses"', "only together with domain and hosted-zone", "set -s cloud mail url"],
    ),
    (
        {"mail": "ses", "domain": "www.example.com", "hosted-zone": ZONE, "env": {"EMAIL_URL": "smtp://h"}},
        ['mail is "ses"', "url, since env has EMAIL_URL", "set -s cloud mail url"],
    ),
    *(
        (
            {"mail": "ses", "domain": "www.example.com", "hosted-zone": ZONE, "env": {"DEFAULT_FROM_EMAIL": sender}},
            [
                "env.DEFAULT_FROM_EMAIL is not an address that the hosted zone of www.example.com can vouch for",
                "for noreply@example.com",
                "config rm -s cloud --path env.DEFAULT_FROM_EMAIL",
            ],
        )
        for sender in ("shop@gmail.com", "The shop <shop@notexample.com>")
    ),
    ({"cache": "elasticache"}, ['cache is "elasticache"', "none or valkey", "set -s cloud cache valkey"]),
    ({"cache": "valkey", "env": {"REDIS_URL": "redis://h"}}, ["none, since env has REDIS_URL", "cloud cache none"]),
    ({"cache-class": "db.t4g.micro"}, ['cache-class is "db.t4g.micro"', "cache.t4g.micro"]),
    ({"cache-class": "t4g.small"}, ['cache-class is "t4g.small"', "set -s cloud cache-class cache.t4g.small"]),
    ({"cache-multi-az": 2}, ['cache-multi-az is "2"', "true or false", "set -s cloud cache-multi-az false"]),
    ({"log-days": 31}, ['log-days is "31"', "30, 60"]),
    ({"permissions-boundary": "django-stack-boundary"}, ["permissions-boundary is", "the ARN of an IAM policy"]),
    ({"alarm-email": "ops"}, ['alarm-email is "ops"', "an e-mail address"]),
    ({"debug": True}, ['debug is "true"', "false on the cloud platform"]),
    ({"mount-source": True}, ['mount-source is "true"', "false on the cloud platform"]),
    ({"media": "filesystem", "debug": True}, ['media is "filesystem"', "a task's disk is not kept"]),
]


@pytest.mark.parametrize(("settings", "parts"), WRONG, ids=lambda value: str(value)[:60])
def test_a_wrong_setting_is_refused_with_key_value_allowed_and_fix(
    as_stack: Any, set_config: Any, settings: dict[str, Any], parts: list[str]
) -> None:
    as_stack("cloud")
    set_config(settings, platform="cloud")
    with pytest.raises(pulumi.RunError) as refused:
        Settings.load()
    message = str(refused.value)
    for part in parts:
        assert part in message
    assert "Fix: " in message
    assert "nothing was changed" in message


@pytest.mark.parametrize("settings", [{"cpu": 300}, {"zones": "us-east-1a"}, {"nonsense": 1}, {"debug": True}], ids=str)
def test_the_whole_program_ends_with_that_error_before_anything_is_asked_or_registered(
    as_stack: Any, set_config: Any, settings: dict[str, Any]
) -> None:
    as_stack("cloud")  # where registering anything, or asking AWS through Pulumi, fails the test
    set_config(settings, platform="cloud")
    with pytest.raises(pulumi.RunError, match=f"(?s)nothing was changed.*{next(iter(settings))} is"):
        runpy.run_path(str(ROOT / "infra" / "__main__.py"))


@pytest.mark.parametrize(
    ("stack", "better"),
    [
        ("Pr-12", "pr-12"),
        ("pr_12", "pr-12"),
        ("a-name-that-is-much-too-long-for-aws", "a-name-that-a862"),
        ("pr--12", "pr-12"),
    ],
)
def test_a_stack_name_that_aws_could_not_bear_is_refused(
    as_stack: Any, set_config: Any, stack: str, better: str
) -> None:
    as_stack(stack)
    set_config(platform="cloud")
    with pytest.raises(pulumi.RunError, match=f"pulumi stack rename -s {stack} {better}$"):
        Settings.load()


def test_a_class_that_is_too_small_for_one_task_is_said_to_be(as_stack: Any, set_config: Any) -> None:
    as_stack("cloud")
    set_config({"env": {"WEB_CONCURRENCY": "30"}}, platform="cloud")
    with pytest.raises(pulumi.RunError, match=r"database-class is .* is 241, and it has 71\. Fix: .* db.t4g.medium$"):
        Settings.load()


@pytest.mark.parametrize(
    ("workers", "name", "proposed"),
    [
        (8, "db.t4g.micro", None),
        (9, "db.t4g.micro", "db.t4g.small"),
        (30, "db.t4g.micro", "db.t4g.medium"),
        (30, "db.t3.micro", "db.t3.medium"),
        (600, "db.t4g.micro", "db.m5.4xlarge"),
        (999, "db.t4g.micro", "db.m5.4xlarge"),
    ],
)
def test_the_smallest_class_that_is_large_enough_is_proposed_of_the_same_family_if_there_is_one(
    as_stack: Any, set_config: Any, workers: int, name: str, proposed: str | None
) -> None:
    """And the first of those with the most connections, 5000, where none has enough."""
    as_stack("cloud")
    env = {"WEB_CONCURRENCY": str(workers)}
    set_config({"env": env, "database-class": name, "tasks-max": 1}, platform="cloud")
    if proposed is None:
        assert Settings.load().env == env
    else:
        with pytest.raises(pulumi.RunError, match=rf"set -s cloud database-class {proposed}$"):
            Settings.load()


def test_more_tasks_at_least_than_the_class_has_connections_for(as_stack: Any, set_config: Any) -> None:
    as_stack("cloud")
    set_config({"tasks-min": 16, "tasks-max": 20}, platform="cloud")
    with pytest.raises(pulumi.RunError, match=r"tasks-min is \"16\".* set -s cloud tasks-min 4$"):
        Settings.load()


def test_the_look_up_of_a_zone_takes_the_nearest_public_one(as_stack: Any, set_config: Any) -> None:
    as_stack("cloud")
    set_config({"domain": "www.example.com"}, platform="cloud")
    with pytest.raises(pulumi.RunError) as refused:
        Settings.load()
    (call,) = re.findall(r'"\$\((aws .*)\)" && ', str(refused.value))
    query = shlex.split(call)[4]
    zones = [
        {"Id": f"/hostedzone/Z{number}", "Name": name, "Config": {"PrivateZone": private}}
        for number, (name, private) in enumerate(
            [("com.", False), ("example.com.", False), ("www.example.com.", True), ("ample.com.", False)]
        )
    ]
    assert jmespath.search(query, {"HostedZones": zones}) == "/hostedzone/Z1"


def test_the_look_up_of_a_certificate_takes_the_domains_own_in_cloudfronts_region(
    as_stack: Any, set_config: Any
) -> None:
    as_stack("pr-12")
    elsewhere = CERTIFICATE.replace("us-east-1", "eu-west-1")
    settings = {"domain": "www.example.com", "certificate": elsewhere, "aws:profile": "my work"}
    set_config({**settings, "aws:region": "eu-west-1"}, platform="cloud")
    with pytest.raises(pulumi.RunError) as refused:
        Settings.load()
    call, fix = re.findall(r'FOUND="\$\((aws .*)\)" && (.*)$', str(refused.value))[0]
    aws, acm, listing, *options = shlex.split(call)
    assert (aws, acm, listing) == ("aws", "acm", "list-certificates")
    given = dict(zip(options[::2], options[1::2], strict=True))
    assert (given["--region"], given["--output"], given["--profile"]) == ("us-east-1", "text", "my work")
    found = [{"DomainName": name, "CertificateArn": f"arn-of-{name}"} for name in ("example.com", "www.example.com")]
    assert jmespath.search(given["--query"], {"CertificateSummaryList": found}) == "arn-of-www.example.com"
    assert fix == 'pulumi config set -s pr-12 certificate "$FOUND"'


def test_the_number_of_workers_is_the_one_in_env(as_stack: Any, set_config: Any) -> None:
    as_stack("cloud")
    for chosen, workers in (("1", 1), ("3", 3)):
        set_config({"env": {"WEB_CONCURRENCY": chosen}, "tasks-max": 1}, platform="cloud")
        assert Settings.load().workers == workers


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"aws:region": "eu-central-1", "aws:profile": "work"},
        {"cpu": 4096, "memory": 30720, "database-class": "db.m7g.large"},
        {"domain": "www.example.com", "hosted-zone": ZONE, "domain-redirects": "example.com"},
        {"domain": "www.example.com", "certificate": CERTIFICATE},
        {"zones": "us-east-1b,us-east-1c,us-east-1d"},
        {"database-storage": 20, "database-storage-max": 22},
        {"tasks-min": 4, "tasks-max": 4},
        {"database-snapshot": SNAPSHOT_ARN},
        {"database-snapshot": "rds:django-stack-cloud-2026-01-31-04-00"},
        {"database-restore-time": "latest"},
        {"database-restore-time": "2026-01-31T09:30:00+01:00", "database-restore-source": "db-ABCDEFGHIJKLMNOP"},
        {"mail": "url", "env": {"EMAIL_URL": "smtp+tls://u:p@mail.example.com:587"}},
        {"mail": "ses", "domain": "www.example.com", "hosted-zone": ZONE},
        {
            "mail": "ses",
            "domain": "www.shop.example.com",
            "hosted-zone": ZONE,
            "env": {"DEFAULT_FROM_EMAIL": "The shop <post@EXAMPLE.com>"},
        },
        {"cache": "valkey", "cache-class": "cache.r7g.large", "cache-multi-az": True},
        {"database-storage-max": 0, "log-days": 365, "alarm-email": "ops@example.com", "architecture": "arm64"},
    ],
    ids=str,
)
def test_sensible_settings_pass(as_stack: Any, set_config: Any, settings: dict[str, Any]) -> None:
    as_stack("cloud")
    set_config(settings, platform="cloud")
    assert Settings.load().region


@pytest.mark.parametrize("name", ["aws", "amazon", "ecs", "fargate", "production", "prod"])
def test_the_cloud_by_another_name_is_understood_in_the_fix(as_stack: Any, set_config: Any, name: str) -> None:
    as_stack("cloud")
    set_config({"platform": name}, platform="cloud")
    with pytest.raises(pulumi.RunError, match=r"set -s cloud platform cloud$"):
        Settings.load()


def test_settings_of_the_cloud_do_not_bother_a_local_stack(as_stack: Any, set_config: Any) -> None:
    as_stack("local")
    set_config({"domain": "localhost"})
    assert not hasattr(Settings.load(), "region")


def test_every_region_that_is_allowed_has_certificates_that_openssl_takes() -> None:
    import ssl

    for region, pem in certificates().items():
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=pem)
        subjects = [
            value for entry in context.get_ca_certs() for ((name, value),) in entry["subject"] if name == "commonName"
        ]
        assert sorted(subjects) == [
            f"Amazon RDS {region} Root CA {kind} G1" for kind in ("ECC384", "RSA2048", "RSA4096")
        ]
        assert all(int(entry["notAfter"].split()[3]) >= 2060 for entry in context.get_ca_certs())
    assert len(certificates()) > 20


def test_the_connections_of_a_class_are_at_most_what_rds_gives() -> None:
    """DBInstanceClassMemory / 9531392, of which RDS keeps a part for itself: 81 were seen on db.t4g.micro."""
    from infra.cloud.settings import CloudSettings

    def connections(name: str) -> int:
        nothing = {field.name: None for field in fields(CloudSettings)}
        return CloudSettings(**(nothing | {"database_class": name})).connections

    for name, memory in DATABASE_CLASSES.items():
        assert connections(name) <= min(memory * 2**30 // 9531392, 5000)
    assert 70 <= connections("db.t4g.micro") <= 81


def test_workers_and_threads_are_reckoned_as_gunicorn_has_them(as_stack: Any, set_config: Any) -> None:
    from django_stack import gunicorn_config

    assert gunicorn_config.threads == THREADS
    as_stack("cloud")
    for cpu, sizes in FARGATE_SIZES.items():
        set_config({"cpu": cpu, "memory": sizes[0], "tasks-max": 1, "database-class": "db.m7g.large"}, platform="cloud")
        settings = Settings.load()
        assert settings.workers == gunicorn_config.worker_count(cpu / 1024)


def test_the_docs_list_the_regions_that_are_allowed() -> None:
    text = (ROOT / "docs" / "cloud.md").read_text()
    listed = text.partition("Regions:")[2].partition(".")[0]
    assert listed.replace("`", "").split() == sorted(certificates())
