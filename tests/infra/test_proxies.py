"""What is elsewhere is reached through the environment's proxy, and what is on this machine directly."""

from collections.abc import Iterator

import pytest
import urllib3

from infra import proxies
from infra.commands.operations import cloud_maintenance
from tests.connect_proxy import ConnectProxy, connect_proxy
from tests.http_server import Reply, serving

ELSEWHERE = "d111111abcdef8.cloudfront.net"


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[ConnectProxy]:
    """A proxy in the environment that leads to a site without TLS."""
    for name in ("https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with serving(lambda _: Reply(200, "text/html", "<h1>Welcome</h1>")) as site, connect_proxy(site) as found:
        monkeypatch.setenv("https_proxy", f"http://someone:p%40ss@127.0.0.1:{found.port}")
        yield found


def test_a_host_elsewhere_is_reached_by_a_tunnel_with_the_proxys_login(proxy: ConnectProxy) -> None:
    with proxies.connect(ELSEWHERE, 443, 5) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.0 200")
    [[line, *headers]] = proxy.asked
    assert line.startswith(f"CONNECT {ELSEWHERE}:443 ")
    assert "proxy-authorization: Basic c29tZW9uZTpwQHNz" in headers


def test_a_proxy_that_refuses_is_an_error_that_says_so(proxy: ConnectProxy) -> None:
    proxy.refuses = True
    with pytest.raises(OSError, match="Tunnel connection failed: 407 Proxy Authentication Required"):
        proxies.connect(ELSEWHERE, 443, 5)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "shop.localhost", "internal.example.com"])
def test_this_machine_and_what_no_proxy_names_are_asked_directly(
    proxy: ConnectProxy, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("no_proxy", "example.com")
    assert proxies.proxy_for(host) == ""
    url = f"https://[{host}]/" if ":" in host else f"https://{host}/"
    assert type(proxies.pool(url, 5)) is urllib3.PoolManager
    assert proxies.proxy_for(ELSEWHERE)


def test_a_proxy_without_a_scheme_is_one_of_http(proxy: ConnectProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", f"127.0.0.1:{proxy.port}")
    proxies.connect(ELSEWHERE, 443, 5).close()
    assert len(proxy.asked) == 1


def test_without_a_proxy_everything_is_asked_directly(proxy: ConnectProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("https_proxy")
    assert proxies.proxy_for(ELSEWHERE) == ""


def test_the_page_of_maintenance_is_read_through_the_proxy(proxy: ConnectProxy) -> None:
    """The site behind this proxy has no TLS, so the page doesn't arrive."""
    page, why = cloud_maintenance.published(f"https://{ELSEWHERE}/static/django_stack/maintenance.html")
    assert (page, f"{ELSEWHERE}/static/django_stack/maintenance.html isn't answered" in why) == ("", True)
    [[line, *_]] = proxy.asked
    assert line.startswith(f"CONNECT {ELSEWHERE}:443 ")
