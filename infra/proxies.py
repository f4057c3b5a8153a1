"""The proxy that the environment names for what is elsewhere. What is on this machine is asked directly.

boto3 and urllib take it from the environment by themselves; http.client, sockets and urllib3 don't.
"""

import http.client
import socket
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3

from infra.loopback import HOSTS


def proxy_for(host: str) -> str:
    """The URL of the proxy for https to a host; nothing if the host is asked directly."""
    if host in HOSTS or host.endswith(".localhost") or proxy_bypass(host):
        return ""
    found = getproxies().get("https", "")
    return found if not found or "://" in found else f"http://{found}"


def connect(host: str, port: int, seconds: float) -> socket.socket:
    """A connection to a host, through its proxy if it has one. Raises OSError, also when the proxy refuses."""
    proxy = urlsplit(proxy_for(host))
    if not proxy.hostname:
        return socket.create_connection((host, port), timeout=seconds)
    tunnel = http.client.HTTPConnection(proxy.hostname, proxy.port, timeout=seconds)
    tunnel.set_tunnel(host, port, _login(proxy.geturl()))
    tunnel.connect()
    return tunnel.sock


def pool(url: str, seconds: float) -> urllib3.PoolManager:
    """Connections to the host of a URL, through its proxy if it has one. A request isn't repeated."""
    proxy = proxy_for(urlsplit(url).hostname or "")
    if not proxy:
        return urllib3.PoolManager(timeout=seconds, retries=False)
    return urllib3.ProxyManager(proxy, proxy_headers=_login(proxy), timeout=seconds, retries=False)


def _login(proxy: str) -> dict[str, str]:
    """The header with the user and the password that are in the proxy's URL."""
    login = urllib3.util.parse_url(proxy).auth
    return urllib3.make_headers(proxy_basic_auth=unquote(login)) if login else {}
