"""The connection to AWS's API: clients of its services, and its errors in its own words."""

import os
import threading
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from django_stack_plugins.loopback import HOSTS
from django_stack_plugins.resource import PluginError
from django_stack_plugins.server import Configuration

# Throttled and failing calls are tried again, with growing pauses (botocore's standard mode).
_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 5}, connect_timeout=10, read_timeout=120, max_pool_connections=50
)
# Services that know no regions, with the one that their ARNs and API are at home in.
_GLOBAL = {"cloudfront": "us-east-1", "iam": "us-east-1", "route53": "us-east-1"}


class CallError(PluginError):
    """A call that AWS refused: `code` is AWS's word for it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Session(Configuration):
    """The provider's settings `region` and `profile`, and the clients made with them.

    Works against an emulator on this machine only: what it shows about itself there is no proof for real accounts.
    """

    names = frozenset({"profile", "region"})

    def __init__(self) -> None:
        self.region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or ""
        self._profile: str | None = None
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()

    def configure(self, variables: dict[str, str]) -> None:
        """Take the settings; without them the environment decides, as boto3 reads it."""
        endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
        _refuse_elsewhere(endpoint, f"AWS_ENDPOINT_URL is {endpoint or 'not set'}")
        self.region = variables.get("region") or self.region
        self._profile = variables.get("profile") or None
        if not self.region:
            raise PluginError("aws:region is not set. Fix: pulumi config set aws:region us-east-1")

    def client(self, service: str, region: str = "") -> Any:
        """The client of a service, by boto3's name of it, in the region or the provider's own; made once."""
        region = region or _GLOBAL.get(service, self.region)
        with self._lock:  # a session's own making of clients isn't safe among threads
            if (service, region) not in self._clients:
                session: Any = boto3.Session(profile_name=self._profile)
                made = session.client(service, region_name=region, config=_CONFIG)
                # AWS_ENDPOINT_URL_<SERVICE>, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS and the profile have their say, too.
                endpoint = made.meta.endpoint_url
                _refuse_elsewhere(endpoint, f"this environment or profile sends calls of {service} to {endpoint}")
                self._clients[service, region] = made
            return self._clients[service, region]

    def call(self, service: str, operation: str, request: dict[str, Any], region: str = "") -> dict[str, Any]:
        """Make a call, by its name in AWS's documentation (`CreateVpc`). Raises CallError."""
        try:
            answer: dict[str, Any] = getattr(self.client(service, region), xform_name(operation))(**request)
        except ClientError as error:
            code, words = error.response["Error"].get("Code", ""), error.response["Error"].get("Message", "")
            raise CallError(code, f"{operation}: {words} ({code})") from None
        except BotoCoreError as error:
            raise CallError(type(error).__name__, f"{operation}: {error}") from None
        return answer

    def input_shape(self, service: str, operation: str) -> Any:
        """What a call takes, as botocore's model describes it."""
        return self.client(service).meta.service_model.operation_model(operation).input_shape


def _refuse_elsewhere(endpoint: str, what: str) -> None:
    """Raise PluginError, with `what` is wrong, unless an endpoint is on this machine."""
    if urlsplit(endpoint).hostname not in HOSTS:
        raise PluginError(
            f"django-stack's stand-in for the aws plugin works with an emulator on this machine only, and {what}. "
            "Fix: for AWS itself, install the official plugin (pulumi plugin install resource aws); for the emulator, "
            "export AWS_ENDPOINT_URL=http://127.0.0.1:PORT, and no other endpoint"
        )
