"""The database's address, its certificate's name, its image and its port.

MiniStack gives RDS's endpoint as an IP address, which isn't in the certificate; on AWS it is a name, for which the
certificate is made: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html
It publishes the port on all addresses of the machine; nothing but the tasks has to reach it, by the Docker network.
It runs postgres:MAJOR-alpine, whose collations are not a managed PostgreSQL's; we run the local stack's glibc image.
It changes the password with psycopg2, which isn't here, and then goes by one that the database doesn't know:
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Overview.DBInstance.Modifying.html
It forgets EngineLifecycleSupport: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DBInstance.html
An instance moves to another subnet group, of another network perhaps; MiniStack leaves it where it was made:
https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBInstance.html
"""

import hashlib
from typing import Any

from ministack.core.responses import get_account_id
from ministack.services import ecs, rds

from tools.rehearsal.emulator.config import EmulatorConfig
from tools.rehearsal.overrides import replace

EXTENDED = "open-source-rds-extended-support"


def apply(config: EmulatorConfig) -> None:
    """Wraps how the container is made and how an instance is described."""

    def address(identifier: str) -> str:
        account = hashlib.sha256(get_account_id().encode()).hexdigest()[:12]
        return f"{identifier}.c{account}.{config.region}.rds.amazonaws.com"

    run = rds._run_rds_container

    def run_container(client: Any, engine: str, kwargs: dict[str, Any], tls_names: Any = (), tls_ips: Any = ()) -> Any:
        name = address(kwargs["labels"]["db_id"])
        inner = {key: value for key, value in kwargs.items() if key != "ports"}
        alias = client.api.create_endpoint_config(aliases=[name])
        inner["networking_config"] = {kwargs["network"]: alias}
        return run(client, engine, inner, tls_names=[name, *tls_names], tls_ips=tls_ips)

    replace(rds, "_run_rds_container", run_container)
    describe = rds._instance_xml

    def instance_xml(instance: dict[str, Any]) -> str:
        endpoint = {
            **(instance.get("Endpoint") or {}),
            "Address": address(instance["DBInstanceIdentifier"]),
            "Port": 5432,
        }
        support = instance.get("EngineLifecycleSupport", EXTENDED)
        return (
            f"{describe({**instance, 'Endpoint': endpoint})}<EngineLifecycleSupport>{support}</EngineLifecycleSupport>"
        )

    replace(rds, "_instance_xml", instance_xml)
    create = rds._create_db_instance

    def create_db_instance(params: Any) -> Any:
        answer = create(params)
        if instance := rds._instances.get(rds._p(params, "DBInstanceIdentifier")):
            instance.setdefault("EngineLifecycleSupport", rds._p(params, "EngineLifecycleSupport") or EXTENDED)
        return answer

    replace(rds, "_create_db_instance", create_db_instance)
    modify = rds._modify_db_instance

    def modify_db_instance(params: Any) -> Any:
        instance = rds._instances.get(rds._p(params, "DBInstanceIdentifier"))  # before the call, which may rename it
        group = rds._subnet_groups.get(rds._p(params, "DBSubnetGroupName"))
        if instance and group:
            instance["DBSubnetGroup"] = group
        return modify(params)

    replace(rds, "_modify_db_instance", modify_db_instance)
    choose = rds._docker_image_for_engine

    def image(engine: str, version: str, *arguments: Any) -> Any:
        name, *others = choose(engine, version, *arguments)
        return (f"postgres:{version.partition('.')[0]}-trixie" if "postgres" in engine else name, *others)

    replace(rds, "_docker_image_for_engine", image)
    replace(rds, "_rotate_instance_password", _change_password)


def _change_password(instance: dict[str, Any], _: str, new: str) -> None:
    """Gives the master user the new password, over the database's own socket, which trusts whoever is in there."""
    user, password = instance["MasterUsername"].replace('"', '""'), new.replace("'", "''")
    container = ecs._get_docker().containers.get(instance["_docker_container_id"])
    command = ["psql", "-v", "ON_ERROR_STOP=1", "-U", user, "-d", instance["DBName"], "-c"]
    status, output = container.exec_run([*command, f"ALTER ROLE \"{user}\" WITH PASSWORD '{password}'"])
    if status:
        raise RuntimeError(f"PostgreSQL keeps its password: {output.decode()}")
