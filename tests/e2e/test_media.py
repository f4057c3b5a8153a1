"""The other homes of uploaded files: a folder, and a bucket that isn't the stack's own."""

import os
from urllib.parse import urlsplit

import pytest
import requests
from playwright.sync_api import Browser

from infra.dsn import S3DSN
from tests.e2e.conftest import MakeStack
from tests.e2e.media import Bucket, fetch
from tests.e2e.stacks import DEVELOPMENT, Stack
from tests.e2e.visitors import Visitor

pytestmark = [pytest.mark.docker, pytest.mark.pulumi]

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


# What pages do with files of another origin: each needs the server's word that it may.
READ = """async (address) => {
    const attempt = (name, read) => read().then((found) => [name, found], () => [name, "refused"]);
    const get = (headers) => fetch(address, {headers});
    const picture = (cors) => new Promise((done, failed) => {
        const image = new Image();
        if (cors) image.crossOrigin = "anonymous";
        image.onload = () => done(image);
        image.onerror = failed;
        image.src = address + (cors ? "#cors" : "#plain");
    });
    return Object.fromEntries([
        await attempt("fetch", async () => (await (await get({})).blob()).type),
        await attempt("part", async () => (await get({Range: "bytes=0-7"})).headers.get("Content-Range")),
        await attempt("preflight", async () => (await get({"X-Requested-With": "x"})).status),
        await attempt("canvas", async () => {
            const image = await picture(true);
            const canvas = document.createElement("canvas");
            [canvas.width, canvas.height] = [image.width, image.height];
            canvas.getContext("2d").drawImage(image, 0, 0);
            return canvas.toDataURL().slice(0, 14);
        }),
        await attempt("shown", async () => (await picture(false)).width > 0),
        await attempt("write", async () => (await fetch(address, {method: "PUT", body: "x"})).status),
    ]);
}"""


@pytest.mark.browser
@pytest.mark.report("django-cors-headers#819")
def test_pages_of_the_site_read_media_by_cors_and_no_others(serving: Stack, chromium: Browser) -> None:
    """Signed addresses included; other sites get the picture, as ever, and may not look into it."""
    url = Visitor(serving).upload("For a canvas")
    port = serving.ports["web-port"]
    own = {
        "fetch": "image/png",
        "part": "bytes 0-7/",
        "preflight": 200,
        "canvas": "data:image/png",
        "write": "refused",
        "shown": True,
    }
    others = {**dict.fromkeys(own, "refused"), "shown": True}
    evil = f"http://evil.localhost:{port}"  # a page all the same: that this host is not answered
    for place, expected in ((f"http://localhost:{port}", own), (f"http://127.0.0.1:{port}", own), (evil, others)):
        with chromium.new_context(bypass_csp=True) as context:  # the gallery's own policy has no such scripts
            page = context.new_page()
            # A page that doesn't show the picture: the browser would find it in its cache, fetched without CORS.
            page.goto(f"{place}/login/")
            read = page.evaluate(READ, url)
        assert {**read, "part": read["part"][:10]} == expected, (place, read)


@pytest.mark.report("django-cors-headers#819")
def test_another_domain_is_a_rule_in_place(serving: Stack) -> None:
    """The bucket keeps its files; the preflight says who is let in, for how long, and that caches ask the origin."""
    url = Visitor(serving).upload("Kept")

    def asked(origin: str, method: str = "GET") -> requests.Response:
        asking = {"Origin": origin, "Access-Control-Request-Method": method}
        here = urlsplit(url)._replace(netloc=f"127.0.0.1:{serving.ports['media-port']}").geturl()
        return requests.options(here, headers={**asking, "Host": urlsplit(url).netloc}, timeout=10)

    port, before = serving.ports["web-port"], serving.ids()[f"{serving.prefix}-media"]
    own = asked(f"http://localhost:{port}")
    assert (own.status_code, own.headers["Access-Control-Allow-Origin"]) == (200, f"http://localhost:{port}")
    assert set(own.headers["Access-Control-Allow-Methods"].replace(" ", "").split(",")) == {"GET", "HEAD"}
    assert own.headers["Access-Control-Max-Age"] == "3600"
    assert "Origin" in own.headers["Vary"]
    for other in ("https://evil.example", f"http://localhost:{port + 1}", f"http://site.localhost:{port}", "null"):
        assert asked(other).status_code == 403
    assert asked(f"http://localhost:{port}", "PUT").status_code == 403
    with serving.configured(domain="site.localhost", domain_aliases="x.ngrok.example"):
        serving.up()
        for origin in (f"http://site.localhost:{port}", "https://x.ngrok.example", f"http://localhost:{port}"):
            assert asked(origin).headers["Access-Control-Allow-Origin"] == origin
        assert fetch(url).status_code == 200
    serving.up()
    assert asked(f"http://site.localhost:{port}").status_code == 403
    assert serving.ids()[f"{serving.prefix}-media"] == before, "the server is the same one"
