"""The S3 storage, as far as it can be seen without a server: addresses, headers, names, timeouts."""

from __future__ import annotations

import datetime
import io
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from email.utils import format_datetime
from functools import cache
from typing import Any
from unittest import mock
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    IncompleteReadError,
    MetadataRetrievalError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ReadTimeoutError,
    TokenRetrievalError,
)
from botocore.utils import ContainerMetadataFetcher
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django_stack import errors
from django_stack.storage_dsn import parse
from django_stack.storages import ATTEMPTS, LIFE, WINDOW, RefusingStorage, S3Media
from s3transfer.exceptions import RetriesExceededError

from tests.app.environment import LOCAL

MOMENT = 1_800_000_000.0
DISPOSITION = 'attachment; filename="ä b.png"'
SIGNED = "s3://K:S@media/?endpoint_url=http%3A%2F%2Fmedia.localhost%3A9000&region_name=us-east-1"


@cache
def pair(signature: str, style: str, token: str) -> tuple[Any, S3Media]:
    """boto3's client and our storage, of one bucket."""
    client = boto3.client(
        "s3",
        aws_access_key_id="AKIA",
        aws_secret_access_key="se/cr+et",
        aws_session_token=token or None,
        region_name="eu-central-1",
        endpoint_url="https://s3.eu-central-1.amazonaws.com",
        config=Config(s3={"addressing_style": style}, signature_version=signature),
    )
    dsn = f"s3://AKIA:se%2Fcr%2Bet@b-1.s3.eu-central-1.amazonaws.com/?addressing_style={style}&auth={signature}"
    storage = S3Media(parse(dsn))
    storage.security_token = token or None
    return client, storage


@pytest.mark.parametrize("key", ["a.png", "pictures/ä ö+&=?#.png", "a~b-c_d.e/f(1)'.png"])
@pytest.mark.parametrize("style", ["path", "virtual"])
@pytest.mark.parametrize("token", ["", "to/ken=="])
@pytest.mark.parametrize("more", [{}, {"ResponseContentDisposition": DISPOSITION}])
@pytest.mark.parametrize("signature", ["s3v4", "s3"])
def test_a_signed_address_is_the_one_that_boto3_makes(
    signature: str, key: str, style: str, token: str, more: dict[str, str]
) -> None:
    """In both versions: Divio's `auth=s3` means version 2, of requests and of addresses alike."""
    client, storage = pair(signature, style, token)
    now = datetime.datetime.fromtimestamp(MOMENT, datetime.UTC).replace(tzinfo=None)
    with (
        mock.patch("botocore.auth.get_current_datetime", return_value=now),
        mock.patch("time.time", return_value=MOMENT),
    ):
        expected = client.generate_presigned_url("get_object", {"Bucket": "b-1", "Key": key, **more}, ExpiresIn=3600)
        ours = storage.url(key, more and {"response-content-disposition": DISPOSITION}, expire=3600)
    address, _, query = ours.partition("?")
    assert address == expected.partition("?")[0]
    assert parse_qs(query) == parse_qs(expected.partition("?")[2]), "the signature included"
    assert storage.client_config.signature_version == signature


@pytest.mark.parametrize("auth", ["s3v4", "s3"])
def test_a_signed_address_stays_the_same_for_a_window_and_lives_longer_than_it(auth: str) -> None:
    """Or a browser never finds a picture in its cache (django-storages#1222)."""
    start = MOMENT // WINDOW * WINDOW

    def at(moment: float) -> str:
        with mock.patch("time.time", return_value=moment):
            return S3Media(parse(f"{SIGNED}&auth={auth}")).url("a.png")

    assert at(start) == at(start + WINDOW - 1) != at(start + WINDOW)
    assert LIFE >= 2 * WINDOW


def test_signed_addresses_work_together_with_a_custom_endpoint() -> None:
    assert S3Media(parse(SIGNED)).url("a.png").startswith("http://media.localhost:9000/media/a.png?X-Amz-Algorithm=")


def test_what_could_run_scripts_is_a_download_whatever_the_upload_said() -> None:
    storage = S3Media(parse(SIGNED))
    upload = ContentFile(b"<script>", name="x.svg")
    upload.content_type = "image/png"  # type: ignore[attr-defined]
    for name in ("x.svg", "x.html", "x.xml", "x.unknown"):
        parameters = storage._get_write_parameters(name, upload)
        assert parameters["ContentDisposition"] == "attachment"
        assert parameters["ContentType"] != "image/png"
    assert "ContentDisposition" not in storage._get_write_parameters("x.jpg", upload)


def test_nothing_is_overwritten_and_an_outage_costs_seconds() -> None:
    storage = S3Media(parse(SIGNED))
    assert storage.file_overwrite is False
    assert storage.client_config.connect_timeout <= 5
    assert storage.client_config.signature_version == "s3v4"


def test_browsers_may_keep_a_file_as_long_as_its_address_lives() -> None:
    assert S3Media(parse(SIGNED)).get_object_parameters("a.png")["CacheControl"] == f"private, max-age={LIFE - WINDOW}"
    assert "public" in S3Media(parse(SIGNED + "&qs_auth=false")).get_object_parameters("a.png")["CacheControl"]


def test_without_a_storage_saving_is_refused_with_one_clear_line() -> None:
    with pytest.raises(
        ImproperlyConfigured, match=r"^DEFAULT_STORAGE_DSN is not set, so there is no place for files\."
    ):
        RefusingStorage().save("a.png", ContentFile(b"x"))


def test_file_media_are_served_while_debugging_and_only_then(handed: Callable[..., None], client: Client) -> None:
    dsn = {"DEFAULT_STORAGE_DSN": "file:///data/media/?url=%2Ffiles%2F"}
    from django.conf import settings

    handed({**LOCAL, **dsn})
    settings.MEDIA_ROOT = default_storage.location
    default_storage.save("a.txt", ContentFile(b"hello"))
    response = client.get("/files/a.txt")
    assert b"".join(response.streaming_content) == b"hello"
    assert client.get("/files/../config/settings.py").status_code == 400
    handed({**LOCAL, **dsn, "DJANGO_DEBUG": ""})
    assert Client().get("/files/a.txt").status_code == 404


# Two uploads of one name


class Raw(io.BytesIO):
    """The body of an answer, as urllib3 gives it."""

    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.read()


class Server:
    """As much of S3 as uploads need, in place of the network: it refuses to overwrite if asked to, as S3 does.

    With `barrier`, uploads wait for each other: all have looked whether the name is free before any is written.
    """

    def __init__(self, barrier: threading.Barrier | None = None, knows_conditions: bool = True) -> None:
        self.objects: dict[str, bytes] = {}
        self.headers: list[dict[str, bytes | str]] = []
        self.parts: list[bytes] = []
        self.lock = threading.Lock()
        self.barrier = barrier
        self.knows_conditions = knows_conditions

    def storage(self) -> S3Media:
        """A storage of a process of its own."""
        storage = S3Media(parse(SIGNED))
        storage.session.events.register("before-send.s3", self.answer)
        return storage

    def answer(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        url = urlsplit(request.url)
        status, body = self.status(request.method, url.path.removeprefix("/media/"), url.query, request)
        return AWSResponse(request.url, status, {"ETag": '"e"'}, Raw(body))

    def status(self, method: str, key: str, query: str, request: AWSPreparedRequest) -> tuple[int, bytes]:
        if method == "HEAD":
            with self.lock:
                found = 200 if key in self.objects else 404
            if self.barrier and found == 404 and key == "a/b.png":
                self.barrier.wait(10)
            return found, b""
        if method == "DELETE":  # of an upload that has failed
            self.parts.clear()
            return 204, b""
        body = request.body.read() if hasattr(request.body, "read") else request.body
        if query == "uploads":
            return 200, b"<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>"
        with self.lock:
            if method == "PUT" and query:
                self.parts.append(body)
                return 200, b""
            self.headers.append({name.lower(): value for name, value in request.headers.items()})
            condition = "if-none-match" in self.headers[-1]
            if condition and not self.knows_conditions:
                return 501, b"<Error><Code>NotImplemented</Code></Error>"
            if condition and key in self.objects:
                return 412, b"<Error><Code>PreconditionFailed</Code></Error>"
            self.objects[key] = body if method == "PUT" else b"".join(self.parts)
        return 200, b"<CompleteMultipartUploadResult/>"


def test_two_uploads_of_one_name_at_once_are_two_files() -> None:
    """All have looked, and all found the name free."""
    server = Server(threading.Barrier(3))
    contents = [b"first", b"second", b"third"]
    with ThreadPoolExecutor() as pool:
        saved = list(pool.map(lambda content: server.storage().save("a/b.png", ContentFile(content)), contents))
    assert "a/b.png" in saved
    assert {server.objects[name] for name in saved} == set(contents)
    assert all(re.fullmatch(r"a/b(_\w{7})?\.png", name) for name in saved)


def test_a_large_upload_does_not_overwrite_either() -> None:
    server = Server()
    server.objects["a.bin"] = b"theirs"
    storage = server.storage()
    with mock.patch.object(storage, "exists", side_effect=[False, True, False]):
        name = storage.save("a.bin", ContentFile(b"x" * (9 * 1024 * 1024)))
    assert name != "a.bin"
    assert server.objects["a.bin"] == b"theirs"
    assert len(server.objects) == 2


def test_a_name_that_is_free_is_kept() -> None:
    server = Server()
    assert server.storage().save("a.png", ContentFile(b"x")) == "a.png"
    assert server.headers[0]["if-none-match"] == b"*"
    assert "x-amz-acl" not in server.headers[0]


def test_a_file_opened_to_be_written_is_overwritten_as_anywhere() -> None:
    server = Server()
    storage = server.storage()
    storage.save("a.txt", ContentFile(b"before"))
    with storage.open("a.txt", "w") as file:
        file.write(b"after")
    assert server.objects == {"a.txt": b"after"}


def test_a_server_that_knows_no_conditions_gets_none_and_saves() -> None:
    server = Server(knows_conditions=False)
    storage = server.storage()
    assert [storage.save(name, ContentFile(b"x")) for name in ("a.png", "b.png")] == ["a.png", "b.png"]
    assert ["if-none-match" in headers for headers in server.headers] == [True, False, False]


def test_a_server_that_always_refuses_is_not_asked_for_ever() -> None:
    server = Server()
    storage = server.storage()
    server.objects["a.png"] = b"theirs"
    with mock.patch.object(storage, "get_available_name", return_value="a.png"), pytest.raises(ClientError):
        storage.save("a.png", ContentFile(b"x"))
    assert len(server.headers) == ATTEMPTS


# A clock that is wrong


def refused(status: int = 403, code: str = "", **headers: str) -> ClientError:
    """What a storage raises when S3 answers so: to a HEAD request, or with an error's `code` to another one."""
    storage = S3Media(parse(SIGNED))
    body = f"<Error><Code>{code}</Code><Message>theirs</Message><RequestId>1</RequestId></Error>" if code else ""

    def answer(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        return AWSResponse(request.url, status, headers, Raw(body.encode()))

    storage.session.events.register("before-send.s3", answer)
    with pytest.raises(ClientError) as caught:
        storage.listdir("a") if code else storage.exists("a.png")
    return caught.value


def clock(**off: float) -> str:
    """An HTTP date that is this far from ours."""
    return format_datetime(datetime.datetime.now(datetime.UTC) - datetime.timedelta(**off), usegmt=True)


@pytest.mark.parametrize("code", ["", "RequestTimeTooSkewed", "AccessDenied"])
@pytest.mark.parametrize(
    ("off", "how"),
    [
        ({"days": 1}, r"1 day, 0:00:0\d ahead of"),
        ({"days": -400}, r"(400 days, 0:00:0\d|399 days, 23:59:5\d) behind"),
        ({"minutes": 15.1}, r"0:15:[0-5]\d ahead of"),
        ({"minutes": -15.9}, r"0:15:[0-5]\d behind"),
    ],
    ids=str,
)
def test_a_refusal_for_a_wrong_clock_says_so_in_one_line(off: dict[str, float], how: str, code: str) -> None:
    error = refused(code=code, date=clock(**off))
    operation = "ListObjects" if code else "HeadObject"
    assert re.fullmatch(
        rf"An error occurred \(RequestTimeTooSkewed\) when calling the {operation} operation: "
        rf"This machine's clock is {how} S3's: [-\d]{{10}} [:\d]{{8}} UTC here, [-\d]{{10}} [:\d]{{8}} UTC there\. "
        r"S3 refuses .* 15 minutes off\. Set this machine's clock, by NTP for instance; .*",
        str(error),
    ), error
    assert errors.is_outage(error), "visitors read that it is no fault of theirs"


@pytest.mark.parametrize("date", [14.0, -14.9, None, "", "yesterday"], ids=str)
def test_any_other_refusal_stays_what_it_was(date: float | str | None) -> None:
    """A clock that is off by less, or an answer without a date."""
    said = clock(minutes=date) if isinstance(date, float) else date
    headers = {} if said is None else {"date": said}
    error = refused(**headers)
    assert str(error) == "An error occurred (403) when calling the HeadObject operation: Forbidden"
    assert not errors.is_outage(error)
    assert "theirs" in str(refused(code="AccessDenied", **headers))


def test_no_other_status_is_put_down_to_the_clock() -> None:
    assert "Bad Request" in str(refused(400, date=clock(days=1)))


# Credentials


def task_role(token: str) -> mock.Mock:
    """A role's credentials, as each task of a service has its own."""
    return mock.Mock(get_frozen_credentials=lambda: ReadOnlyCredentials("ASIA", "se/cr+et", token))


def test_an_address_is_the_same_from_every_process_with_the_same_credentials() -> None:
    """With a task role, too; but another task has another token, so its addresses are others."""
    keyless = parse("s3://b-1.s3.eu-central-1.amazonaws.com/")

    def address(token: str, moment: float) -> str:
        storage = S3Media(keyless)
        with (
            mock.patch.object(storage.session, "get_credentials", return_value=task_role(token)),
            mock.patch("time.time", return_value=moment),
        ):
            return storage.url("a.png")

    start = MOMENT // WINDOW * WINDOW
    assert address("one", start + 1) == address("one", start + WINDOW - 1)
    assert address("one", start) != address("two", start)
    assert "X-Amz-Security-Token=one" in address("one", start)


def test_no_credentials_anywhere_are_an_outage_with_a_clear_line() -> None:
    storage = S3Media(parse("s3://b-1.s3.eu-central-1.amazonaws.com/"))
    with (
        mock.patch.object(storage.session, "get_credentials", return_value=None),
        pytest.raises(NoCredentialsError, match=r"^DEFAULT_STORAGE_DSN has no key, and this machine has no") as caught,
    ):
        storage.url("a.png")
    assert errors.is_outage(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        CredentialRetrievalError(provider="container-role", error_msg="x"),
        MetadataRetrievalError(error_msg="x"),
        TokenRetrievalError(provider="sso", error_msg="x"),
        NoCredentialsError(),
        EndpointConnectionError(endpoint_url="http://x"),
        ConnectTimeoutError(endpoint_url="http://x"),
        ReadTimeoutError(endpoint_url="http://x"),
        IncompleteReadError(actual_bytes=1, expected_bytes=2),
        RetriesExceededError(OSError()),
        ClientError({"ResponseMetadata": {"HTTPStatusCode": 503}}, "PutObject"),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.usefixtures("local")
def test_a_storage_or_its_credentials_that_do_not_answer_are_a_503(error: Exception) -> None:
    def broken(_: HttpRequest) -> HttpResponse:
        raise error

    response = convert_exception_to_response(broken)(RequestFactory().get("/"))
    assert (response.status_code, response["Retry-After"]) == (503, "10")
    assert b"Back in a moment" in response.content


@pytest.mark.parametrize(
    "error", [ParamValidationError(report="x"), PartialCredentialsError(provider="x", cred_var="y")]
)
def test_a_mistake_of_ours_is_no_outage(error: Exception) -> None:
    assert not errors.is_outage(error)


def test_a_task_role_that_is_not_to_be_had_is_an_outage_when_saving_and_when_reading() -> None:
    """ECS hands the credentials over http, inside the task; here nobody listens there."""
    storage = S3Media(parse("s3://b-1.s3.eu-central-1.amazonaws.com/"))
    environ = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/", "AWS_EC2_METADATA_DISABLED": "true"}
    for use in (lambda: storage.save("a.png", ContentFile(b"x")), lambda: storage.url("a.png")):
        with (
            mock.patch.dict("os.environ", environ),
            mock.patch.object(ContainerMetadataFetcher, "SLEEP_TIME", 0),
            pytest.raises(BotoCoreError) as caught,
        ):
            use()
        assert errors.is_outage(caught.value)
