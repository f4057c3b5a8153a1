"""Waits until the scheduler works; its program would run on by itself, or be restarted for ever. Run by
local.Command."""

from infra import endpoint
from infra.local.requests import SchedulerRequest
from infra.local.steps.waiting import engine_errors, wait
from infra.steps import read_request


def main() -> None:
    """Exits with status 1 and the scheduler's last lines when it doesn't work in time."""
    request = read_request(SchedulerRequest)
    container = endpoint.client().containers.get(request.container)

    def missing() -> str:
        container.reload()
        if container.status != "running":
            return f"its container is {container.status}"
        status, _ = container.exec_run(["python", "-m", "django_stack.scheduler", "healthy", request.folder])
        return f"it has written nothing into {request.folder}" if status else ""

    wait(container, "The scheduler", missing, request.timeout, request.secrets)


if __name__ == "__main__":
    with engine_errors():
        main()
