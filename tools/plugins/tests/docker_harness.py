"""What the tests of pulumi-resource-docker share: its types, their inputs, and a cancellation."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2
from plugin_harness import BASE_IMAGE, Plugin, fails

from django_stack_plugins.values import Properties

CONTAINER = "docker:index/container:Container"
IMAGE = "docker:index/image:Image"
NETWORK = "docker:index/network:Network"
REMOTE_IMAGE = "docker:index/remoteImage:RemoteImage"
VOLUME = "docker:index/volume:Volume"


def image_inputs(plugin: Plugin, context: Path, name: str, **build: Any) -> Properties:
    return plugin.inputs(
        IMAGE, {"imageName": f"{name}:1", "skipPush": True, "build": {"context": str(context), **build}}
    )


def container_inputs(plugin: Plugin, name: str, **inputs: Any) -> Properties:
    return plugin.inputs(CONTAINER, {"image": BASE_IMAGE, "name": name, "command": ["sleep", "60"], **inputs})


def cancelled_while(plugin: Plugin, create: Callable[[], object], begun: Callable[[], bool]) -> grpc.RpcError:
    """Cancels, as Ctrl-C does, once the creation is at work; gives how it ended within seconds."""
    ended: list[grpc.RpcError] = []
    thread = threading.Thread(target=lambda: ended.append(fails(create)))
    thread.start()
    deadline = time.monotonic() + 20
    while not begun():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    plugin.stub.Cancel(empty_pb2.Empty())
    thread.join(5)
    assert ended, "it went on"
    return ended[0]
