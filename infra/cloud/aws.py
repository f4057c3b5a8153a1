"""Clients of AWS's API for preflight and steps, and explanations of its errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Protocol

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.loaders import Loader

# botocore's standard mode retries throttled and failing calls with growing pauses.
_CONFIG = Config(retries={"mode": "standard", "total_max_attempts": 8}, connect_timeout=10, read_timeout=60)
_THROTTLED = {"Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException"}
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"}


class AWSError(Exception):
    """A failed call; the message says which call, why, and what to do."""


class Account(Protocol):
    """The region and the profile for calls of AWS; requests of steps and the settings have both."""

    @property
    def region(self) -> str: ...

    @property
    def profile(self) -> str: ...


def client(service: str, account: Account) -> Any:
    """A client of one of AWS's services."""
    core = botocore.session.Session()
    core.register_component("data_loader", _models())
    # A session for each client, since only clients may be used by several threads.
    session: Any = boto3.Session(
        botocore_session=core, profile_name=account.profile or None, region_name=account.region
    )
    return session.client(service, config=_CONFIG)


@cache
def _models() -> Loader:
    """What botocore knows of the services, read once: each session's own takes 10 MB for a service."""
    return Loader()


@contextmanager
def explain_errors() -> Iterator[None]:
    """Turns boto3's errors into an AWSError."""
    try:
        yield
    except ClientError as error:
        raise AWSError(_explain(error)) from None
    except BotoCoreError as error:
        raise AWSError(f"AWS can't be reached: {error}") from None


def _explain(error: ClientError) -> str:
    code, words = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
    call = error.operation_name
    if code in _DENIED:
        return f"AWS refuses {call}, your credentials lack a permission: {words} docs/cloud.md lists those needed."
    if code in _THROTTLED:
        return f"AWS still throttles {call} after eight tries. Wait a little and run `pulumi up` again."
    return f"AWS refuses {call} ({code}): {words}"
