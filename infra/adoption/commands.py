"""A project's command lines as the stack's settings take them: one program of the image, without a shell."""

import re
import shlex

from infra import command_line
from infra.command_line import CommandLineError

_RUNNERS = {"uv", "poetry", "pipenv", "pdm", "rye"}
_ONCE = re.compile(r"\b(?:migrate|collectstatic|compilemessages|makemigrations|wait[-_\w]*|sleep|cd|set|source)\b")
# What stands between && and ; outside of quotes, and between && alone.
_PARTS = re.compile(r"""(?:'[^']*'|"[^"]*"|[^'";&]|(?<!&)&(?!&))+""")
_JOINED = re.compile(r"""(?:'[^']*'|"[^"]*"|[^'"&]|(?<!&)&(?!&))+""")


def portable(line: str) -> str:
    """The line with paths of one machine taken out of it, and what a shell did done in another way.

    Nothing if no line of the settings does the same.
    """
    parts = [part.strip() for part in _PARTS.findall(line) if part.strip()]
    if len(parts) == 1:
        parts = [line.strip()]
    while len(parts) > 1 and _ONCE.search(parts[0]):
        parts = parts[1:]
    rest = " && ".join(parts)
    words = split_words(rest)
    words = _plain(words) if " && " not in rest and "$" not in rest else words
    whole = shlex.join(words) if words and "$" not in rest and " && " not in rest else rest
    for _ in range(2):
        try:
            command_line.split(whole)
        except CommandLineError as error:
            whole = error.fix
        else:
            return whole
    return ""


def joined(line: str) -> list[str]:
    """The commands that && joins, outside of quotes."""
    return [part.strip() for part in _JOINED.findall(line) if part.strip()]


def split_words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:
        return line.split()


def _plain(words: list[str]) -> list[str]:
    """Without `exec`, `uv run` and the paths of programs; variables before the program go to `env`.

    Which settings are in force is up to the stack, whose module takes those of production.
    """
    words = words[1:] if words[:1] == ["exec"] else words
    variables = []
    while words and re.match(r"[A-Za-z_]\w*=", words[0]):
        variables.append(words[0])
        words = words[1:]
    if words and words[0] in _RUNNERS and "run" in words[1:2]:
        words = words[2:]
    if words and "/" in words[0] and not words[0].endswith(".sh"):
        name = words[0].rpartition("/")[2]
        words = [name, *words[1:]] if re.search(r"/s?bin/", words[0]) or name == "manage.py" else words
    if words and re.fullmatch(r"python\d?(?:\.\d+)?", words[0]):
        words = ["python", *words[1:]]
    if words and words[0] in {"manage.py", "django-admin"}:
        words = ["python", "manage.py", *words[1:]]
    for at in (1, 2):
        if words[:1] == ["python"] and len(words) > at and words[at].endswith("/manage.py"):
            words = [*words[:at], "manage.py", *words[at + 1 :]]
    if words[:2] == ["python", "-u"]:
        words = ["python", *words[2:]]
    if words[:2] == ["python", "manage.py"]:
        words = re.sub(r"\0--settings[=\0][^\0]*", "", "\0".join(words)).split("\0")
    variables = [one for one in variables if not one.startswith("DJANGO_SETTINGS_MODULE=")]
    return ["env", *variables, *words] if variables and words else words
