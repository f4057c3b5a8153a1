"""RDS: a real PostgreSQL under a name of AWS's, by TLS that a client can verify, and published nowhere."""

import pytest

from infra.cloud.certificates import certificates
from tests.rehearsal import ecs
from tests.rehearsal.conftest import AWS, REGION
from tests.rehearsal.rds import make_database

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def address(aws: AWS) -> str:
    """The address of a database that is available."""
    database = make_database(aws, "tests", EnableCloudwatchLogsExports=["postgresql", "upgrade"])
    assert database["Endpoint"]["Port"] == 5432
    found: str = database["Endpoint"]["Address"]
    return found


def test_the_database_has_a_name_and_no_address(address: str) -> None:
    assert address.startswith("tests.")
    assert address.endswith(f".{REGION}.rds.amazonaws.com")


def test_a_task_verifies_the_databases_certificate_by_what_it_was_given_for_awss(aws: AWS, address: str) -> None:
    url = f"postgresql://app:a-password@{address}/app?sslmode=verify-full&sslrootcert=/tmp/rds.pem"
    query = "SELECT current_setting('server_version_num')::int / 10000 || ' ' || datcollate FROM pg_database"
    web = {
        "name": "web",
        "image": "postgres:17-trixie",
        "entryPoint": [
            *("sh", "-c"),
            f'printenv CERTIFICATES > /tmp/rds.pem; psql "{url}" -Atc "{query} WHERE datname = current_database()"',
        ],
        "environment": [{"name": "CERTIFICATES", "value": certificates()[REGION]}],
    }
    task = ecs.run_task(aws, ecs.define(aws, [web]))
    assert ecs.wait_until_stopped(aws, task)["containers"][0]["exitCode"] == 0, ecs.log_lines(aws, task, "web")
    assert ecs.log_lines(aws, task, "web") == ["17 en_US.utf8"]  # a glibc image's collation, as RDS has it


def test_the_logs_that_go_to_cloudwatch_are_known_and_changed(aws: AWS, address: str) -> None:
    rds = aws.client("rds")

    def exported() -> list[str]:
        (database,) = rds.describe_db_instances(DBInstanceIdentifier="tests")["DBInstances"]
        found: list[str] = database["EnabledCloudwatchLogsExports"]
        return found

    assert exported() == ["postgresql", "upgrade"]
    change = {"DisableLogTypes": ["postgresql"], "EnableLogTypes": ["upgrade"]}
    rds.modify_db_instance(DBInstanceIdentifier="tests", CloudwatchLogsExportConfiguration=change)
    assert exported() == ["upgrade"]


def test_what_rds_shows_of_the_load_is_known_and_changed(aws: AWS, address: str) -> None:
    rds = aws.client("rds")

    def shown() -> tuple[str, bool, int]:
        (database,) = rds.describe_db_instances(DBInstanceIdentifier="tests")["DBInstances"]
        keys = ("DatabaseInsightsMode", "PerformanceInsightsEnabled", "PerformanceInsightsRetentionPeriod")
        mode, enabled, days = (database[key] for key in keys)
        return mode, enabled, days

    assert shown() == ("standard", False, 7)
    rds.modify_db_instance(
        DBInstanceIdentifier="tests",
        DatabaseInsightsMode="advanced",
        EnablePerformanceInsights=True,
        PerformanceInsightsRetentionPeriod=465,
    )
    assert shown() == ("advanced", True, 465)


def test_a_database_moves_to_another_subnet_group(aws: AWS, address: str) -> None:
    rds = aws.client("rds")
    network = aws.client("ec2").create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        aws.client("ec2").create_subnet(VpcId=network, CidrBlock=f"10.9.{place}.0/24", AvailabilityZone=zone)["Subnet"]
        for place, zone in enumerate(("us-east-1a", "us-east-1b"))
    ]
    rds.create_db_subnet_group(
        DBSubnetGroupName="another",
        DBSubnetGroupDescription="another",
        SubnetIds=[subnet["SubnetId"] for subnet in subnets],
    )
    rds.modify_db_instance(DBInstanceIdentifier="tests", DBSubnetGroupName="another")
    (database,) = rds.describe_db_instances(DBInstanceIdentifier="tests")["DBInstances"]
    assert database["DBSubnetGroup"]["DBSubnetGroupName"] == "another"


def test_no_port_of_the_machine_leads_to_it(aws: AWS, address: str) -> None:
    (container,) = aws.engine.containers.list(filters={"label": "db_id=tests"}, ignore_removed=True)
    assert not any(container.ports.values())


def test_a_changed_password_is_the_databases(aws: AWS, address: str) -> None:
    (container,) = aws.engine.containers.list(filters={"label": "db_id=tests"}, ignore_removed=True)

    def admits(password: str) -> bool:
        url = f"postgresql://app@{address}/app"
        return bool(container.exec_run(["psql", url, "-c", "SELECT 1"], environment={"PGPASSWORD": password})[0] == 0)

    assert admits("a-password")
    new = 'it\'s "another"'
    aws.client("rds").modify_db_instance(DBInstanceIdentifier="tests", MasterUserPassword=new, ApplyImmediately=True)
    try:
        assert admits(new)
        assert not admits("a-password")
    finally:
        aws.client("rds").modify_db_instance(
            DBInstanceIdentifier="tests", MasterUserPassword="a-password", ApplyImmediately=True
        )
