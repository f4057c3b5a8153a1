"""Command lines in settings. They are split into words as a shell does it, but no shell runs them.

So syntax that only a shell understands (`$PORT`, `&&`, `> file`, `NAME=x` before the program) would reach the program
as arguments. It is detected here, and the error proposes the line that works: `sh -c "…"`.
"""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field

# Interpreters that read a program from the argument after -c, -e or --command; they understand what is quoted there.
_INTERPRETER = re.compile(r"(?:.*/)?(?:(?:ba|da|a|k|z)?sh|python[\d.]*|perl|ruby|node|php|psql|shell|shell_plus)")
_READS_PROGRAM = re.compile(r"-[a-zA-Z]*c|-e|--command|--eval")
_EXPANSION = re.compile(r"\$(?:[A-Za-z_]\w*|\{[^}]*\}?|\([^)]*\)?)|`[^`]*`?")  # neither a lone $ nor a price like $5
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=")
# Built-in commands of a shell: there are no programs of these names.
_BUILT_IN = re.compile(
    r"[!.:{]|case|cd|eval|exec|exit|export|for|if|set|shift|source|trap|ulimit|umask|unset|until|wait|while"
)


# Characters that word processors and web pages put in place of spaces, quotes and hyphens; shlex and programs know none
# of them.
_INVISIBLE = {"\u00a0": " ", "\u202f": " ", "\u2007": " ", "\u200b": "", "\ufeff": ""}
_TYPOGRAPHIC = {"\u201c": '"', "\u201d": '"', "\u201e": '"', "\u2018": "'", "\u2019": "'"}
_DASHES = {"\u2013": "--", "\u2014": "--"}
_PLAIN = str.maketrans(_INVISIBLE | _TYPOGRAPHIC | _DASHES)


class CommandLineError(ValueError):
    """A command line that can't be used: `allowed` says what is allowed, `fix` is a line that works."""

    def __init__(self, allowed: str, fix: str) -> None:
        super().__init__(allowed)
        self.allowed = allowed
        self.fix = fix


@dataclass
class _Word:
    """A word: where it begins in the line, its characters, and the quote around each (', ", \\ or nothing)."""

    start: int
    text: str = ""
    quotes: list[str] = field(default_factory=list)

    def add(self, character: str, quote: str) -> None:
        self.text += character
        self.quotes.append(quote)

    def bare(self, *quotes: str) -> str:
        """The text, with a space for each character that is quoted by something other than `quotes`."""
        return "".join(c if q in quotes else " " for c, q in zip(self.text, self.quotes, strict=True))


def split(line: str) -> tuple[str, ...]:
    """The words of a command line; none for an empty one. Raises `CommandLineError`."""
    try:
        return _split(line)
    except CommandLineError as error:
        for _ in range(4):  # a proposed line may have a second fault
            try:
                _split(error.fix)
            except CommandLineError as next_error:
                error.fix = next_error.fix
            else:
                raise
        error.fix = ""
        raise


def _split(line: str) -> tuple[str, ...]:
    if listed := _listed(line):
        raise CommandLineError("one command line, not a list of its words", shlex.join(listed))
    try:
        words = tuple(shlex.split(line))
    except ValueError as error:
        ends = (line + "'", line + '"', line.rstrip("\\"))
        closed = next(filter(_splits, ends), shlex.join(line.split()))
        raise CommandLineError(f"a command line with balanced quotes ({error})", closed) from None
    if "\0" in line or (words and not words[0]):
        without = line.replace("\0", "").strip().removeprefix("''").removeprefix('""').strip()
        raise CommandLineError("a command line that begins with a program and has no null byte", without)
    scanned = _scan(line)
    if odd := next(filter(None, map(_typographic, scanned)), ""):
        raise CommandLineError(f"plain spaces, quotes and hyphens, not {odd!a}", line.translate(_PLAIN).strip())
    if words and re.fullmatch(r"[a-z]\w*:", words[0]):
        raise CommandLineError(
            f"a command line that begins with a program, not with a Procfile's {words[0]}",
            line.partition(":")[2].strip(),
        )
    found = next(_for_a_shell(scanned), "")
    if found:
        alone = re.sub(r"(?<![&;\\])[&;]\s*$", "", line).rstrip()
        if alone != line.rstrip() and not next(_for_a_shell(_scan(alone)), ""):
            raise CommandLineError(
                f"one program and its arguments in the foreground, without {found!r} at its end", alone
            )
        raise CommandLineError(
            f"one program and its arguments, since no shell reads them: {found!r} is for a shell",
            _in_a_shell(line, scanned),
        )
    return words


def _listed(line: str) -> list[str]:
    """The words of a JSON list, as which YAML's lists arrive and Dockerfiles write commands; else an empty list."""
    try:
        listed = json.loads(line) if line.lstrip().startswith("[") else []
    except (ValueError, RecursionError):
        return []
    return listed if all(isinstance(word, str) for word in listed) else []


def _typographic(word: _Word) -> str:
    """An unquoted character of the word that only looks like a space, a quote or a hyphen; or nothing."""
    bare = word.bare("")
    invisible = next((character for character in bare if character in _INVISIBLE), "")
    return invisible or (bare[0] if bare[:1] in _TYPOGRAPHIC or bare[:1] in _DASHES else "")


def _splits(line: str) -> bool:
    try:
        return bool(shlex.split(line))
    except ValueError:
        return False


def _scan(line: str) -> list[_Word]:
    """The words of a line, by the rules of shlex, which must be able to split it; a line break is a word of its own."""
    words: list[_Word] = []
    word: _Word | None = None
    quote, index = "", 0
    while index < len(line):
        character = line[index]
        word_or_new = word or _Word(index)
        escapes = character == "\\" and quote != "'" and (not quote or line[index + 1 : index + 2] in ('"', "\\"))
        if escapes:
            index += 1
            word_or_new.add(line[index], "\\")
        elif quote:
            if character == quote:
                quote = ""
            else:
                word_or_new.add(character, quote)
        elif character in "'\"":
            quote = character
        elif character in " \t\r\n":
            if word:
                words.append(word)
            if character == "\n":
                words.append(_Word(index, "\n", [""]))
            word, index = None, index + 1
            continue
        else:
            word_or_new.add(character, "")
        word, index = word_or_new, index + 1
    return words + ([word] if word else [])


def _for_a_shell(words: list[_Word]) -> Iterator[str]:
    """The parts of the line that only a shell understands, in their order."""
    reads_programs = False
    for number, word in enumerate(words):
        is_program = reads_programs and bool(_READS_PROGRAM.fullmatch(words[number - 1].text))
        reads_programs = reads_programs or bool(_INTERPRETER.fullmatch(word.text))
        bare = word.bare("")
        if number == 0 and (_ASSIGNMENT.match(bare) or _BUILT_IN.fullmatch(bare)):
            yield word.text
        if "\n" in bare or "\n" in word.bare("\\"):
            yield "\n"
        if expansion := _EXPANSION.search(bare if is_program else word.bare("", '"')):
            yield expansion[0]
        if operator := re.search(r"&&|\|\||[|<>]" if "://" in bare else r"&&|\|\||[|<>;&]", bare):
            yield operator[0]
        if re.match(r"~(?:/|$)|#|\(", bare):
            yield word.text
        if re.search(r"[*?]", bare) and "://" not in bare and not bare.startswith("-"):
            yield word.text


def _in_a_shell(line: str, words: list[_Word]) -> str:
    """The line as an argument of `sh -c`. A single program replaces the shell (`exec`), so that it gets the signals."""
    program = next((word for word in words if not _ASSIGNMENT.match(word.bare(""))), None)
    bare = " ".join(word.bare("") for word in words)
    alone = program and not _BUILT_IN.fullmatch(program.text) and not re.search(r"[|;&\n#]|(?:^| )\(", bare)
    if alone and program:
        line = f"{line[: program.start]}exec {line[program.start :]}"
    line = re.sub(r"\s*\n\s*", " && ", re.sub(r"\s*\\\n\s*", " ", line.strip()))
    inside = line.replace("\\", "\\\\").replace('"', '\\"')
    return f'sh -c "{inside}"'
