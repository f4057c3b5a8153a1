"""Media in buckets of the local stack's S3 server arrive as they are, whatever happens on the way."""

import io
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from boto3.s3.transfer import TransferConfig

from infra.commands.data import media_copy
from infra.commands.data.ends import DataError
from infra.commands.data.media import GoneError, Headers, Object, ObjectError
from tests import ROOT
from tests.broken_way import way_to
from tests.infra.commands.data.s3_server import S3Server, s3_server
from tests.waiting import wait_until

pytestmark = pytest.mark.docker

MIB = 2**20
PROGRAM = """
import sys
from infra.commands.data import media_copy
from tests.infra.commands.data.s3_server import S3Server
server = S3Server(int(sys.argv[1]))
media_copy.copy(server.media(sys.argv[2]), server.media(sys.argv[3]))
"""


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


@pytest.fixture(scope="module")
def a(server: S3Server) -> str:
    return filled(server)


def filled(server: S3Server, prefix: str = "", count: int = 12, size: int = 10_000) -> str:
    """A new bucket of objects of many sizes, one of which was uploaded in parts."""
    bucket, numbers = server.bucket(), random.Random(count)
    for number in range(count):
        server.client.put_object(
            Bucket=bucket,
            Key=f"{prefix}a/{number % 5}/Füße & +{number}?.jpg",
            Body=numbers.randbytes(numbers.randrange(size) if number else 0),
            ContentType="image/jpeg",
            CacheControl="max-age=60",
            ContentDisposition="inline",
            Metadata={"owner": str(number)},
        )
    large = io.BytesIO(numbers.randbytes(13 * MIB + 1))
    more = {"ContentType": "video/mp4", "Metadata": {"long": "yes"}}
    in_parts = TransferConfig(multipart_threshold=1, multipart_chunksize=6 * MIB)
    server.client.upload_fileobj(large, bucket, f"{prefix}large.mp4", ExtraArgs=more, Config=in_parts)
    return bucket


@pytest.mark.parametrize("account", ["", "the same"], ids=["through this machine", "by the server"])
def test_objects_arrive_with_content_headers_and_tags_and_once(server: S3Server, a: str, account: str) -> None:
    b = server.bucket()
    source, target = server.media(a, account=account), server.media(b, account=account)
    assert media_copy.copy(source, target).copied.objects == 13
    assert server.contents(b) == server.contents(a)
    assert media_copy.copy(source, target).copied.objects == 0
    assert server.unfinished(b) == 0


def test_a_prefix_is_taken_away_and_another_one_put_in_its_place(server: S3Server) -> None:
    a, b = filled(server, "shop/media/", count=3), server.bucket()
    server.client.put_object(Bucket=a, Key="shop/mediation", Body=b"not the site's")
    server.client.put_object(Bucket=b, Key="other", Body=b"not the site's either")
    media_copy.copy(server.media(a, "shop/media"), server.media(b, "site"), delete=True)
    names = {key.replace("shop/media/", "site/") for key in server.contents(a)} - {"shop/mediation"} | {"other"}
    assert set(server.contents(b)) == names


def test_what_only_the_target_has_is_removed_from_it(server: S3Server, a: str, monkeypatch: pytest.MonkeyPatch) -> None:
    b = server.bucket()
    for number in range(5):
        server.client.put_object(Bucket=b, Key=f"old/{number}", Body=b"")
    monkeypatch.setattr(media_copy, "AT_ONCE_REMOVED", 2)
    assert media_copy.copy(server.media(a), server.media(b), delete=True).removed == 5
    assert server.contents(b) == server.contents(a)


@pytest.mark.faults
def test_a_killed_copy_leaves_whole_objects_and_the_next_one_completes_it(server: S3Server) -> None:
    a, b = filled(server, count=40, size=400_000), server.bucket()
    before = server.contents(a)
    for least in (1, 15):
        line = [sys.executable, "-c", PROGRAM, str(server.port), a, b]
        process = subprocess.Popen(line, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)})
        wait_until(lambda least=least: server.count(b) >= least, "objects that have arrived")  # type: ignore[misc]
        process.send_signal(signal.SIGKILL)
        process.wait()
        arrived = server.contents(b)
        assert {key: before[key] for key in arrived} == arrived
        assert len(arrived) < len(before)
    media_copy.copy(server.media(a), server.media(b))
    assert server.contents(b) == before
    assert server.unfinished(b) == 0


def test_connections_that_break_off_are_made_again(server: S3Server, a: str) -> None:
    b = server.bucket()
    with cutting(server.port, after=3 * MIB) as (port, cut):
        media_copy.copy(server.media(a, port=port), server.media(b))
        assert cut, "nothing broke off"
    assert server.contents(b) == server.contents(a)


def test_a_server_that_is_away_is_named_and_nothing_is_copied(server: S3Server, a: str) -> None:
    missing = server.media("no-such-bucket")
    with pytest.raises(DataError, match=r"The media of no-such-bucket, the bucket .* can't be listed: .*NoSuchBucket"):
        media_copy.copy(server.media(a), missing)


def test_an_object_that_the_server_refuses_says_why_without_its_name(server: S3Server) -> None:
    b = server.media(server.bucket())
    server.client.put_object(Bucket=b.bucket, Key="docs", Body=b"1")
    with pytest.raises(ObjectError) as caught:
        b.write("docs/secret-name", io.BytesIO(b"2"), 1, Headers(), 0)
    assert "secret-name" not in str(caught.value)
    with pytest.raises(GoneError), b.open(Object("not there", 1, "")):
        pass


@contextmanager
def cutting(behind: int, after: int) -> Iterator[tuple[int, list[int]]]:
    """A way to a port of this machine. A connection that has brought more than `after` bytes breaks off, twice."""
    cut: list[int] = []

    def passes(brought: int, is_answer: bool) -> bool:
        if not is_answer or brought <= after or len(cut) >= 2:
            return True
        cut.append(brought)
        return False

    with way_to(behind, passes) as port:
        yield port, cut
