"""The settings that only the cloud platform has, and the rules about several settings together."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from infra import fixes
from infra.cloud.capacity import check_connections, check_sizes
from infra.cloud.certificates import certificates
from infra.cloud.names import CloudNames
from infra.cloud.origin import Origin, check_origin
from infra.cloud.senders import SENDER, check_mail, sending_domain
from infra.cloud.sizes import (
    CACHE_CLASSES,
    CACHE_FAMILIES,
    DATABASE_CLASSES,
    FAMILIES,
    FARGATE_SIZES,
    LOG_DAYS,
    ZONES,
    connections,
)
from infra.reserved import WORKERS
from infra.setting_kinds import (
    AddressBlock,
    Boolean,
    Choice,
    Integer,
    Moment,
    NumberOf,
    Setting,
    Text,
    Words,
    setting,
)
from infra.settings import Settings
from infra.settings_reader import Reader

_DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")

# Where CloudFront takes certificates and web ACLs from, wherever the stack is:
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cnames-and-https-requirements.html
# https://docs.aws.amazon.com/waf/latest/developerguide/how-aws-waf-works-resources.html
GLOBAL_REGION = "us-east-1"

# The settings in Pulumi's aws namespace that our own steps use, too.
_AWS_KEYS = {"aws:region", "aws:profile"}


def _find_zone(reader: Reader) -> str:
    """The command that sets the closest public zone of the domain; nothing without a domain."""
    domain = reader.raw_value("domain")
    if not _DOMAIN.fullmatch(domain):
        return ""
    query = (
        f"HostedZones[?!(Config.PrivateZone) && ends_with('.{domain}.', join('', ['.', Name]))]"
        " | sort_by(@, &length(Name))[-1].Id"
    )
    return _look_up(reader, "hosted-zone", "route53 list-hosted-zones", query, "${FOUND##*/}")


def _find_certificate(reader: Reader) -> str:
    """The command that sets the domain's certificate; nothing without a domain."""
    domain = reader.raw_value("domain")
    if not _DOMAIN.fullmatch(domain):
        return ""
    query = f"CertificateSummaryList[?DomainName=='{domain}'].CertificateArn | [0]"
    call = f"acm list-certificates --region {GLOBAL_REGION}"
    return _look_up(reader, "certificate", call, query, "$FOUND")


def _look_up(reader: Reader, key: str, call: str, query: str, value: str) -> str:
    profile = f" --profile {shlex.quote(reader.raw_value('aws:profile'))}" if reader.raw_value("aws:profile") else ""
    return (
        f'FOUND="$(aws {call} --query {shlex.quote(query)} --output text{profile})" && '
        f'pulumi config set -s {shlex.quote(reader.stack)} {key} "{value}"'
    )


class _Region:
    """AWS's region; `check_together` checks whether it can be used."""

    allowed = "a region that docs/cloud.md lists"

    def read(self, reader: Reader, setting: Setting[Any]) -> str:
        return reader.value_as_written(setting.key)


@dataclass(frozen=True)
class CloudSettings(Settings):
    """One cloud stack's settings. Memory is in MiB, storage in GiB, `rollout_timeout` in seconds."""

    names = CloudNames
    synonyms = ("aws", "amazon", "ecs", "fargate", "production", "prod")

    region: str = setting(_Region(), "", "AWS's region.", key="aws:region")
    profile: str = setting(Text("a profile's name"), "", "Named profile of your AWS credentials.", key="aws:profile")
    architecture: str = setting(
        Choice("amd64", "arm64", synonyms={"amd64": ("x86_64", "x86", "x64"), "arm64": ("aarch64", "arm", "graviton")}),
        "amd64",
        "Processor of the tasks and the image, amd64 or arm64 (a fifth cheaper; built by emulation on other machines).",
        heading="The cloud platform only; the region is the setting aws:region, a named profile of credentials "
        "aws:profile. docs/cloud.md",
    )
    cpu: int = setting(
        NumberOf(tuple(FARGATE_SIZES), "Fargate's CPU units, 1024 for one vCPU"),
        256,
        "CPU units of a task, 1024 for one vCPU.",
    )
    memory: int = setting(
        Integer(512, 122880, "MiB"), 1024, "Memory of a task in MiB; Fargate allows only certain amounts for each cpu."
    )
    tasks_min: int = setting(Integer(1, 100, "a number of tasks"), 1, "Number of tasks of the site that always run.")
    tasks_max: int = setting(
        Integer(1, 100, "a number of tasks"),
        4,
        "Number of tasks up to which autoscaling may go under load; the database needs connections for twice as many.",
    )
    rollout_timeout: int = setting(
        Integer(60, 7200, "seconds"),
        1200,
        "Seconds that new tasks may take to be steady and ready before the update fails.",
    )
    execute_command: bool = setting(
        Boolean(),
        False,
        "Whether `django-stack shell`, `psql` and `tunnel` work: by tasks of their own, with a role of their own.",
    )
    zones: tuple[str, ...] = setting(
        Words("names of zones", rf"[a-z]{{2}}(-[a-z]+)+-\d[{ZONES}]"),
        "",
        "Availability zones, comma-separated, at least two; empty for the region's first two. More can be added later.",
    )
    address_block: str = setting(
        AddressBlock(),
        "10.0.0.0/16",
        "Private addresses of the stack's network; another block for a network that is to be connected with others. "
        "It can't change later.",
    )
    nat_gateway: bool = setting(
        Boolean(),
        False,
        "Whether tasks have no public addresses, and reach the internet through a NAT gateway; 33 dollars a month for "
        "each zone.",
    )
    hosted_zone: str = setting(
        Text("the id of a Route 53 zone", r"Z[A-Z0-9]{5,31}", _find_zone),
        "",
        "Id of the Route 53 zone that the domain is in; certificate and DNS records are created there.",
    )
    certificate: str = setting(
        Text(
            "the ARN of an ACM certificate",
            r"arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate/[0-9a-f-]{36}",
            _find_certificate,
        ),
        "",
        f"ARN of an existing ACM certificate in {GLOBAL_REGION} for the domain, its aliases and its redirects, if "
        "DNS is elsewhere.",
    )
    waf: bool = setting(
        Boolean(),
        False,
        "Whether a web application firewall (AWS WAF) is in front of the site: AWS's managed rules, and a limit of "
        "requests for each address; about 9 dollars a month.",
    )
    waf_rate_limit: int = setting(
        Integer(10, 100_000_000, "requests"),
        2000,
        "Requests that one address may send in five minutes before the firewall answers 403.",
    )
    database_class: str = setting(
        Choice(*DATABASE_CLASSES, kind=f"a size of the classes {FAMILIES}"),
        "db.t4g.micro",
        "Instance class of the database.",
    )
    database_storage: int = setting(Integer(20, 65536, "GiB"), 20, "Storage of the database in GiB.")
    database_storage_max: int = setting(
        Integer(22, 65536, "GiB", zero="for no growth"),
        100,
        "Size in GiB to which the database's storage may grow automatically; 0 for no growth.",
    )
    database_multi_az: bool = setting(
        Boolean(), False, "Whether a standby database runs in a second zone; doubles its price."
    )
    database_upgrade: bool = setting(
        Boolean(),
        False,
        "Whether a changed postgres-version upgrades the running database, which can't be undone; set it for that one "
        "update only.",
    )
    database_backup_days: int = setting(
        Integer(1, 35, "days"), 7, "Days that automatic backups of the database are kept."
    )
    database_snapshot: str = setting(
        Text("the identifier or ARN of a snapshot", rf"{Origin.SNAPSHOT}|{Origin.SNAPSHOT_ARN}"),
        "",
        "Snapshot from which a new database is made, in the old one's place; keep-data keeps the old one. docs/data.md",
    )
    database_restore_time: str = setting(
        Moment(),
        "",
        "Moment to which a new database is restored, in the old one's place, 2026-01-31T09:30:00Z or latest.",
    )
    database_restore_source: str = setting(
        Text("the identifier or the resource id (db-ABC...) of a database", rf"{Origin.INSTANCE}|{Origin.RESOURCE_ID}"),
        "",
        "Database whose backups database-restore-time goes by; empty for the stack's first one, PROJECT-STACK.",
    )
    database_insights: str = setting(
        Choice("off", "standard", "advanced"),
        "off",
        "What RDS shows of the database's load: off; standard, of the last 7 days; advanced, of 15 months, billed by "
        "the vCPU.",
    )
    cache_class: str = setting(
        Choice(*CACHE_CLASSES, kind=f"a size of the classes {CACHE_FAMILIES}"),
        "cache.t4g.micro",
        "Node class of the cache, with cache: valkey.",
    )
    cache_multi_az: bool = setting(
        Boolean(),
        False,
        "Whether a second node of the cache, in another zone, takes over when the first one fails; doubles its price.",
    )
    container_insights: str = setting(
        Choice("disabled", "enabled", "enhanced"),
        "disabled",
        "CloudWatch's Container Insights, metrics of tasks and containers: disabled, enabled, or enhanced; billed by "
        "the metric.",
    )
    flow_logs: bool = setting(
        Boolean(), False, "Whether the connections in the stack's network are logged, into a bucket of the stack."
    )
    access_logs: bool = setting(
        Boolean(),
        False,
        "Whether requests to CloudFront, the load balancer and the uploads' bucket are logged, into a bucket of the "
        "stack.",
    )
    log_days: int = setting(NumberOf(LOG_DAYS, "days that CloudWatch can keep logs"), 30, "Days that logs are kept.")
    permissions_boundary: str = setting(
        Text("the ARN of an IAM policy", r"arn:aws[a-z-]*:iam::\d{12}:policy/[\w+=,.@/-]{1,512}"),
        "",
        "ARN of the policy that limits the rights of the tasks' roles; the deployer's policy in the docs demands it.",
    )
    alarm_email: str = setting(
        Text("an e-mail address", r"[^@\s]+@[^@\s]+\.[^@\s]+"),
        "",
        "E-mail address that receives alarms once it is confirmed; empty for none.",
    )
    monthly_budget: int = setting(
        Integer(1, 1000000, "US dollars", zero="for none"),
        0,
        "US dollars that the account may cost in a month before alarm-email is told; 0 for no budget.",
    )

    @property
    def image_platform(self) -> str:
        """Docker's name for what the tasks run on."""
        return f"linux/{self.architecture}"

    @property
    def sending_domain(self) -> str:
        """The domain that `mail: ses` sends for."""
        return sending_domain(self.domain, self.env)

    @property
    def app_variables(self) -> Mapping[str, str]:
        sender = {SENDER: f"noreply@{self.sending_domain}"} if self.mail == "ses" and SENDER not in self.env else {}
        return {**super().app_variables, **sender}

    @property
    def cache_nodes(self) -> int:
        """The number of the cache's nodes."""
        return 2 if self.cache_multi_az else 1

    @property
    def cache_node_names(self) -> tuple[str, ...]:
        """The names of the cache's nodes, which AWS makes from the group's; none without a cache."""
        nodes = self.cache_nodes if self.has_cache else 0
        return tuple(f"{self.prefix}-{number:03d}" for number in range(1, nodes + 1))

    @property
    def logs_to_bucket(self) -> bool:
        """Whether anything is logged that goes to a bucket and not to CloudWatch."""
        return self.flow_logs or self.access_logs

    @property
    def workers(self) -> int:
        """Web workers in a task: WEB_CONCURRENCY of `env`, or else what the app would choose for this many CPUs."""
        chosen = self.env.get(WORKERS, "")
        return int(chosen) if chosen else min(max(2, self.cpu // 512), 8)

    @property
    def connections(self) -> int:
        """PostgreSQL's max_connections on this class."""
        return connections(self.database_class)

    @property
    def origin(self) -> Origin:
        """What the database is made from."""
        source = self.database_restore_source or self.prefix
        return Origin(self.prefix, self.database_snapshot, self.database_restore_time, source)

    def check_together(self, reader: Reader) -> None:
        if self.media == "filesystem":
            reader.note_wrong("media", "s3 on the cloud platform: a task's disk is not kept", "s3")
        check_mail(self.mail, self.domain, self.hosted_zone, self.env, reader)
        super().check_together(reader)
        self._check_account(reader)
        check_sizes(self, reader)
        check_connections(self, reader)
        self._check_storage(reader)
        check_origin(self.origin, self.region, reader)
        self._check_address(reader)
        if self.monthly_budget and not self.alarm_email:
            reader.note_wrong("monthly-budget", "only together with alarm-email, since somebody has to be told", "0")

    def _check_account(self, reader: Reader) -> None:
        regions = sorted(certificates())
        if self.region not in regions:
            near = get_close_matches(self.region.lower().replace("_", "-"), regions, n=1) or ["us-east-1"]
            reader.note_wrong("aws:region", f"a region that docs/cloud.md lists, such as {near[0]}", near[0])
        for key in reader.all_keys():
            if key.startswith("aws:") and key not in _AWS_KEYS:
                reader.note_error(
                    key,
                    f"{key} is set; allowed: only aws:region and aws:profile, since the steps that push the image, "
                    f"run the release and watch the roll-out know no others; put the rest into a profile. "
                    f"Fix: {fixes.remove(self.stack, key)}",
                )
        if self.zones and (len(set(self.zones)) < 2 or any(zone[:-1] != self.region for zone in self.zones)):
            here = sorted({f"{self.region}{zone[-1]}" for zone in self.zones})
            fix = ",".join(here) if len(here) > 1 else ""
            reader.note_wrong("zones", f"at least two zones of {self.region}, or nothing for its first two", fix)

    def _check_storage(self, reader: Reader) -> None:
        if self.database_storage_max and self.database_storage_max * 10 < self.database_storage * 11:
            allowed = f"a tenth more than database-storage, {self.database_storage}, or 0"
            most = min(self.database_storage * 2, 65536)
            reader.note_wrong(
                "database-storage-max", allowed, str(most if most * 10 >= self.database_storage * 11 else 0)
            )

    def _check_address(self, reader: Reader) -> None:
        domain = self.domain
        if domain and ("." not in domain or domain.rpartition(".")[2].isdigit()):
            reader.note_wrong("domain", "a full host name in the public DNS, or nothing for one of CloudFront's")
        elif domain and not (self.hosted_zone or self.certificate):
            reader.note_wrong(
                "hosted-zone",
                f"the id of the Route 53 zone that {domain} is in, or set certificate",
                command=_find_zone(reader),
            )
        for key in ("hosted-zone", "certificate", "domain-aliases", "domain-redirects"):
            if reader.raw_value(key) and not domain:
                reader.note_wrong(key, "only together with domain")
        if self.certificate and self.certificate.split(":")[3] != GLOBAL_REGION:
            reader.note_wrong(
                "certificate",
                f"a certificate in {GLOBAL_REGION}, the only region that CloudFront takes one from",
                command=_find_certificate(reader),
            )


SECTION = CloudSettings
