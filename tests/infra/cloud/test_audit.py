"""The tables of docs/audit.md: what they point at is there, and each check has one answer."""

import re
from collections import Counter
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from infra.cloud.settings import CloudSettings
from infra.setting_kinds import declared
from tests import ROOT
from tests.infra.cloud.test_policies import RULES

PAGE = (ROOT / "docs" / "audit.md").read_text()
REVIEWED = ROOT / "tests" / "infra" / "cloud" / "reviewed"
CHECK = re.compile(
    r"CKV2?_AWS_\d+|\b(?:ACM|CloudFront|CloudWatch|EC2|ECR|ECS|ElastiCache|ELB|IAM|RDS|Route53|S3|SecretsManager|SNS|WAF)\.\d+"
)


def rows(heading: str) -> list[list[str]]:
    """The rows of the table below a heading, without its first line."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


@pytest.mark.parametrize("row", rows("Met, whatever the settings"), ids=lambda row: row[0])
def test_what_holds_a_check_is_a_rule_or_a_reviewed_table(row: list[str]) -> None:
    (named,) = re.findall(r"`([\w.]+)`", row[3])
    assert named in {rule.__name__ for rule in RULES} or (REVIEWED / named).is_file()


@pytest.mark.parametrize("row", rows("Options"), ids=lambda row: row[0])
def test_an_option_is_a_setting_that_is_off_or_small_as_shipped(row: list[str]) -> None:
    shipped = {setting.key: setting.default for setting in declared(CloudSettings).values()}
    assert shipped[row[3].strip("`")] in {False, "", "off", "disabled", 30}


@pytest.mark.parametrize("row", rows("Not wanted"), ids=lambda row: row[0])
def test_what_is_not_wanted_has_a_reason(row: list[str]) -> None:
    assert len(row) == 4
    assert len(row[3].split()) > 5


def test_each_check_has_one_answer() -> None:
    tables = [rows(heading) for heading in ("Met, whatever the settings", "Options", "Not wanted")]
    assert [len(table) > 5 for table in tables] == [True] * 3
    # What a tool asks of several types may be met for one of them and not wanted for another.
    for_several = {"CKV_AWS_21", "S3.14"}
    found = Counter(check for table in tables for row in table for check in CHECK.findall(" ".join(row[1:3])))
    assert len(found) > 120
    assert {check for check, times in found.items() if times > 1} <= for_several


def test_each_of_prowlers_checks_has_one_answer() -> None:
    """prowler.txt has all of them for the services that a stack uses; a pattern that fits none of them is a mistake."""
    table = rows("prowler's checks, by their names")
    patterns = [pattern for row in table for pattern in re.findall(r"`([a-z0-9_*]+)`", row[1])]
    lines = Path(__file__).with_name("prowler.txt").read_text().splitlines()
    checks = [line for line in lines if not line.startswith("#")]
    answers = {check: [pattern for pattern in patterns if fnmatchcase(check, pattern)] for check in checks}
    assert {check: found for check, found in answers.items() if len(found) != 1} == {}
    assert set(patterns) == {found[0] for found in answers.values()}
    assert len(checks) > 200


def test_prowlers_options_are_settings() -> None:
    answers = [row[0] for row in rows("prowler's checks, by their names")]
    options = {answer.partition("`")[2].rstrip("`") for answer in answers if answer.startswith("an option")}
    assert options
    assert options <= {row[3].strip("`") for row in rows("Options")}
    assert {answer.partition(",")[0].partition(":")[0] for answer in answers} == {
        "met",
        "an option",
        "not wanted",
        "nothing of the stack",
    }
