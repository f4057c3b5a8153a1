"""What ECS puts into a task's environment, and what it doesn't: AWS_ENDPOINT_URL is MiniStack's own.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-fargate.html
A task finds AWS under AWS's own names here, by this emulator's DNS and with certificates of its authority, which is the
one thing that a task has more than on AWS: a file, and AWS_CA_BUNDLE and SSL_CERT_FILE that name it.
AWS's certificates of RDS, which the program hands over, are replaced by those of the emulator's RDS: nobody here
has the keys of AWS's.
"""

from collections.abc import Mapping
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID
from ministack.services import ecs, rds

from tools.rehearsal.emulator.config import EmulatorConfig
from tools.rehearsal.overrides import replace

FOLDER = "/run/rehearsal"
NOT_ON_AWS = ("AWS_ENDPOINT_URL", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN")


def apply(config: EmulatorConfig) -> None:
    """Wraps how the arguments for Docker are made."""
    build = ecs._build_run_kwargs

    def build_run_kwargs(
        container: Mapping[str, Any],
        task: Mapping[str, Any],
        environment: dict[str, str],
        *arguments: Any,
        **named: Any,
    ) -> dict[str, Any]:
        kwargs: dict[str, Any] = build(container, task, environment, *arguments, **named)
        kwargs["environment"] = {
            name: _with_our_certificates(value) for name, value in environment.items() if name not in NOT_ON_AWS
        } | {
            "AWS_DEFAULT_REGION": config.region,
            "AWS_REGION": config.region,
            "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE",
            "AWS_CA_BUNDLE": f"{FOLDER}/bundle.pem",
            "SSL_CERT_FILE": f"{FOLDER}/bundle.pem",
        }
        kwargs["volumes"] = [*(kwargs.get("volumes") or []), f"{config.volume}:{FOLDER}:ro"]
        kwargs["dns"] = [config.address]
        return kwargs

    replace(ecs, "_build_run_kwargs", build_run_kwargs)


def _with_our_certificates(value: str) -> str:
    """The value, or the emulator's certificate of RDS in the place of AWS's."""
    if "-----BEGIN CERTIFICATE-----" not in value:
        return value
    try:
        certificates = x509.load_pem_x509_certificates(value.encode())
    except ValueError:
        return value
    names = [
        str(attribute.value)
        for one in certificates
        for attribute in one.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    ]
    return rds.pg_ca_cert_pem() if any(name.startswith("Amazon RDS ") for name in names) else value
