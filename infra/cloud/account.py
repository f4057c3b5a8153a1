"""What a new AWS account refuses, as far as AWS can be asked before anything is made; docs/cloud.md has the rest.

The free plan: https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/free-tier-plans.html; what RDS refuses under
it, in its words: https://github.com/yc-software/qm/issues/352. New accounts start Fargate with a few vCPUs only:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html
"""

from collections.abc import Iterator

from botocore.exceptions import BotoCoreError, ClientError

from infra import fixes
from infra.cloud.aws import client
from infra.cloud.capacity import size_of
from infra.cloud.settings import CloudSettings

FREE_BACKUP_DAYS = 1
FREE_CLASSES = ("db.t4g.micro", "db.t3.micro")
FARGATE_VCPUS = {"ServiceCode": "fargate", "QuotaCode": "L-3032A538"}
UPGRADE = "or upgrade the account's plan: https://console.aws.amazon.com/billing/home#/account"


def account_errors(settings: CloudSettings) -> list[str]:
    """Errors about settings that this account can't have; what AWS doesn't tell is no error."""
    return [*_free_plan(settings), *_fargate(settings)]


def _free_plan(settings: CloudSettings) -> Iterator[str]:
    try:
        plan = client("freetier", settings).get_account_plan_state()
    except (BotoCoreError, ClientError):
        return  # without the permission, or an account from before there were plans
    if plan.get("accountPlanType") != "FREE":
        return
    if plan.get("accountPlanStatus") == "EXPIRED":
        yield f"this account's free plan has expired, and AWS makes nothing more. Fix: {UPGRADE.removeprefix('or ')}"
        return
    free = "this account is on AWS's free plan, where RDS allows"
    stack = settings.stack
    if settings.database_backup_days > FREE_BACKUP_DAYS:
        yield (
            f"database-backup-days is {settings.database_backup_days}, and {free} {FREE_BACKUP_DAYS}. "
            f"Fix: {fixes.set_value(stack, 'database-backup-days', str(FREE_BACKUP_DAYS))}; {UPGRADE}"
        )
    if settings.database_class not in FREE_CLASSES:
        yield (
            f"database-class is {settings.database_class}, and {free} {' and '.join(FREE_CLASSES)}. "
            f"Fix: {fixes.set_value(stack, 'database-class', FREE_CLASSES[0])}; {UPGRADE}"
        )
    if settings.database_multi_az:
        yield (
            f"database-multi-az is true, and {free} one zone. "
            f"Fix: {fixes.set_value(stack, 'database-multi-az', 'false')}; {UPGRADE}"
        )


def _fargate(settings: CloudSettings) -> Iterator[str]:
    """An error if the fewest tasks, twice for a roll-out, don't fit into the region's quota."""
    try:
        quota = client("service-quotas", settings).get_service_quota(**FARGATE_VCPUS)["Quota"]["Value"]
    except (BotoCoreError, ClientError, KeyError):
        return
    units = settings.tasks_min * 2 * settings.cpu
    for process in settings.processes.values():
        units += process.count * (1 if process.is_single else 2) * size_of(settings, process)[0]
    needed = units / 1024
    if needed > quota:
        others = ", with the processes, " if settings.processes else " "
        yield (
            f"tasks-min x 2 (old and new tasks in a roll-out) x cpu{others}is {needed:g} vCPUs, and this account may "
            f"run {quota:g} on Fargate in {settings.region}. Fix: aws service-quotas request-service-quota-increase "
            f"--region {settings.region} --service-code {FARGATE_VCPUS['ServiceCode']} "
            f"--quota-code {FARGATE_VCPUS['QuotaCode']} --desired-value {max(16, round(needed * 2))}"
        )
