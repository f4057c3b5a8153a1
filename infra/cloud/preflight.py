"""Checks that this machine and the account have what the cloud platform needs, before anything is made."""

import os
import shutil
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import docker
import psutil
import pulumi
import yaml
from botocore.exceptions import BotoCoreError, ClientError
from docker.errors import ImageNotFound

from infra import stand_in
from infra.base_image import age, age_warning
from infra.checkout import ROOT
from infra.cloud.account import account_errors
from infra.cloud.aws import client
from infra.cloud.backups import origin_errors, unchecked
from infra.cloud.databases import databases
from infra.cloud.settings import CloudSettings
from infra.cloud.tags import tags
from infra.cloud.zones import UNUSABLE, usable
from infra.engine import connect, image_errors
from infra.loopback import HOSTS

PUBLIC_PASSPHRASE = "django-stack-local"  # noqa: S105  # public on purpose: docs/state.md


def preflight(settings: CloudSettings) -> None:
    """Asks this machine, the Docker engine and AWS. Raises `pulumi.RunError` that lists what stands in the way."""
    errors = [
        *_passphrase(settings),
        *_plugin(),
        *(
            _credentials(settings)
            or [
                *account_errors(settings),
                *_network(settings),
                *_zones(settings),
                *_database(settings),
                *_cache(settings),
                *_mail(settings),
            ]
        ),
    ]
    if not settings.image:  # else nothing is built
        try:
            errors += _base_image(connect(), settings)
        except pulumi.RunError as error:
            errors.append(str(error))
    if errors:
        raise pulumi.RunError(
            f"Stack {settings.stack} can't be made on AWS, nothing was changed.\n"
            + "\n".join(f"  - {error}" for error in errors)
        )


def _passphrase(settings: CloudSettings) -> list[str]:
    """An error if the stack has the local stack's passphrase: it is public, and the state holds keys to real data."""
    for folder in (Path(pulumi.get_root_directory() or ROOT), ROOT):
        file = folder / f"Pulumi.{settings.stack}.yaml"
        if file.is_file():
            provider = (yaml.safe_load(file.read_text()) or {}).get("secretsprovider", "passphrase")
            if provider != "passphrase":
                return []
            break
    passphrase = os.environ.get("PULUMI_CONFIG_PASSPHRASE", "")
    passphrase_file = Path(os.environ.get("PULUMI_CONFIG_PASSPHRASE_FILE", ""))
    if not passphrase and passphrase_file.is_file():
        passphrase = passphrase_file.read_text().strip()
    if passphrase != PUBLIC_PASSPHRASE:
        return []
    return [
        "the stack's secrets are encrypted with the local stack's passphrase, which is public; take a KMS key, or "
        "passphrase in its place and an own PULUMI_CONFIG_PASSPHRASE (docs/cloud.md). Fix: "
        f"pulumi stack change-secrets-provider -s {settings.stack} "
        f"'awskms://alias/pulumi?region={settings.region}'"
    ]


def _plugin() -> list[str]:
    """An error if there is no aws plugin. Pulumi's engine installs it only where the vendor's site can be reached."""
    wanted = version("pulumi-aws")
    if "aws:" in os.environ.get("PULUMI_DEBUG_PROVIDERS", "") or shutil.which("pulumi-resource-aws"):
        return []
    # Of its store, the engine takes the very version alone, and nothing whose installation was interrupted.
    stored = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi") / "plugins" / f"resource-aws-v{wanted}"
    if any(stored.glob("pulumi-resource-aws*")) and not stored.with_name(f"{stored.name}.partial").exists():
        return []
    if any((folder / "pulumi-resource-aws").is_file() for folder in _beside_pulumi()):
        return []
    return [
        f"Pulumi's aws plugin {wanted} is not on this machine. Fix: pulumi plugin install resource aws v{wanted} "
        "(200 MB, from the vendor's download site)"
    ]


def _beside_pulumi() -> Iterator[Path]:
    """The folders of the pulumi that runs this program, and of the one on PATH."""
    if on_path := shutil.which("pulumi"):
        yield Path(on_path).resolve().parent
    for process in psutil.Process().parents():
        try:
            if process.name() == "pulumi":
                yield Path(process.exe()).parent
        except psutil.Error:
            continue


def _credentials(settings: CloudSettings) -> list[str]:
    try:
        client("sts", settings).get_caller_identity()
    except ClientError as error:
        return [
            f"AWS refuses your credentials: {error.response['Error'].get('Message', error)}. "
            "Fix: log in again (aws sso login), or renew the keys that AWS_PROFILE or your environment names"
        ]
    except BotoCoreError as error:
        return [
            f"AWS credentials are missing or can't be verified: {error}. Fix: aws configure sso, then "
            f"pulumi config set -s {settings.stack} aws:profile NAME; or export AWS_PROFILE (docs/cloud.md)"
        ]
    return []


def _network(settings: CloudSettings) -> list[str]:
    """An error about other addresses than those of the running network, which the database can't leave."""
    filters = [{"Name": f"tag:{name}", "Values": [value]} for name, value in tags(settings).items()]
    try:
        found = client("ec2", settings).describe_vpcs(Filters=filters)["Vpcs"]
    except (BotoCoreError, ClientError):
        return []
    return [
        f"address-block is {settings.address_block}, and the stack's network has {vpc['CidrBlock']}, in which the "
        f"database is. It can't move; another block needs another stack. "
        f"Fix: pulumi config set -s {settings.stack} address-block {vpc['CidrBlock']}"
        for vpc in found
        if vpc["CidrBlock"] != settings.address_block
    ]


def _zones(settings: CloudSettings) -> list[str]:
    """An error if fewer than two of the chosen zones can have a load balancer behind CloudFront, and tasks."""
    region = _region(settings)
    good = [zone for zone in settings.zones if region.get(zone) not in UNUSABLE]
    if not settings.zones or len(set(good)) > 1:
        return []
    bad = " and ".join(f"{zone} ({region[zone]})" for zone in sorted({*settings.zones} - {*good}))
    others = [zone for zone in usable(region.items()) if zone not in settings.zones][: 2 - len(good)]
    return [
        f"zones is {','.join(settings.zones)}; in {bad} CloudFront reaches no load balancer, or Fargate runs no tasks, "
        "and two others must be there. The database may stay. "
        f"Fix: pulumi config set -s {settings.stack} zones {','.join(sorted({*settings.zones, *others}))}"
    ]


def _region(settings: CloudSettings) -> dict[str, str]:
    """The ids of the region's zones by their names; nothing if AWS doesn't say."""
    try:
        return {
            zone["ZoneName"]: zone["ZoneId"]
            for zone in client("ec2", settings).describe_availability_zones(
                Filters=[{"Name": "zone-type", "Values": ["availability-zone"]}]
            )["AvailabilityZones"]
        }
    except (BotoCoreError, ClientError):
        return {}


def _database(settings: CloudSettings) -> list[str]:
    """Errors about what a new database is to be made from, and about changes that the running one can't make: to other
    zones, or to another major version.

    AWS would refuse each of them in the middle of the update.
    """
    try:
        rds = client("rds", settings)
        present = databases(rds, settings, settings.origin.identifier)
    except (BotoCoreError, ClientError) as error:
        return unchecked(settings, error)
    if errors := origin_errors(rds, settings, present):
        return errors
    if not present or (settings.origin and present[0]["DBInstanceIdentifier"] != settings.origin.identifier):
        return []  # there is none yet, or it will be replaced
    database = present[0]
    fix = f"Fix: pulumi config set -s {settings.stack}"
    stands = {zone for key in ("AvailabilityZone", "SecondaryAvailabilityZone") if (zone := database.get(key))}
    errors = _without(settings, stands, "where the database is. It can't move")
    version, wanted = int(database.get("EngineVersion", "0").partition(".")[0]), settings.postgres_version
    what = f"postgres-version is {wanted}, and the database runs PostgreSQL {version}"
    if 0 < version < wanted and not settings.database_upgrade:
        errors.append(
            f"{what}; to upgrade it, which can't be undone, set database-upgrade to true (docs/cloud.md), or keep the "
            f"version. {fix} postgres-version {version}"
        )
    if version > wanted:
        errors.append(f"{what}, which can't be downgraded. {fix} postgres-version {version}")
    return errors


def _cache(settings: CloudSettings) -> list[str]:
    """An error if a node of the cache is in none of the zones: AWS doesn't remove its subnet, nor move the node."""
    if not settings.has_cache:
        return []
    try:
        found = client("elasticache", settings).describe_replication_groups(ReplicationGroupId=settings.prefix)
    except (BotoCoreError, ClientError):
        return []  # there is none yet, or the permission alone is missing
    groups = [group for cache in found["ReplicationGroups"] for group in cache.get("NodeGroups", [])]
    nodes = [node for group in groups for node in group.get("NodeGroupMembers", [])]
    stands = {zone for node in nodes if (zone := node.get("PreferredAvailabilityZone"))}
    what = "where the cache has a node. It moves only by being made anew, empty: `cache none` for one update"
    return _without(settings, stands, what)


def _without(settings: CloudSettings, stands: Collection[str], what: str) -> list[str]:
    """An error about zones that are taken away while something stands there; `what` does, and can't move."""
    zones = settings.zones or usable(_region(settings).items())[:2]
    missing = sorted({*stands} - {*zones}) if zones else []
    if not missing:
        return []
    said = ",".join(zones) if settings.zones else f"empty, which means {','.join(zones)}"
    return [
        f"zones is {said}, without {' and '.join(missing)}, {what}. "
        f"Fix: pulumi config set -s {settings.stack} zones {','.join(sorted({*zones, *missing}))}"
    ]


def _mail(settings: CloudSettings) -> list[str]:
    """An error where Amazon SES isn't, or sends nothing for the account; a warning while it sends to few only."""
    if settings.mail != "ses":
        return []
    fix = f"Fix: pulumi config set -s {settings.stack} mail url, with a mail server in EMAIL_URL (docs/cloud.md)"
    regions = boto3.Session().get_available_regions("sesv2")  # what boto3 itself knows
    if settings.region not in regions:
        return [f"mail is ses, which Amazon doesn't have in {settings.region}. {fix}"]
    try:
        account = client("sesv2", settings).get_account()
    except (BotoCoreError, ClientError):
        return []  # the permission alone may be missing, and making the identity says more
    if not account.get("SendingEnabled", True):
        return [f"mail is ses, and AWS has stopped this account's sending in {settings.region}. {fix}"]
    if not account.get("ProductionAccessEnabled", True):
        pulumi.log.warn(
            f"Amazon SES is in its sandbox in {settings.region}: it sends to verified addresses only, until AWS grants "
            "production access (docs/cloud.md, Mail)."
        )
    return []


def _is_rehearsal() -> bool:
    """Whether an emulator on this machine's loopback stands for AWS: what it serves is not for the public."""
    return urlsplit(os.environ.get("AWS_ENDPOINT_URL", "")).hostname in HOSTS


def _base_image(engine: docker.DockerClient, settings: CloudSettings) -> list[str]:
    name = settings.python_image
    errors = image_errors(engine, "python-image", name)
    if errors:
        return errors
    try:
        image = engine.images.get(name)
    except ImageNotFound:
        return []  # it will be pulled from its registry
    if _is_rehearsal():
        return []
    if not (image.labels or {}).get(stand_in.LABEL):
        if warning := age_warning(name, age(image, datetime.now(UTC)), settings.stack):
            pulumi.log.warn(warning)
        return []
    return [
        f"python-image is {name}, and this machine has a stand-in for it that `make setup` built. The stand-in gets no "
        f"updates and must not serve the public. Fix: docker rmi {name}, then docker pull {name}"
    ]
