"""Media in a bucket, of AWS or of another S3 server."""

import base64
import hashlib
import io
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import IO, Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError, IncompleteReadError, NoCredentialsError
from urllib3.exceptions import HTTPError

from infra.commands.data.ends import DataError
from infra.commands.data.in_task import part_size as parts_of
from infra.commands.data.media import Body, GoneError, Headers, MediaEnd, Object, ObjectError
from infra.contract.storage_dsn import S3

STANDARD = ("CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType")
GONE = {"NoSuchKey", "404", "NotFound", "NoSuchVersion"}
DENIED = {"AccessDenied", "403", "Forbidden"}
WHOLE = 5 * 2**30  # bytes that S3 takes at once
TRIES = 5  # of one read that breaks off, and of one object that changes meanwhile
# Sizes of parts of well-known programs: boto3 and the AWS CLI, S3's least, rclone's, and the rest by use.
PART_SIZES = tuple(number * 2**20 for number in (8, 5, 16, 10, 15, 32, 50, 64, 100, 128, 256, 512, 1024))
Result = TypeVar("Result")


def is_near(client: Any) -> bool:
    """Whether boto3's client asks a server on this machine."""
    return "://127.0.0.1" in str(client.meta.endpoint_url)


class S3Media:
    """The objects below a prefix of a bucket. `client` is boto3's, which threads may share.

    `account` says by whose credentials AWS is asked, and is equal for two ends where they are the same. It is empty
    where the address of the bucket has keys of its own.
    """

    def __init__(self, name: str, bucket: S3, client: Any, *, production: bool, account: str = "") -> None:
        self.name, self.production, self.is_near = name, production, is_near(client)
        self.place = f"the bucket {bucket.bucket} at {bucket.endpoint.rpartition('/')[2]}"
        self.bucket, self.account, self.client = bucket.bucket, account, client
        self.prefix = f"{bucket.prefix}/" if bucket.prefix else ""

    def objects(self) -> Iterator[Object]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix)
        try:
            for page in pages:
                for one in page.get("Contents", []):
                    if key := str(one["Key"]).removeprefix(self.prefix):
                        yield Object(key, int(one["Size"]), str(one["ETag"]).strip('"'))
        except (BotoCoreError, ClientError) as error:
            raise DataError(f"The media of {self.name}, {self.place}, can't be listed: {_why(error)}") from None

    @contextmanager
    def open(self, found: Object) -> Iterator[Body]:
        answer = _asked(lambda: self.client.get_object(Bucket=self.bucket, Key=self.prefix + found.key))
        body = S3Body(self, found.key, answer)
        try:
            yield body
        finally:
            body.close()

    def write(self, key: str, file: IO[bytes], size: int, headers: Headers, part_size: int) -> None:
        about = {"Bucket": self.bucket, "Key": self.prefix + key}
        more = {**headers.standard, "Metadata": dict(headers.own)}
        file.seek(0)
        part_size = part_size or (parts_of(size) if size > WHOLE else 0)
        if not part_size or size <= 0:
            sum_ = _md5(file)
            file.seek(0)
            _asked(lambda: self.client.put_object(**about, **more, Body=file, ContentLength=size, ContentMD5=sum_))
            return

        def part(number: int, begin: int) -> str:
            content = _Slice(file, begin, min(part_size, size - begin))
            sum_ = _md5(content)
            content.seek(0)
            answer = self.client.upload_part(**about, Body=content, ContentMD5=sum_, PartNumber=number, **upload)
            return str(answer["ETag"])

        upload = self._begin(about, more)
        self._in_parts(about, upload, part, size, part_size)

    def copies_from(self, source: MediaEnd) -> bool:
        return isinstance(source, S3Media) and bool(self.account) and self.account == source.account

    def copy(self, source: MediaEnd, found: Object) -> None:
        assert isinstance(source, S3Media)  # noqa: S101  # as copies_from has said
        about = {"Bucket": self.bucket, "Key": self.prefix + found.key}
        origin = {"Bucket": source.bucket, "Key": source.prefix + found.key}
        if not found.parts or not found.size:  # an upload in parts may be empty, but a copy in parts has none then
            _asked(lambda: self.client.copy_object(**about, CopySource=origin))
            return
        # In the same parts, so that the tags are equal.
        known = _asked(lambda: source.client.head_object(**origin))
        size, headers, part_size = int(known["ContentLength"]), _headers(known), source.part_size(found)
        same = {"CopySource": origin, "CopySourceIfMatch": known["ETag"]}

        def part(number: int, begin: int) -> str:
            ranged = {**same, "CopySourceRange": f"bytes={begin}-{min(begin + part_size, size) - 1}"}
            answer = self.client.upload_part_copy(**about, **ranged, PartNumber=number, **upload)
            return str(answer["CopyPartResult"]["ETag"])

        upload = self._begin(about, {**headers.standard, "Metadata": dict(headers.own)})
        self._in_parts(about, upload, part, size, part_size)

    def remove(self, keys: Sequence[str]) -> None:
        listed = {"Objects": [{"Key": self.prefix + key} for key in keys], "Quiet": True}
        answer = _asked(lambda: self.client.delete_objects(Bucket=self.bucket, Delete=listed))
        if errors := answer.get("Errors"):
            raise ObjectError(f"{len(errors)} objects can't be deleted: {errors[0].get('Code')}")

    def part_size(self, found: Object) -> int:
        """The bytes of a part of an object; 0 for one that was uploaded whole."""
        if not found.parts:
            return 0
        with suppress(BotoCoreError, ClientError):
            first = self.client.head_object(Bucket=self.bucket, Key=self.prefix + found.key, PartNumber=1)
            if first.get("PartsCount") == found.parts:
                return int(first["ContentLength"])
        # A server that doesn't tell.
        fitting = (one for one in PART_SIZES if -(-found.size // one) == found.parts)
        return next(fitting, max(PART_SIZES[0], -(-found.size // found.parts)))

    def _begin(self, about: dict[str, str], more: dict[str, Any]) -> dict[str, str]:
        """Begins an upload in parts. Uploads of the same object that were broken off are removed."""
        key = about["Key"]
        with suppress(BotoCoreError, ClientError):  # AWS removes them after a week anyway
            old = self.client.list_multipart_uploads(Bucket=self.bucket, Prefix=key).get("Uploads", [])
            for one in old:
                if one["Key"] == key:
                    self.client.abort_multipart_upload(**about, UploadId=one["UploadId"])
        return {"UploadId": str(_asked(lambda: self.client.create_multipart_upload(**about, **more))["UploadId"])}

    def _in_parts(
        self,
        about: dict[str, str],
        upload: dict[str, str],
        part: Callable[[int, int], str],
        size: int,
        part_size: int,
    ) -> None:
        try:
            begins = range(0, size, part_size)
            tags = [_asked(lambda n=n, b=b: part(n, b)) for n, b in enumerate(begins, 1)]  # type: ignore[misc]
            parts = {"Parts": [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, 1)]}
            _asked(lambda: self.client.complete_multipart_upload(**about, **upload, MultipartUpload=parts))
        except BaseException:
            with suppress(BotoCoreError, ClientError):
                self.client.abort_multipart_upload(**about, **upload)
            raise


class S3Body:
    """The content of an object. A connection that breaks off is made again where it was, for the very same content."""

    def __init__(self, media: S3Media, key: str, answer: dict[str, Any]) -> None:
        self._media, self._key, self._stream = media, key, answer["Body"]
        self.found = Object(key, int(answer["ContentLength"]), str(answer["ETag"]).strip('"'))
        self.headers = _headers(answer)
        self.part_size = media.part_size(self.found)
        self.is_md5 = not self.found.parts and not str(answer.get("ServerSideEncryption", "")).startswith("aws:kms")
        self._at = 0

    def read(self, size: int) -> bytes:
        for attempt in range(TRIES):
            try:
                if attempt:
                    time.sleep(attempt)
                    self._again()
                content = bytes(self._stream.read(min(size, self.found.size - self._at)))
            except (BotoCoreError, HTTPError, OSError, IncompleteReadError):
                continue
            if content or self._at == self.found.size:
                self._at += len(content)
                return content
        raise ObjectError("its content breaks off again and again")

    def close(self) -> None:
        self._stream.close()

    def _again(self) -> None:
        self.close()
        about = {"Bucket": self._media.bucket, "Key": self._media.prefix + self._key, "IfMatch": f'"{self.found.tag}"'}
        try:
            self._stream = self._media.client.get_object(**about, Range=f"bytes={self._at}-")["Body"]
        except ClientError as error:
            raise ObjectError(_why(error)) from None


def _asked(call: Callable[[], Result]) -> Result:
    """The answer of S3. Raises ObjectError and GoneError for its errors."""
    try:
        return call()
    except ClientError as error:
        if error.response["Error"].get("Code") in GONE:
            raise GoneError(_why(error)) from None
        raise ObjectError(_why(error)) from None
    except (BotoCoreError, HTTPError) as error:
        raise ObjectError(_why(error)) from None


def _why(error: Exception) -> str:
    """S3's words without the object's name, which may be a person's."""
    if isinstance(error, NoCredentialsError):
        return "this machine has no credentials for AWS. Fix: aws configure, or AWS_PROFILE"
    if not isinstance(error, ClientError):
        return f"the server can't be reached, or breaks off ({type(error).__name__})"
    found, call = error.response["Error"], error.operation_name
    if found.get("Code") in DENIED:  # AWS's words have the object's ARN
        return f"{call} was refused, {found['Code']}: your keys lack the right; docs/cloud-media-policy.json has those"
    return f"{call} was refused, {found.get('Code')}: {found.get('Message', '')}"


def _headers(answer: dict[str, Any]) -> Headers:
    standard = {name: str(answer[name]) for name in STANDARD if answer.get(name)}
    if expires := answer.get("ExpiresString"):
        standard["Expires"] = str(expires)
    return Headers(standard, {str(name): str(value) for name, value in answer.get("Metadata", {}).items()})


class _Slice(io.RawIOBase):
    """A part of a file, as a file: boto3 reads it several times, for its checksums and when it tries again."""

    def __init__(self, file: IO[bytes], begin: int, size: int) -> None:
        self._file, self._begin, self._size, self._at = file, begin, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        """What RawIOBase reads by, and awscrt, which signs requests where it is installed."""
        self._file.seek(self._begin + self._at)
        content = self._file.read(max(0, min(len(buffer), self._size - self._at)))
        buffer[: len(content)] = content
        self._at += len(content)
        return len(content)


def _md5(file: Any) -> str:
    found = hashlib.md5(usedforsecurity=False)
    while block := file.read(2**18):
        found.update(block)
    return _base64(found.digest())


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
