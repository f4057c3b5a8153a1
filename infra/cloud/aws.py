"""Clients of AWS's API for preflight and steps, and explanations of what goes wrong."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

# Throttled and failing calls are tried again, with growing pauses (botocore's standard mode).
_CONFIG = Config(retries={"mode": "standard", "total_max_attempts": 8}, connect_timeout=10, read_timeout=60)
_THROTTLED = {"Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException"}
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}


class AWSError(Exception):
    """A call that AWS didn't fulfil; the message says which, why, and what to do."""


class Account(Protocol):
    """Which part of AWS is asked, and as whom: a step's request has it, and so have the settings."""

    @property
    def region(self) -> str: ...

    @property
    def profile(self) -> str: ...


def client(service: str, account: Account) -> Any:
    """A client of one of AWS's services."""
    session: Any = boto3.Session(profile_name=account.profile or None, region_name=account.region)
    return session.client(service, config=_CONFIG)


@contextmanager
def explain_errors() -> Iterator[None]:
    """Turns boto3's errors into an AWSError."""
    try:
        yield
    except ClientError as error:
        raise AWSError(_explain(error)) from None
    except BotoCoreError as error:
        raise AWSError(f"AWS can't be asked: {error}") from None


def _explain(error: ClientError) -> str:
    code, words = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
    call = error.operation_name
    if code in _DENIED:
        return f"AWS refuses {call}, your credentials lack a permission: {words} docs/cloud.md lists those it takes."
    if code in _THROTTLED:
        return f"AWS throttles {call}, also after eight tries. Wait a little and run `pulumi up` again."
    return f"AWS refuses {call} ({code}): {words}"
