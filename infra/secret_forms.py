"""The forms in which programs print a secret: its parts, and each part quoted, escaped and encoded.

Plain strings, no Pulumi. `infra.redaction` looks for these forms in output.
"""

import base64
import binascii
import html
import json
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import pairwise
from urllib.parse import quote, quote_plus, unquote, unquote_plus

from infra.secret_names import NAME, is_secret

# The shortest text that is redacted; shorter ones would hide harmless text.
SHORTEST = 4
# Secrets larger than this (characters) have fewer nested forms; their lines have all.
LARGE = 1024
# Shorter secrets may be everyday words and are not looked for in other cases: with a secret `info`, INFO is shown.
LONG = 12
# Values of switches, which are never secret, although all values of a secret `env` count as secrets.
WORDS = {"true", "false", "none", "null"}
# Usual names of database users, which are not secret.
PUBLIC_USERS = {"admin", "default", "django", "postgres", "postgresql", "root"}

_ASSIGNMENT = re.compile(rf"(?i)(?<!\w){NAME}[\"']?\s*[=:]\s*('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[^\s;&,'\"]+)")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_PLAIN = re.compile(r"[A-Za-z0-9_.]*")
_URL_TEXT = re.compile(r"[A-Za-z0-9_.~+/=:@,-]*")
_HEX = re.compile(r"(%|\\x)[0-9A-Fa-f]{2}|(\\u)[0-9A-Fa-f]{4}|(\\U)[0-9A-Fa-f]{8}|(&#x)[0-9A-Fa-f]+;")


def secret_parts(value: str) -> list[str]:
    """What must not be shown of a secret value, longest first: the value, its lines, and the secrets within it.

    Those are the user, password and keys of a URL or DSN, the strings of a JSON document, the entries of a list, and
    base64-decoded text. Parts shorter than four characters are left out.
    """
    parts: set[str] = set()
    _collect(value, parts, depth=3)
    return sorted(
        (part for part in parts if len(part) >= SHORTEST and part.lower() not in WORDS),
        key=lambda part: (-len(part), part),
    )


def secret_values(environ: Mapping[str, str]) -> list[str]:
    """The values of variables whose name says that they are secret, like SECRET_KEY, or which contain a login."""
    login = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*@")
    return [value for name, value in environ.items() if is_secret(name) or login.match(value)]


def secret_names(environ: Mapping[str, str]) -> list[str]:
    """The names of the variables that are secret by their name or by a login in their value, and not empty."""
    return [name for name, value in environ.items() if value and secret_values({name: value})]


def _collect(value: str, parts: set[str], depth: int) -> None:
    value = value.strip()  # or redaction would join the lines around it
    if value in parts:
        return
    parts |= {value, *(line.strip() for line in value.splitlines())}
    if not depth:
        return
    for more in _within(value):
        if len(more) >= SHORTEST:
            _collect(more, parts, depth - 1)


def _within(value: str) -> Iterator[str]:
    """The secrets within a value."""
    if "\\n" in value:  # a PEM key on one line, as in .env files
        yield value.replace("\\r", "").replace("\\n", "\n")
    if value[:1] in {"{", "[", '"'}:
        try:
            document = json.loads(value)
        except (ValueError, RecursionError):
            document = None
        yield from _strings(document)
    elif _URL.match(value):
        yield from _url_parts(value)
    else:
        entries = re.split(r"[\s,;]+", value)
        yield from (entry for entry in entries if ("," in value and len(entry) >= 16) or looks_random(entry))
    for found in _ASSIGNMENT.findall(value):
        bare = found[1:-1] if found[0] in "'\"" else found
        yield from {bare, unquote_plus(bare)}
    if _BASE64.fullmatch(value):
        yield from _decoded(value)


def _strings(document: object, name: str = "") -> Iterator[str]:
    """The secret strings of a JSON document: with at least eight characters, or four under a name like `api_key`."""
    if isinstance(document, dict):
        for key, entry in document.items():
            yield from _strings(entry, str(key))
    elif isinstance(document, list):
        for entry in document:
            yield from _strings(entry, name)
    elif isinstance(document, str):
        public = re.fullmatch(r"https?://[^@?]*", document)  # such as the URLs in a service account's file
        if not public and len(document) >= (SHORTEST if is_secret(name) else 8):
            yield document


def _url_parts(url: str) -> Iterator[str]:
    """User and password, encoded and plain; in a URL without them, the segments that look like keys."""
    rest = url.partition("://")[2]
    before_path = re.split(r"[/?#]", rest, maxsplit=1)[0]
    # With an unencoded slash or question mark in the password this is no URL any more, but the password is secret.
    userinfo = (before_path if "@" in before_path else rest).rpartition("@")[0]
    user, _, password = userinfo.partition(":")
    for part in (user, password):
        if part not in PUBLIC_USERS:
            yield from {part, unquote(part)}
    if not userinfo:
        yield from (segment for segment in re.split(r"[/?#&=]", rest) if looks_random(segment))


def _decoded(value: str) -> Iterator[str]:
    try:
        text = base64.b64decode(value.translate(_STANDARD) + "=" * (-len(value) % 4), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return
    if all(character.isprintable() or character.isspace() for character in text):
        yield text


def looks_random(text: str) -> bool:
    """Whether the text mixes capitals, small letters and digits more often than words do."""
    kinds = ["d" if c.isdigit() else "u" if c.isupper() else "l" for c in text if c.isalnum()]
    return len(kinds) >= 7 and sum(one != two for one, two in pairwise(kinds)) >= max(2, len(kinds) / 5)


# How characters are written


def _pieces(text: str, quote_mark: str, write: Callable[[str], str]) -> str:
    """The text, written piece by piece, with `quote_mark` for single quotes."""
    return quote_mark.join(write(piece) for piece in text.split("'"))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _python(text: str) -> str:
    return repr('"' + text)[2:-1]


def _python_ascii(text: str) -> str:
    return ascii('"' + text)[2:-1]


def _python_bytes(text: str) -> str:
    return repr(b'"' + _bytes(text))[3:-1]


def _json(text: str) -> str:
    return json.dumps(text)[1:-1]


def _json_unicode(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


_JS = {ord(c): f"\\u{ord(c):04X}" for c in "\\'\"<>&=-;`"} | {n: f"\\u{n:04X}" for n in range(32)}
_JSON_IN_HTML = {ord(c): f"\\u{ord(c):04X}" for c in "<>&"}
_STANDARD, _URL_SAFE = str.maketrans("-_", "+/"), str.maketrans("+/", "-_")

Escape = Callable[[str], str]
# Escapes that change letters, digits and the punctuation of URLs, base64 and dates.
URL_ESCAPES: tuple[Escape, ...] = (
    unquote_plus,
    # Python's quote, quote_plus, JavaScript's encodeURIComponent and encodeURI, a URL's userinfo
    *(
        partial(quote, safe=safe, errors="surrogatepass")
        for safe in ("", "/", "!'()*", ";,/?:@&=+$!'()*#", "!$&'()*+,;=")
    ),
    lambda text: text.translate(_JS),  # Django's escapejs
    lambda text: _json(text).replace("/", "\\/"),  # PHP's JSON
    lambda text: re.sub(r"[=\x7f-\U0010ffff]", _quoted_printable, text),
)
NESTING: tuple[Escape, ...] = (
    _json,
    *(partial(_pieces, quote_mark=mark, write=_python) for mark in ("'", "\\'")),
)
ESCAPES: tuple[Escape, ...] = (
    *URL_ESCAPES,
    *NESTING,
    unquote,
    partial(quote_plus, errors="surrogatepass"),
    # Python's ascii() and repr() of bytes, between either kind of quotes
    *(partial(_pieces, quote_mark=mark, write=_python_ascii) for mark in ("'", "\\'")),
    *(partial(_pieces, quote_mark=mark, write=_python_bytes) for mark in ("'", "\\'")),
    # JSON with Unicode, and as Django's json_script writes it
    _json_unicode,
    lambda text: _json(text).translate(_JSON_IN_HTML),
    # HTML
    html.escape,
    lambda text: html.escape(text).replace("&#x27;", "&#39;"),
    lambda text: html.escape(text).replace("&#x27;", "&#39;").replace("&quot;", "&#34;"),
    partial(html.escape, quote=False),
    lambda text: html.escape(text).encode("ascii", "xmlcharrefreplace").decode(),
    # Shells, SQL, connection strings, CSV
    lambda text: shlex.quote(text)[1:-1] if "'" in text else text,
    lambda text: text.replace("'", "'\\''"),
    lambda text: re.sub(r'([$`"\\!])', r"\\\1", text),
    lambda text: re.sub(r'([$`"\\])', r"\\\1", text),
    lambda text: re.sub(r"[\x7f-\U0010ffff]", _octal, text),
    lambda text: re.sub(r"[\x7f-\U0010ffff]", _octal, text.replace("\\", "\\\\")),
    lambda text: re.sub(r"([^\w@%+=:,./-])", r"\\\1", text),
    lambda text: re.sub(r"([^\w@%+=:./#~-])", r"\\\1", text),  # bash's printf %q
    lambda text: re.sub(r"([\\=:#! ])", r"\\\1", text),  # Java's properties
    lambda text: text.replace("'", "''"),
    lambda text: text.replace("\\", "\\\\").replace("'", "\\'"),
    lambda text: text.replace('"', '""'),
    # Lines that end or are joined in another way
    *(lambda text, end=end: end.join(text.splitlines()) for end in ("\n", "\r\n", "")),
    lambda text: " ".join(text.split()) if "\n" in text else text,
    # A terminal that knows no UTF-8
    lambda text: text.encode("ascii", "backslashreplace").decode(),
    lambda text: _bytes(text).decode("latin-1"),
)


def forms(part: str) -> set[str]:
    """Every form in which programs print a part of a secret, the part itself included."""
    once = {part, *_escaped(part)}
    found = set(once)
    if len(once) > 1:
        for form in once if len(part) <= LARGE else ():
            found |= _escaped(form)
        nested = {part}
        for _ in range(4):  # JSON within the repr of JSON, and so on
            nested = {escape(form) for form in nested for escape in NESTING}
            found |= nested | {html.escape(form) for form in nested}
    for form in once if len(part) <= LARGE else {part}:
        for encoded in encoded_forms(form):
            found |= {encoded, *_cases(quote(encoded, safe=""))}
    found |= {*_numbers(part), *_letters(part)}
    return {form for form in found if len(form) >= SHORTEST and form.strip()}


def _escaped(text: str) -> set[str]:
    if _PLAIN.fullmatch(text):  # never escaped
        return {text}
    escapes = URL_ESCAPES if _URL_TEXT.fullmatch(text) else ESCAPES
    return {form for escaped in {escape(text) for escape in escapes} for form in _cases(escaped)}


def _quoted_printable(character: re.Match[str]) -> str:
    return "".join(f"={byte:02X}" for byte in _bytes(character[0]))


def _octal(character: re.Match[str]) -> str:
    return "".join(f"\\{byte:03o}" for byte in _bytes(character[0]))


def _numbers(text: str) -> Iterable[str]:
    """Its bytes one by one, as Python, JavaScript and openssl print them."""
    data = _bytes(text)
    return [data.hex(":"), data.hex(" "), data.hex(":").upper(), *(mark.join(map(str, data)) for mark in (",", ", "))]


def _letters(text: str) -> Iterable[str]:
    """Its characters one by one, as in a list; and in upper and lower case, as in headings and host names."""
    if len(text) > LARGE:
        return ()
    spread = [repr(list(text))[1:-1], " ".join(text)]
    return [*spread, text.upper(), text.lower()] if len(text) >= LONG else spread


def _cases(form: str) -> set[str]:
    """The form with hexadecimal codes as they are, in small letters and in capitals."""
    if not _HEX.search(form):
        return {form}
    return {form, _HEX.sub(_small, form), _HEX.sub(_large, form)}


def _small(code: re.Match[str]) -> str:
    mark: str = code[code.lastindex or 0]
    return mark + code[0][len(mark) :].lower()


def _large(code: re.Match[str]) -> str:
    mark: str = code[code.lastindex or 0]
    return mark + code[0][len(mark) :].upper()


def encoded_forms(text: str) -> Iterable[str]:
    """Base64 of the text in each of the three alignments, wrapped or not, and hexadecimal.

    Characters at both ends that also encode bits of the neighbouring text are left out.
    """
    data = _bytes(text)
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + data).decode().rstrip("=")
        whole = (before + len(data)) * 8 // 6
        core = encoded[(0, 2, 3)[before] : whole]
        yield from (core, core.translate(_URL_SAFE))
    encoded = base64.b64encode(data).decode()[: len(data) * 8 // 6]
    for width in (64, 76):
        if len(encoded) > width:
            yield from (encoded[at : at + width] for at in range(0, len(encoded), width))
    yield from (data.hex(), data.hex().upper())
