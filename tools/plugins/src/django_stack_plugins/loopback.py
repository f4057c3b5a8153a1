"""What is on this machine is asked directly, whatever proxy the environment names for everything else.

gRPC, requests, urllib and botocore ask `http_proxy` and its like for 127.0.0.1, too, unless `no_proxy` says otherwise:
the program would look for Pulumi's engine there, and for the site. gRPC reads the lower-case name alone.
"""

from collections.abc import MutableMapping

HOSTS = ("localhost", "127.0.0.1", "::1")


def ask_directly(environ: MutableMapping[str, str], *hosts: str) -> None:
    """Adds the loopback, and hosts that lead to it, to `no_proxy` and `NO_PROXY`, if a proxy is set at all.

    `*` excepts everything already, for everybody but gRPC, which has a variable of its own and asks that first.
    """
    if not any(name.lower().endswith("_proxy") and value for name, value in environ.items()):
        return
    lower, upper = environ.get("no_proxy", ""), environ.get("NO_PROXY", "")
    environ["no_proxy"] = _extended(lower or upper, *hosts)
    environ["NO_PROXY"] = _extended(upper or lower, *hosts)  # Go's programs prefer this one, and it may say more
    for_grpc = environ.get("no_grpc_proxy", "")
    if for_grpc or "*" in environ["no_proxy"].split(","):
        environ["no_grpc_proxy"] = ",".join(_with_loopback(for_grpc.split(",") if for_grpc else []))


def _extended(given: str, *hosts: str) -> str:
    names = [name.strip() for name in given.split(",") if name.strip()]
    if "*" not in names:
        names = _with_loopback(names)
        names += [host for host in hosts if host not in names]
    return ",".join(names)


def _with_loopback(names: list[str]) -> list[str]:
    return [*names, *(host for host in HOSTS if host not in names)]
