"""Maintenance of a local stack outlives what replaces its container."""

import pytest

from tests.e2e.conftest import MakeStack
from tests.e2e.stacks import SERVING

pytestmark = [pytest.mark.docker, pytest.mark.pulumi, pytest.mark.faults]


def test_maintenance_lasts_through_an_update_that_replaces_the_site(make_stack: MakeStack) -> None:
    serving = make_stack("maintenance", SERVING)
    serving.up()
    first = serving.container("web").id
    serving.run("django-stack", "maintenance", "on", "-s", serving.name)
    try:
        with serving.configured(env={"ANOTHER": "one"}):
            serving.up()  # its roll-out check accepts the page
            assert serving.container("web").id != first
            answer = serving.get()
            assert (answer.status_code, "X-Maintenance" in answer.headers) == (503, True)
    finally:
        serving.run("django-stack", "maintenance", "off", "-s", serving.name)
        serving.up()
    assert serving.get().status_code == 200
