#!/usr/bin/env python3
"""Starts Chromium so that it doesn't notice the networks that other tests make.

Whenever an interface comes or goes, Chromium ends the connections that it is opening with `ERR_NETWORK_CHANGED`, and
every container of a test that runs beside is such an interface. It learns of them by a netlink socket and does without
when there is none, so this program forbids that kind of socket (seccomp(2)) and becomes the browser whose path is in
the environment variable CHROMIUM.
"""

import ctypes
import errno
import os
import platform
import socket
import struct
import sys

SOCKET_CALL = {"x86_64": 41, "aarch64": 198}  # its number in the kernel
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2
LOAD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06
CALL_AT, FIRST_ARGUMENT_AT = 0, 16
ALLOW, FAIL_WITH = 0x7FFF0000, 0x00050000


class Filter(ctypes.Structure):
    """linux/filter.h's sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def forbid_netlink(socket_call: int) -> None:
    """From now on `socket(AF_NETLINK, …)` says that this kind isn't supported, in this process and its children."""
    instructions = [
        (LOAD, 0, 0, CALL_AT),
        (JUMP_IF_EQUAL, 0, 3, socket_call),
        (LOAD, 0, 0, FIRST_ARGUMENT_AT),
        (JUMP_IF_EQUAL, 0, 1, int(socket.AF_NETLINK)),
        (RETURN, 0, 0, FAIL_WITH | errno.EAFNOSUPPORT),
        (RETURN, 0, 0, ALLOW),
    ]
    program = Filter(len(instructions), b"".join(struct.pack("HBBI", *each) for each in instructions))
    libc = ctypes.CDLL(None, use_errno=True)
    for call in ((PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0)):
        if libc.prctl(*call):
            raise OSError(ctypes.get_errno(), "prctl")


def main() -> None:
    if call := SOCKET_CALL.get(platform.machine()):
        forbid_netlink(call)
    os.execv(os.environ["CHROMIUM"], [os.environ["CHROMIUM"], *sys.argv[1:]])


if __name__ == "__main__":
    main()
