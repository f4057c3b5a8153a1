"""A proxy in the environment is not for what is on this machine."""

import os
import subprocess
import sys

import pytest

from infra.loopback import ask_directly
from tools.rehearsal.host import sitecustomize
from tools.rehearsal.stack import EMULATED

PROXY = "http://proxy.example.com:3128"
LOOPBACK = "localhost,127.0.0.1,::1"

pytestmark = pytest.mark.report("pulumi#2651")


@pytest.mark.parametrize(
    ("given", "no_proxy"),
    [
        ({}, None),
        ({"http_proxy": ""}, None),
        ({"http_proxy": PROXY}, LOOPBACK),
        ({"HTTPS_PROXY": PROXY}, LOOPBACK),
        ({"all_proxy": PROXY}, LOOPBACK),
        ({"http_proxy": PROXY, "no_proxy": "example.org"}, f"example.org,{LOOPBACK}"),
        ({"http_proxy": PROXY, "NO_PROXY": " example.org, localhost"}, "example.org,localhost,127.0.0.1,::1"),
        ({"http_proxy": PROXY, "NO_PROXY": "*"}, "*"),
    ],
)
def test_the_loopback_is_excepted_when_there_is_a_proxy(given: dict[str, str], no_proxy: str | None) -> None:
    environ = dict(given)
    ask_directly(environ)
    if no_proxy is None:
        assert environ == given
    else:
        assert (environ["no_proxy"], environ["NO_PROXY"]) == (no_proxy, no_proxy)
    ask_directly(environ)
    assert environ.get("no_proxy") == no_proxy


@pytest.mark.parametrize(
    ("lower", "upper", "expected"),
    [
        ("a.example", "b.example", (f"a.example,{LOOPBACK}", f"b.example,{LOOPBACK}")),
        ("a.example", "", (f"a.example,{LOOPBACK}", f"a.example,{LOOPBACK}")),
        ("*", "b.example", ("*", f"b.example,{LOOPBACK}")),
        ("a.example", "*", (f"a.example,{LOOPBACK}", "*")),
    ],
)
def test_two_spellings_that_differ_keep_what_each_says(lower: str, upper: str, expected: tuple[str, str]) -> None:
    environ = {"http_proxy": PROXY, "no_proxy": lower, "NO_PROXY": upper}
    ask_directly(environ)
    assert (environ["no_proxy"], environ["NO_PROXY"]) == expected
    assert ("no_grpc_proxy" in environ) is (lower == "*")


def test_a_rehearsal_excepts_the_names_that_lead_to_its_emulator() -> None:
    environ = {"https_proxy": PROXY, "no_proxy": "example.org"}
    ask_directly(environ, *EMULATED)
    assert environ["no_proxy"] == f"example.org,{LOOPBACK},.amazonaws.com,.cloudfront.net"
    ask_directly(environ)
    assert environ["NO_PROXY"] == f"example.org,{LOOPBACK},.amazonaws.com,.cloudfront.net"
    assert EMULATED == sitecustomize.AWS


@pytest.mark.parametrize(
    "given", [{}, {"no_proxy": "*"}, {"NO_PROXY": "example.org"}, {"no_grpc_proxy": "example.org"}]
)
def test_grpc_which_reads_lower_case_alone_and_no_star_asks_directly(given: dict[str, str]) -> None:
    """By gRPC itself, over a proxy at which nobody listens."""
    script = (
        "import grpc, os; from concurrent.futures import ThreadPoolExecutor as Pool;"
        "server = grpc.server(Pool(1)); port = server.add_insecure_port('127.0.0.1:0'); server.start();"
        "grpc.channel_ready_future(grpc.insecure_channel(f'127.0.0.1:{port}')).result(10); print('ready', flush=True);"
        "os._exit(0)"
    )
    environ = {"PATH": os.environ["PATH"], "http_proxy": "http://127.0.0.1:9", **given}
    done = subprocess.run([sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=False)
    assert done.stdout == "ready\n", done.stderr


def test_every_program_of_infra_asks_this_machine_directly() -> None:
    """What botocore, requests and urllib make of it."""
    script = (
        "import infra.steps, urllib.request, requests.utils, botocore.utils as b;"
        "url = 'http://127.0.0.1:9000/';"
        "print(urllib.request.proxy_bypass('127.0.0.1:9000'), requests.utils.get_environ_proxies(url),"
        " b.get_environ_proxies(url), b.get_environ_proxies('http://example.com/')['http'])"
    )
    environ = {"PATH": os.environ["PATH"], "http_proxy": PROXY}
    done = subprocess.run([sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"True {{}} {{}} {PROXY}"
