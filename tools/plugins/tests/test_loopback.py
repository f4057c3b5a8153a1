"""A proxy in the environment is not for what is on this machine."""

import pytest

from django_stack_plugins.loopback import ask_directly

LOOPBACK = "localhost,127.0.0.1,::1"


@pytest.mark.parametrize(
    ("lower", "upper", "expected"),
    [
        ("", "", (LOOPBACK, LOOPBACK)),
        ("a.example", "b.example", (f"a.example,{LOOPBACK}", f"b.example,{LOOPBACK}")),
        ("", "b.example", (f"b.example,{LOOPBACK}", f"b.example,{LOOPBACK}")),
        ("*", "b.example", ("*", f"b.example,{LOOPBACK}")),
    ],
)
def test_two_spellings_keep_what_each_says(lower: str, upper: str, expected: tuple[str, str]) -> None:
    environ = {"http_proxy": "http://proxy.example.com:3128", "no_proxy": lower, "NO_PROXY": upper}
    ask_directly(environ)
    assert (environ["no_proxy"], environ["NO_PROXY"]) == expected
    assert ("no_grpc_proxy" in environ) is (lower == "*")
