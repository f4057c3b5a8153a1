"""Databases of the emulator, made as the stack makes its own."""

from typing import Any

from tests.rehearsal.conftest import AWS


def make_database(aws: AWS, name: str, **more: Any) -> dict[str, Any]:
    """Makes a database with the user and the database `app`, and waits; what RDS says of it once it is available."""
    aws.client("rds").create_db_instance(
        DBInstanceIdentifier=name,
        DBInstanceClass="db.t4g.micro",
        Engine="postgres",
        EngineVersion="17",
        MasterUsername="app",
        MasterUserPassword="a-password",
        DBName="app",
        AllocatedStorage=20,
        **more,
    )
    return wait_for_database(aws, name)


def wait_for_database(aws: AWS, name: str) -> dict[str, Any]:
    """What RDS says of a database once it is available."""
    rds = aws.client("rds")
    waiting = {"Delay": 1, "MaxAttempts": 60}
    rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier=name, WaiterConfig=waiting)
    found: dict[str, Any] = rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
    return found
