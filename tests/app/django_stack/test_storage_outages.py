"""A bucket that can't be used: a wrong clock, credentials that are missing, servers that don't answer."""

from __future__ import annotations

import datetime
import re
from email.utils import format_datetime
from unittest import mock

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
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
from django.core.files.base import ContentFile
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django_stack import errors
from django_stack.storage_dsn import parse
from django_stack.storages import S3Media
from s3transfer.exceptions import RetriesExceededError

from tests.app.django_stack.s3_server import SIGNED, Raw

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
    date_header = clock(minutes=date) if isinstance(date, float) else date
    headers = {} if date_header is None else {"date": date_header}
    error = refused(**headers)
    assert str(error) == "An error occurred (403) when calling the HeadObject operation: Forbidden"
    assert not errors.is_outage(error)
    assert "theirs" in str(refused(code="AccessDenied", **headers))


def test_no_other_status_is_put_down_to_the_clock() -> None:
    assert "Bad Request" in str(refused(400, date=clock(days=1)))


# Credentials


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


def test_a_task_role_that_is_not_to_be_had_is_an_outage_when_saving_and_when_reading(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """ECS hands the credentials over http, inside the task; here nobody listens there."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):  # moto, imported by other tests, sets them
        monkeypatch.delenv(name, raising=False)
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
