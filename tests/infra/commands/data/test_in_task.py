"""What runs in a task of the cloud: no code of infra, no secret and no value in what it prints."""

import ast
import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import boto3
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


class Uploads:
    """S3's client, which notes in which parts it would upload."""

    def __init__(self) -> None:
        self.parts: dict[str, int] = {}

    def upload_fileobj(self, stream: IO[bytes], bucket: str, key: str, Config: Any) -> None:  # noqa: N803
        stream.read()
        self.parts[key] = Config.multipart_chunksize
        assert Config.max_in_memory_upload_chunks == 2, "a task has 512 MiB"


def test_a_large_database_is_uploaded_in_larger_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    size = 200 * GIB
    uploads = Uploads()
    session = SimpleNamespace(ask=lambda text: json.dumps({"size": size}) if text == "facts" else "")
    monkeypatch.setattr(in_task, "Session", lambda database, what: session)
    monkeypatch.setattr(in_task, "client", lambda: uploads)
    monkeypatch.setattr(in_task, "line", lambda *_: ["true"])
    in_task.archive("copy", ["pre-data", "data"], "rows", "facts")
    assert uploads.parts == {"pre-data": 23 * MIB, "data": 23 * MIB}


def test_three_parts_of_an_upload_are_in_memory() -> None:
    """Of a stream whose length nobody knows, against boto3 as it is installed."""
    stream = Counted(8 * in_task.PART)
    most = 0

    def upload_part(Body: Any, **_: Any) -> dict[str, str]:  # noqa: N803
        nonlocal most
        time.sleep(0.1)
        most = max(most, stream.read_ - stream.sent)
        stream.sent += len(Body.read())
        return {"ETag": "1"}

    client = boto3.client("s3", region_name="eu-central-1", aws_access_key_id="a", aws_secret_access_key="b")
    client.upload_part = upload_part  # type: ignore[assignment,method-assign]
    client.create_multipart_upload = lambda **_: {"UploadId": "1"}  # type: ignore[assignment,method-assign]
    client.complete_multipart_upload = lambda **_: {}  # type: ignore[assignment,method-assign]
    client.upload_fileobj(stream, "copy", "data", Config=in_task.in_parts(0))
    assert stream.sent == 8 * in_task.PART
    assert most <= 3 * in_task.PART


class Counted:
    """A stream of zeros."""

    def __init__(self, size: int) -> None:
        self._left, self.read_, self.sent = size, 0, 0

    def read(self, size: int) -> bytes:
        size = min(size, self._left)
        self._left -= size
        self.read_ += size
        return bytes(size)
