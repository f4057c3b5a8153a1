"""Reads what the container of a task printed. Secrets are not redacted here, but where the lines are shown."""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.cloud.requests import OneOffTaskRequest, ServiceRequest


class Log:
    """The log stream of the request's container in one task; `read()` returns the new lines."""

    def __init__(self, client: Any, request: OneOffTaskRequest | ServiceRequest, task_arn: str) -> None:
        self._client = client
        task_id = task_arn.rpartition("/")[2]
        self._stream = {
            "logGroupName": request.log_group,
            "logStreamName": f"{request.stream_prefix}/{request.container}/{task_id}",
            "startFromHead": True,
        }
        self._next: dict[str, str] = {}
        self._unreadable = False

    def read(self) -> list[str]:
        """The lines since the last call; none until the container has printed any.

        If the log can't be read, a single line says so, since the result of the task counts and not its log.
        """
        lines: list[str] = []
        while True:
            try:
                answer = self._client.get_log_events(**self._stream, **self._next)
            except ClientError as error:
                if error.response["Error"].get("Code") == "ResourceNotFoundException":
                    return lines  # the first line creates the stream
                return lines + self._complain(error)
            except BotoCoreError as error:
                return lines + self._complain(error)
            lines += [event["message"] for event in answer["events"]]
            token = answer["nextForwardToken"]
            if self._next.get("nextToken") == token:
                return lines
            self._next = {"nextToken": token}

    def _complain(self, error: Exception) -> list[str]:
        if self._unreadable:
            return []
        self._unreadable = True
        return [f"[the log can't be read: {error}]"]
