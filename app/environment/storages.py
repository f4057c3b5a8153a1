"""The storages behind STORAGES: S3 for media, one that refuses, and collected static files."""

from __future__ import annotations

import mimetypes
import time
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from botocore.auth import SIGV4_TIMESTAMP, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import Storage
from django.utils.deconstruct import deconstructible
from django.utils.encoding import filepath_to_uri
from storages.backends.s3 import S3Storage
from whitenoise.storage import CompressedManifestStaticFilesStorage

from environment.storage_dsn import S3

LIFE = 3600  # seconds for which a signed address works at most
WINDOW = 1800  # seconds for which an object keeps the same address; LIFE - WINDOW is the shortest life a visitor sees

# What a browser may show in a tab of its own. Everything else is offered as a download: a page or an SVG that a visitor
# uploaded would run its scripts.
INLINE = ("image/", "audio/", "video/", "text/plain", "application/pdf")


@deconstructible(path="environment.storages.S3Media")
class S3Media(S3Storage):
    """The bucket of DEFAULT_STORAGE_DSN. Never overwrites a file, and sends no ACL unless the DSN has one."""

    def __init__(self, location: S3) -> None:
        self.at = location
        own_host = not location.endpoint.endswith((".amazonaws.com", ".amazonaws.com.cn"))
        lenient = {"request_checksum_calculation": "when_required", "response_checksum_validation": "when_required"}
        super().__init__(
            bucket_name=location.bucket,
            access_key=location.key or None,
            secret_key=location.secret or None,
            security_token=None,
            region_name=location.region or None,
            endpoint_url=location.endpoint,
            location=location.prefix,
            default_acl=location.acl or None,
            file_overwrite=False,
            querystring_auth=False,  # `url` signs by itself
            custom_domain=None,
            object_parameters={
                "CacheControl": f"private, max-age={LIFE - WINDOW}" if location.signed else "public, max-age=86400"
            },
            max_memory_size=10 * 1024 * 1024,
            client_config=Config(
                s3={"addressing_style": location.addressing_style},
                signature_version=location.signature,
                connect_timeout=3,  # an outage costs a visitor seconds, not minutes
                read_timeout=20,
                retries={"mode": "standard", "total_max_attempts": 2},
                max_pool_connections=20,
                **(lenient if own_host else {}),  # emulators and other providers know only some of Amazon's checksums
            ),
        )

    def get_object_parameters(self, name: str) -> dict[str, Any]:
        """What is stored beside the bytes: type by name alone (the browser's word for it is a visitor's word)."""
        content_type = mimetypes.guess_type(name)[0] or self.default_content_type
        parameters = {**self.object_parameters, "ContentType": content_type}
        if not content_type.startswith(INLINE) or "svg" in content_type:
            parameters["ContentDisposition"] = "attachment"
        return parameters

    @cached_property
    def session(self) -> Any:
        """One boto3 session, so that a task role's credentials are fetched once and refreshed in one place."""
        return super()._create_session()

    def _create_session(self) -> Any:
        return self.session

    def url(
        self,
        name: str,
        parameters: dict[str, Any] | None = None,
        expire: int | None = None,
        http_method: str | None = None,
    ) -> str:
        """The address of a file; a signed one stays the same for WINDOW seconds, so that browsers can cache it."""
        key = self._normalize_name(name.replace("\\", "/"))
        if self.at.base_url:
            address = self.at.base_url + filepath_to_uri(key)
        else:
            address = super().url(name, None, expire, http_method)
        if not self.at.signed:
            return address
        credentials = self.session.get_credentials()
        if credentials is None:
            raise ImproperlyConfigured(
                "DEFAULT_STORAGE_DSN has no key, and this machine has no AWS credentials either."
            )
        region = self.at.region or self.connection.meta.client.meta.region_name
        life, moment = (LIFE, time.time() // WINDOW * WINDOW) if expire is None else (expire, time.time())
        request = AWSRequest(http_method or "GET", address, params=parameters or {})
        QueryAuth(credentials.get_frozen_credentials(), region, life, moment).add_auth(request)
        return str(request.url)


class QueryAuth(S3SigV4QueryAuth):
    """botocore's signer of addresses, at a moment (seconds since 1970) that is not always the present one."""

    def __init__(self, credentials: Any, region: str, expires: int, moment: float) -> None:
        super().__init__(credentials, "s3", region, expires)
        self.moment = datetime.fromtimestamp(moment, UTC)

    def _modify_request_before_signing(self, request: AWSRequest) -> None:
        """Called once the request has botocore's timestamp, and before anything is made of it."""
        request.context["timestamp"] = self.moment.strftime(SIGV4_TIMESTAMP)
        super()._modify_request_before_signing(request)


@deconstructible(path="environment.storages.RefusingStorage")
class RefusingStorage(Storage):
    """What media get where no DEFAULT_STORAGE_DSN is set: a clear line instead of files lost with their container."""

    def refuse(self, *_: Any, **__: Any) -> Any:
        """Raises; stands in for every operation."""
        raise ImproperlyConfigured(
            "DEFAULT_STORAGE_DSN is not set, so there is no place for files. "
            "`pulumi up` hands it over from the stack's media."
        )

    _open = _save = delete = listdir = size = url = get_modified_time = refuse

    def exists(self, *_: Any) -> bool:
        """False, so that saving gets as far as the refusal."""
        return False

    save = refuse  # before anything is read


class StaticFiles(CompressedManifestStaticFilesStorage):
    """WhiteNoise's storage. Where nothing was collected (tests on a plain checkout) names stay as they are."""

    def stored_name(self, name: str) -> str:
        if not self.hashed_files:
            return name
        return str(super().stored_name(name))
