"""`django-stack logs`: shows what the stack's containers print, secrets redacted."""

import io
import json
import re
import sys
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import click

from infra.commands import stack
from infra.commands.operations import RELEASE, LogLine, LogQuery, operations, platform_of
from infra.plain import plain
from infra.redaction import redactor

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
COLOURS = ("cyan", "green", "magenta", "yellow", "blue")
_colours: dict[str, str] = {}  # of the processes that were shown
# A line of the app in plain text, while debugging: 17:02:11 ERROR django.request: Internal Server Error [4f6c1d0a2b]
_TEXT = re.compile(r"\d\d:\d\d:\d\d (DEBUG|INFO|WARNING|ERROR|CRITICAL) .*?(?: \[([\w.-]+)\])?$", re.ASCII)
FILTERED_TIME = timedelta(days=1)  # how far back lines are looked for by what is in them
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class _Since(click.ParamType[datetime]):
    """A time: how long ago, as 10m, or a moment in ISO 8601, which is UTC without a zone."""

    name = "TIME"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        text = str(value)
        if found := re.fullmatch(r"(\d+)([smhd])", text):
            return datetime.now(UTC) - timedelta(seconds=int(found[1]) * _UNITS[found[2]])
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            self.fail(f"{text!r} is no time; allowed: 30s, 10m, 2h, 3d, or a moment like 2026-01-31T17:00", param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@click.command
@stack.option
@click.argument("processes", nargs=-1, metavar="[PROCESS]...")
@click.option("-f", "--follow/--no-follow", default=False, help="Go on with new lines until Ctrl-C or the end.")
@click.option(
    "--since",
    type=_Since(),
    help="Lines from then on: 10m ago, or 2026-01-31T17:00 (UTC).  [default: 1d with --grep and the like]",
)
@click.option(
    "--tail",
    type=click.IntRange(min=0),
    help="The last lines only; with --follow on the local platform, those of each container.  "
    "[default: 200; with --since, --grep and the like all]",
)
@click.option("--grep", metavar="REGEX", help="Lines that contain it.")
@click.option("--level", type=click.Choice(LEVELS, case_sensitive=False), help="Lines of this level or a higher one.")
@click.option("--request-id", metavar="ID", help="Lines of one request, by its answer's header X-Request-ID.")
@click.option("--previous", is_flag=True, help="Of instances that have ended, such as one that crashed.")
@click.option(
    "--release",
    is_flag=True,
    help="Of the last release, on the local platform the last that succeeded; the same as the process `release`.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each line.")
def command(
    name: str,
    processes: tuple[str, ...],
    follow: bool,
    since: datetime | None,
    tail: int | None,
    grep: str | None,
    level: str | None,
    request_id: str | None,
    previous: bool,
    release: bool,
    as_json: bool,
) -> None:
    """Shows what the stack's containers printed, in the order of time, secrets redacted.

    Without PROCESS, on the local platform those are the app's; in the cloud all tasks, those of releases and of
    `django-stack run`, too. The local platform has the processes database and media as well.

    \b
    Example:
      django-stack logs --follow
      django-stack logs -s cloud --since 1h --level error
      django-stack logs -s cloud --request-id 4f6c1d0a2b
    """
    if release and processes:
        raise click.UsageError("--release is a process of its own; leave it or the others out")
    if previous and follow:
        raise click.UsageError("--previous has no new lines to follow")
    processes = (RELEASE,) if release else processes
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # no error on a terminal without UTF-8
    try:
        pattern = re.compile(grep or "")
    except re.error as error:
        raise click.BadParameter(f"{grep!r} is no regular expression: {error}", param_hint="--grep") from None
    selects = bool(grep or level or request_id)
    # The release of the local platform is one text, however old.
    within_a_day = since is None and selects and (processes != (RELEASE,) or platform_of(name) != "local")
    if within_a_day:
        since = datetime.now(UTC) - FILTERED_TIME
    elif since is None and tail is None and not selects:
        tail = 200
    last = tail if selects and not follow else None  # of the lines that were looked for, not of all
    found = operations(name)
    redact = redactor(found.secrets()).text
    lines = found.logs(LogQuery(processes, since, tail if last is None else None, follow, previous, request_id or ""))
    texts = ((line, redact(plain(line.text))) for line in _wanted(lines, level, request_id))
    shown = ((line, text) for line, text in texts if pattern.search(text))
    number = 0
    try:
        for line, text in shown if last is None else deque(shown, last):
            number += 1
            print(_as_json(line, text) if as_json else _for_people(line, text), flush=True)
    except KeyboardInterrupt:
        sys.exit(130)
    if number < (1 if last is None else last) and tail != 0:
        more, when = "more " if number else "", f" since {since:%Y-%m-%d %H:%M} UTC" if since else ""
        further = "; --since 7d looks further back" if within_a_day else ""
        print(f"There are no {more}such lines{when}{further}.", file=sys.stderr)


def _wanted(lines: Iterator[LogLine], level: str | None, request_id: str | None) -> Iterator[LogLine]:
    """The lines of that level and request. A line without either, as in a traceback, belongs to the one before it."""
    least = LEVELS.index(level.upper()) if level else 0
    levels: dict[str, int] = {}
    requests: dict[str, str] = {}
    for line in lines:
        entry, text = _entry(line.text), _TEXT.match(line.text)
        found = str(entry.get("level", "")) or (text[1] if text else "")
        if found in LEVELS:
            levels[line.instance] = LEVELS.index(found)
        if entry or text:
            requests[line.instance] = str(entry.get("request_id") or (text and text[2]) or "")
        if level and levels.get(line.instance, -1) < least:
            continue
        if request_id and requests.get(line.instance) != request_id:
            continue
        yield line


def _entry(text: str) -> dict[str, object]:
    """The app's line of JSON; empty for any other line."""
    if not text.startswith("{"):
        return {}
    try:
        entry = json.loads(text)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}


def _as_json(line: LogLine, text: str) -> str:
    entry = _entry(text) or {"message": text}
    where = {"process": line.process, "instance": line.instance}
    return json.dumps({**where, **entry, "time": line.time.isoformat(timespec="milliseconds")})


def _for_people(line: LogLine, text: str) -> str:
    """The line with its time and process; the app's JSON as text."""
    entry = _entry(text)
    if "message" in entry:
        shown = " ".join(str(entry[name]) for name in ("level", "logger") if name in entry)
        identity = f" [{entry['request_id']}]" if entry.get("request_id") else ""
        text = f"{shown}: {entry['message']}{identity}"
        if "traceback" in entry:
            text += f"\n{entry['traceback']}"
    label = stack.coloured(f"{line.process}/{line.instance}", _colour(line.process))
    return f"{line.time:%Y-%m-%d %H:%M:%S.}{line.time.microsecond // 1000:03} {label} {text}"


def _colour(process: str) -> str:
    """A process' colour: the next one for each, as long as they last."""
    return _colours.setdefault(process, COLOURS[len(_colours) % len(COLOURS)])
