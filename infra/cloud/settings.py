"""The settings that only the cloud platform has, and what they must fulfil together. Read by infra/settings.py.

Limits and their sources: Fargate's sizes https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html,
PostgreSQL's connections https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html
"""

import re
import shlex
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from pulumi.runtime.config import CONFIG

from infra import fixes
from infra.cloud.certificates import certificates

if TYPE_CHECKING:
    from infra.settings import Settings, _Reader

# CPU units (1024 are one vCPU) and the memory in MiB that each may have: from, to, in steps of.
FARGATE_SIZES = {
    256: (512, 1024, 2048),
    512: range(1024, 4097, 1024),
    1024: range(2048, 8193, 1024),
    2048: range(4096, 16385, 1024),
    4096: range(8192, 30721, 1024),
    8192: range(16384, 61441, 4096),
    16384: range(32768, 122881, 8192),
}
# Days that CloudWatch can keep a log.
LOG_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)

# GiB of memory that the first size of a family of database classes has; each next size doubles it.
_FAMILIES = {
    ("t3", "t4g"): (1, ("micro", "small", "medium", "large", "xlarge", "2xlarge")),
    ("m5", "m6g", "m6i", "m7g", "m7i", "m8g"): (8, ("large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "16xlarge")),
    ("r5", "r6g", "r6i", "r7g", "r7i", "r8g"): (16, ("large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "16xlarge")),
}
DATABASE_CLASSES = {
    f"db.{family}.{size}": first << step
    for families, (first, sizes) in _FAMILIES.items()
    for family in families
    for step, size in enumerate(sizes)
}
KEPT_CONNECTIONS = 5  # PostgreSQL's for superusers, and RDS's own
THREADS = 4  # of a web worker, as the app's gunicorn configuration has it

# The letters of zones: as many as blocks of 4096 addresses fit twice into a network of 65536.
ZONES = "abcdefgh"

_DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")

# Settings of Pulumi's own aws namespace that our programs know, too.
_AWS_KEYS = {"aws:region", "aws:profile"}


@dataclass(frozen=True)
class CloudSettings:
    """One cloud stack's own settings. Memory is in MiB, storage in GiB, `rollout_timeout` in seconds."""

    region: str
    profile: str
    architecture: str
    cpu: int
    memory: int
    tasks_min: int
    tasks_max: int
    rollout_timeout: int
    execute_command: bool
    zones: tuple[str, ...]
    hosted_zone: str
    certificate: str
    database_class: str
    database_storage: int
    database_storage_max: int
    database_multi_az: bool
    database_upgrade: bool
    database_backup_days: int
    log_days: int
    alarm_email: str

    @classmethod
    def read(cls, read: "_Reader") -> "CloudSettings":
        """The values, each checked by itself; what is wrong is noted in `read`."""
        return cls(
            region=read.raw("aws:region"),
            profile=read.as_written("aws:profile"),
            architecture=read.choice("architecture", "amd64", "arm64"),
            cpu=read.one_of("cpu", FARGATE_SIZES, "Fargate's CPU units, 1024 for one vCPU"),
            memory=read.integer("memory", 512, 122880, "MiB"),
            tasks_min=read.integer("tasks-min", 1, 100, "a number of tasks"),
            tasks_max=read.integer("tasks-max", 1, 100, "a number of tasks"),
            rollout_timeout=read.integer("rollout-timeout", 60, 7200, "seconds"),
            execute_command=read.boolean("execute-command"),
            zones=read.words("zones", rf"[a-z]{{2}}(-[a-z]+)+-\d[{ZONES}]", "names of zones"),
            hosted_zone=read.text("hosted-zone", r"Z[A-Z0-9]{5,31}", "the id of a Route 53 zone", _find_zone(read)),
            certificate=read.text(
                "certificate",
                r"arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate/[0-9a-f-]{36}",
                "the ARN of an ACM certificate",
                _find_certificate(read),
            ),
            database_class=read.choice("database-class", *DATABASE_CLASSES),
            database_storage=read.integer("database-storage", 20, 65536, "GiB"),
            database_storage_max=read.integer("database-storage-max", 0, 65536, "GiB, 0 for no growth"),
            database_multi_az=read.boolean("database-multi-az"),
            database_upgrade=read.boolean("database-upgrade"),
            database_backup_days=read.integer("database-backup-days", 1, 35, "days"),
            log_days=read.one_of("log-days", LOG_DAYS, "days that CloudWatch can keep logs"),
            alarm_email=read.text("alarm-email", r"[^@\s]+@[^@\s]+\.[^@\s]+", "an e-mail address"),
        )

    @property
    def platform(self) -> str:
        """Docker's name for what the tasks run on."""
        return f"linux/{self.architecture}"

    def workers(self, settings: "Settings") -> int:
        """Web workers a task: WEB_CONCURRENCY of `env`, else what the app would choose for this many CPUs."""
        chosen = settings.env.get("WEB_CONCURRENCY", "")
        return int(chosen) if chosen.isdecimal() and int(chosen) > 0 else min(max(2, self.cpu // 512), 8)

    @property
    def connections(self) -> int:
        """PostgreSQL's max_connections on this class: RDS gives one for each 9531392 bytes that it doesn't need itself.

        What it needs itself is not published; a quarter GiB and 7 % is a little more than what is seen on t3 and t4g.
        """
        return _connections(self.database_class)

    def check_together(self, read: "_Reader", settings: "Settings") -> None:
        """Notes in `read` what doesn't fit together on the cloud platform."""
        self._check_account(read, settings)
        self._check_sizes(read, settings)
        self._check_address(read, settings)

    def _check_account(self, read: "_Reader", settings: "Settings") -> None:
        regions = sorted(certificates())
        if self.region not in regions:
            near = get_close_matches(self.region.lower().replace("_", "-"), regions, n=1) or ["us-east-1"]
            read.wrong("aws:region", f"a region that docs/cloud.md lists, such as {near[0]}", near[0])
        for key in sorted(CONFIG.get()):
            if key.startswith("aws:") and key not in _AWS_KEYS:
                read.refuse(
                    key,
                    f"{key} is set; allowed: aws:region and aws:profile only, for the programs that push the image, "
                    f"run the release and watch the roll-out know no other; put the rest into a profile. "
                    f"Fix: {fixes.remove(settings.stack, key)}",
                )
        if self.zones and (len(set(self.zones)) < 2 or any(zone[:-1] != self.region for zone in self.zones)):
            here = sorted({f"{self.region}{zone[-1]}" for zone in self.zones})
            fix = ",".join(here) if len(here) > 1 else ""
            read.wrong("zones", f"at least two zones of {self.region}, or nothing for its first two", fix)

    def _check_sizes(self, read: "_Reader", settings: "Settings") -> None:
        memory = FARGATE_SIZES[self.cpu]
        if self.memory not in memory:
            allowed = f"{memory[0]} to {memory[-1]}, in steps of {memory[1] - memory[0]}"
            if len(memory) < 5:
                allowed = ", ".join(map(str, memory))
            read.wrong("memory", f"with cpu {self.cpu}: {allowed} MiB", str(memory[0]))
        if self.database_storage_max and self.database_storage_max * 10 < self.database_storage * 11:
            allowed = f"a tenth more than database-storage, {self.database_storage}, or 0"
            most = min(self.database_storage * 2, 65536)
            read.wrong("database-storage-max", allowed, str(most if most * 10 >= self.database_storage * 11 else 0))
        workers = self.workers(settings)
        each = workers * THREADS * 2
        free = self.connections - KEPT_CONNECTIONS
        most = (free - 1) // each
        name = self.database_class

        def reckoned(tasks: int) -> str:
            return (
                f"{name} has connections for: {workers} workers x {THREADS} threads x tasks-max x 2 (old and new tasks "
                f"in a roll-out) + 1 (release) is {each * tasks + 1}, and it has {free}"
            )

        if not most:
            enough = [other for other in DATABASE_CLASSES if _connections(other) - KEPT_CONNECTIONS > each]
            family = [other for other in enough if other.split(".")[1] == name.split(".")[1]]
            allowed = f"one that is large enough for one task; {reckoned(1)}"
            read.wrong("database-class", allowed, (family or enough or [max(DATABASE_CLASSES, key=_connections)])[0])
        elif self.tasks_min > most:
            read.wrong("tasks-min", f"at most so many tasks as {reckoned(self.tasks_min)}", str(most))
        elif self.tasks_max < self.tasks_min:
            read.wrong("tasks-max", f"tasks-min, {self.tasks_min}, or more", str(self.tasks_min))
        elif self.tasks_max > most:
            read.wrong("tasks-max", f"so many tasks as {reckoned(self.tasks_max)}", str(most))

    def _check_address(self, read: "_Reader", settings: "Settings") -> None:
        domain = settings.domain
        if domain and ("." not in domain or domain.rpartition(".")[2].isdigit()):
            read.wrong("domain", "a full host name in the public DNS, or nothing for one of CloudFront's")
        elif domain and not (self.hosted_zone or self.certificate):
            read.wrong(
                "hosted-zone",
                f"the id of the Route 53 zone that {domain} is in, or set certificate",
                command=_find_zone(read),
            )
        for key in ("hosted-zone", "certificate", "domain-aliases", "domain-redirects"):
            if read.raw(key) and not domain:
                read.wrong(key, "only together with domain")
        if self.certificate and self.certificate.split(":")[3] != self.region:
            read.wrong(
                "certificate",
                f"a certificate in {self.region}, where the load balancer is",
                command=_find_certificate(read),
            )


def _connections(database_class: str) -> int:
    usable = DATABASE_CLASSES[database_class] * 0.93 - 0.25
    return min(int(usable * 2**30 / 9531392), 5000)


def _find_zone(read: "_Reader") -> str:
    """The command that sets the public zone that the domain is in, the nearest one; nothing without a domain."""
    domain = read.raw("domain")
    if not _DOMAIN.fullmatch(domain):
        return ""
    query = (
        f"HostedZones[?!(Config.PrivateZone) && ends_with('.{domain}.', join('', ['.', Name]))]"
        " | sort_by(@, &length(Name))[-1].Id"
    )
    return _look_up(read, "hosted-zone", "route53 list-hosted-zones", query, "${FOUND##*/}")


def _find_certificate(read: "_Reader") -> str:
    """The command that sets the domain's certificate in the stack's region; nothing without a domain."""
    domain = read.raw("domain")
    if not _DOMAIN.fullmatch(domain):
        return ""
    query = f"CertificateSummaryList[?DomainName=='{domain}'].CertificateArn | [0]"
    region = shlex.quote(read.raw("aws:region"))
    return _look_up(read, "certificate", f"acm list-certificates --region {region}", query, "$FOUND")


def _look_up(read: "_Reader", key: str, call: str, query: str, value: str) -> str:
    profile = f" --profile {shlex.quote(read.raw('aws:profile'))}" if read.raw("aws:profile") else ""
    return (
        f'FOUND="$(aws {call} --query {shlex.quote(query)} --output text{profile})" && '
        f'pulumi config set -s {shlex.quote(read.stack)} {key} "{value}"'
    )
