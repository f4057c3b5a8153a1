"""The lines of a task's container, read as they come; a log that can't be read is no failure."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError

from infra.cloud.steps.logs import Log

REQUEST: Any = SimpleNamespace(log_group="/app", stream_prefix="app", container="web")


def log(*answers: Any) -> Log:
    """A log whose calls are answered in turn."""
    coming: Iterator[Any] = iter(answers)

    def get_log_events(**asked: Any) -> Any:
        assert asked["logStreamName"] == "app/web/0123"
        answer = next(coming)
        if isinstance(answer, str):
            raise ClientError({"Error": {"Code": answer, "Message": "no"}}, "GetLogEvents")
        return answer

    client = SimpleNamespace(get_log_events=get_log_events)
    return Log(client, REQUEST, "arn:aws:ecs:us-east-1:1:task/app/0123")


def events(token: str, *lines: str) -> dict[str, Any]:
    return {"events": [{"message": line} for line in lines], "nextForwardToken": token}


def test_before_the_first_line_there_is_no_log_and_nothing_to_complain_of() -> None:
    reading = log("ResourceNotFoundException", events("1", "first", "second"), events("1"))
    assert reading.read() == []
    assert reading.read() == ["first", "second"]


def test_lines_are_read_to_the_last_page_and_each_once() -> None:
    reading = log(events("1", "a"), events("2", "b"), events("2"), events("3", "c"), events("3"))
    assert reading.read() == ["a", "b"]
    assert reading.read() == ["c"]


def test_a_log_that_can_not_be_read_is_said_once() -> None:
    reading = log("AccessDeniedException", "AccessDeniedException")
    (line,) = reading.read()
    assert line.startswith("[the log can't be read: An error occurred (AccessDeniedException)")
    assert reading.read() == []
