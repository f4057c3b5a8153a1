"""What runs in a task of the cloud: no code of infra, no secret and no value in what it prints."""

import ast
from pathlib import Path

import pytest

from infra.commands.data import in_task

URL = (
    "postgres://app:p%2Fw%40@db.example.com:5433/app?sslmode=verify-full&sslrootcert=%2Fcertificates%2Frds.pem"
    "&conn_max_age=60"
)


MIB, GIB = 1 << 20, 1 << 30
LIMITS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout")


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.setenv("WORK_POSTGRES", "17")


def test_it_imports_the_standard_library_and_boto3_alone() -> None:
    tree = ast.parse(Path(in_task.__file__).read_text())
    names = {one.name for node in ast.walk(tree) if isinstance(node, ast.Import) for one in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not any(name.startswith(("infra", "django")) for name in names)


def test_the_address_is_given_to_the_servers_programs_by_variables() -> None:
    found = in_task.environment("another")
    assert {name: value for name, value in found.items() if name.startswith("PG") and name != "PGOPTIONS"} == {
        "PGHOST": "db.example.com",
        "PGPORT": "5433",
        "PGUSER": "app",
        "PGPASSWORD": "p/w@",
        "PGDATABASE": "another",
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": "/certificates/rds.pem",
    }
    assert in_task.environment("")["PGDATABASE"] == "app"
    assert "p/w@" not in " ".join(in_task.line(*in_task.PSQL))


@pytest.mark.parametrize(("version", "names"), [(14, LIMITS), (16, LIMITS), (17, (*LIMITS, "transaction_timeout"))])
def test_no_limit_of_time_that_the_server_knows_ends_a_session(
    version: int, names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server refuses the connection for an option that it doesn't know."""
    options = " ".join(f"-c {name}=0" for name in names)
    assert in_task.unlimited(version) == options
    monkeypatch.setenv("WORK_POSTGRES", str(version))
    assert in_task.environment("")["PGOPTIONS"] == options
    monkeypatch.setenv("PGOPTIONS", "-c work_mem=8MB")
    assert in_task.environment("", "-c jit=off")["PGOPTIONS"] == f"-c work_mem=8MB {options} -c jit=off"


@pytest.mark.parametrize(
    ("output", "shown"),
    [
        (
            'pg_restore: error: COPY failed for table "t": ERROR:  invalid input syntax for type integer: "a@home"\n'
            "CONTEXT:  COPY t, line 1",
            'pg_restore: error: COPY failed for table "t": ERROR:  invalid input syntax for type integer',
        ),
        ("ERROR:  duplicate key\nDETAIL:  Key (email)=(alice@home) already exists.", "ERROR:  duplicate key"),
        ("", "it gives no reason"),
    ],
)
def test_an_error_is_shown_without_values(output: str, shown: str) -> None:
    assert in_task.first_error(output) == shown


@pytest.mark.parametrize(
    ("size", "part"),
    [
        (0, 16),
        (100 * GIB, 16),
        (9000 * 16 * MIB, 16),
        (9000 * 16 * MIB + 1, 17),
        (600 * GIB, 69),
        (5 * 1024 * GIB, 583),
    ],
)
def test_the_parts_of_an_upload_are_as_large_as_s3_needs_them_to_be_few(size: int, part: int) -> None:
    assert in_task.part_size(size) == part * MIB
    assert size / in_task.part_size(size) <= 9000, "of 10,000"
