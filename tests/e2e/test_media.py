"""The other homes of uploaded files: a folder, and a bucket that isn't the stack's own."""

import os

import pytest

from infra.dsn import S3DSN
from tests.e2e.conftest import MakeStack
from tests.e2e.stacks import DEVELOPMENT, Bucket, Stack, fetch
from tests.e2e.visitors import Visitor

pytestmark = [pytest.mark.docker, pytest.mark.engine]

FILE = "import os, sys; s = os.stat(sys.argv[1]); print(s.st_uid, s.st_gid, oct(s.st_mode & 0o777), s.st_size)"


@pytest.fixture(scope="module")
def filing(make_stack: MakeStack) -> Stack:
    """A stack with `media: filesystem`, up."""
    stack = make_stack("files", {**DEVELOPMENT, "media": "filesystem"})
    stack.up()
    return stack


def test_in_a_folder_uploads_are_files_that_runserver_serves(filing: Stack) -> None:
    assert set(filing.ids()) == {f"{filing.prefix}-web", f"{filing.prefix}-database"}
    url = Visitor(filing).upload("In a folder")
    assert url.startswith("/media/pictures/")
    served = filing.get(url)
    assert (served.status_code, served.headers["Content-Type"]) == (200, "image/png")

    web = filing.container("web")
    status, output = web.exec_run(["python", "-c", FILE, f"/data{url}"])
    assert status == 0, output
    assert output.decode().split() == [str(os.getuid()), str(os.getgid()), "0o644", str(len(served.content))]
    mounted = {mount["Destination"]: mount for mount in web.attrs["Mounts"]}
    assert mounted["/data/media"]["Name"] in {volume.name for volume in filing.volumes()}


def test_a_secret_storage_dsn_makes_the_local_server_use_that_bucket(filing: Stack, serving: Stack) -> None:
    own = S3DSN.parse(serving.outputs()["DEFAULT_STORAGE_DSN"])
    elsewhere = f"http://bucket.localhost:{serving.ports['media-port']}"
    dsn = S3DSN(own.bucket, own.access_key, own.secret_key, own.region, elsewhere, prefix="elsewhere")
    [network] = filing.networks()
    network.connect(serving.container("media"), aliases=["bucket.localhost"])
    try:
        with filing.configured(media="s3"):
            filing.configure_secret("storage-dsn", str(dsn))
            filing.up()
            assert filing.container("media") is None
            url = Visitor(filing).upload("In another bucket")
            assert url.startswith(f"{elsewhere}/media/elsewhere/pictures/")
            opened = fetch(url)
            assert (opened.status_code, opened.headers["Content-Type"]) == (200, "image/png")
            key = url.partition("?")[0].removeprefix(f"{elsewhere}/media/")
            assert Bucket(own).client.get_object(Bucket=own.bucket, Key=key)["Body"].read() == opened.content
    finally:
        filing.configure({"storage-dsn": None})
        network.disconnect(serving.container("media"))


def test_public_media_are_read_by_everybody_and_listed_by_nobody(filing: Stack) -> None:
    with filing.configured(media="s3", media_access="public"):
        filing.up()
        url = Visitor(filing).upload("For everybody")
        assert url.startswith(f"{filing.media_url}/media/pictures/")
        assert "?" not in url
        assert fetch(url).status_code == 200
        assert fetch(f"{filing.media_url}/media/").status_code == 403
        assert fetch(f"{filing.media_url}/media?list-type=2").status_code == 403
