"""What a project's own Dockerfile says of the image that it needs."""

import re
import shlex
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from infra.adoption.tree import Tree

# Variables of the image that this stack's own Dockerfile sets, or that would break it.
_NOT_TAKEN = re.compile(
    r"PATH|HOME|PORT|PYTHON(?!PATH).*|VIRTUAL_ENV|DJANGO_SETTINGS_MODULE|UV_.*|PIP_.*|POETRY_.*|PIPENV_.*|"
    r"DEBIAN_FRONTEND|LC_ALL|LANG|NODE_.*|DATABASE_URL|SECRET_KEY|STATIC_ROOT|.*DEBUG"
)
_IGNORED = re.compile(r"(?:-i|--ignore)[ =][\w./*-]+")  # options of collectstatic that matter to its result
_BUILDS = re.compile(r"(?:build|webpack|vite|esbuild|tailwind|gulp|sass|rollup|parcel)")
_INSTALLS = re.compile(r"\b(?:apt|apt-get|apk|corepack|useradd)\b|\b(?:npm|yarn|pnpm) (?:ci|i|install)\b")
_NO_BUILD = {"collectstatic", "compilemessages", "migrate", "runserver", "check", "createcachetable", "loaddata"}


@dataclass(frozen=True)
class OwnDockerfile:
    """Of the last stage, unless said otherwise.

    `scripts` are the paths in the image of files that are copied one by one, with where they are in the project;
    `extras` and `groups` are those that `uv sync` or `poetry install` is told; `packages` are Debian's, of any stage.
    """

    path: str = ""
    python: str = ""
    node: str = ""
    workdir: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    scripts: dict[str, str] = field(default_factory=dict)
    packages: list[str] = field(default_factory=list)
    extras: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    requirements: str = ""  # the file that pip installs
    constraints: str = ""  # and the file of constraints that it is told
    build_script: str = ""  # of npm
    compiles_messages: bool = False
    manage_commands: list[str] = field(default_factory=list)  # of manage.py, besides collectstatic and compilemessages
    collectstatic: str = ""  # its options
    node_runs: list[str] = field(default_factory=list)  # what a stage of Node builds with
    folders: list[str] = field(default_factory=list)  # that are made in the project's folder, relative to it
    with_developers_groups: bool = False  # uv installs its default groups


def candidates(tree: Tree) -> list[str]:
    """The Dockerfiles of the project that start from Python or install it, production's first."""
    found = [
        path
        for path in tree.named(r"(?:.*\.)?[Dd]ockerfile(?:\..+)?")
        if not re.search(r"\.(?:stack|dockerignore|md|txt)", path) and re.search(r"python", tree.text(path), re.I)
    ]
    return sorted(found, key=_rank)


def _rank(path: str) -> tuple[int, int, str]:
    words = set(re.split(r"[/._-]+", path.lower()))
    kind = 0 if words & {"production", "prod"} else 2 if words & {"local", "dev", "docs", "test", "ci"} else 1
    other = 1 if words & {"docs", "uv", "aws", "postgres", "nginx", "traefik", "celery"} else 0
    return (other, kind, f"{path.count('/')}{path}")


def read_dockerfile(tree: Tree) -> OwnDockerfile:
    path = next(iter(candidates(tree)), "")
    if not path:
        return OwnDockerfile()
    arguments: dict[str, str] = {}
    state = _State()
    everything = tree.text(path)
    for instruction, rest in instructions(everything):
        _note(state, instruction, rest, arguments)
    runs = "\n".join(state.runs)
    python = [image for image in state.images if re.search(r"python:?-?\d", image) or "python" in image]
    version = next((found[1] for image in reversed(python) if (found := re.search(r"(3\.\d+)", image))), "")
    return OwnDockerfile(
        path=path,
        python=version,
        node=_node(state.images, runs, arguments),
        workdir=state.workdir,
        variables={name: value for name, value in state.variables.items() if not _NOT_TAKEN.fullmatch(name)},
        scripts=state.scripts,
        packages=_packages(runs),
        extras=_extras(runs),
        constraints=next(iter(re.findall(r"pip3? install[^&;|\n]*?(?:-c|--constraint)[ =]\s*(\S+)", runs)), ""),
        groups=re.findall(r"--(?:group|with)[= ]([\w-]+)", runs),
        requirements=next(iter(re.findall(r"-r\s*\S*?((?:requirements/)?[\w.-]+\.txt)", runs)), ""),
        build_script=next(iter(re.findall(r"(?:npm run|yarn(?: run)?|pnpm(?: run)?) ([\w:-]*build[\w:-]*)", runs)), ""),
        compiles_messages="compilemessages" in runs,
        manage_commands=_manage_commands(runs),
        node_runs=[run for run in state.node_runs if _BUILDS.search(run) and not _INSTALLS.search(run)],
        folders=_folders(runs, state.workdir),
        with_developers_groups=_with_default_groups(runs),
        collectstatic=" ".join(_IGNORED.findall(next(iter(re.findall(r"collectstatic([^&;|\n]*)", runs)), ""))),
    )


def instructions(text: str) -> list[tuple[str, str]]:
    """The instructions of a Dockerfile with what follows them, in one line each."""
    without_comments = re.sub(r"^[ \t]*#.*\n?", "", text, flags=re.MULTILINE)
    lines = re.sub(r"\\[ \t]*\n", " ", without_comments).splitlines()
    found = [line.strip().split(maxsplit=1) for line in lines if line.strip()]
    return [(words[0].upper(), words[1] if len(words) > 1 else "") for words in found]


def base_image(rest: str) -> str:
    """The image of what follows a FROM, which may begin with `--platform=…`."""
    return next((word for word in rest.split() if not word.startswith("--")), "")


@dataclass
class _State:
    workdir: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    scripts: dict[str, str] = field(default_factory=dict)
    images: list[str] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    node_runs: list[str] = field(default_factory=list)
    stages: dict[str, tuple[dict[str, str], str]] = field(default_factory=dict)  # variables and folder, by name
    stage: str = ""

    def begin(self, rest: str) -> None:
        """Begins the stage of what follows a FROM, with what the stage that it starts from has."""
        self.stages[self.stage] = (self.variables, self.workdir)
        image = base_image(rest)
        named = re.search(r"\sas\s+(\S+)", rest, re.IGNORECASE)
        self.images.append(image)
        inherited = self.stages.get(image.lower(), ({}, ""))
        self.stage, self.variables, self.workdir = named[1].lower() if named else "", dict(inherited[0]), inherited[1]


def _note(state: _State, instruction: str, rest: str, arguments: dict[str, str]) -> None:
    rest = re.sub(r"\$\{?(\w+)(?::-[^}]*)?\}?", lambda found: arguments.get(found[1], found[0]), rest)
    match instruction:
        case "FROM":
            state.begin(rest)
        case "ARG":
            name, _, value = rest.partition("=")
            if value:
                arguments[name.strip()] = value.strip().strip("\"'")
        case "ENV":
            state.variables |= _pairs(rest)
        case "WORKDIR":
            state.workdir = rest.strip().rstrip("/") if "$" not in rest and rest.startswith("/") else state.workdir
        case "COPY" | "ADD":
            words = [word for word in rest.split() if not word.startswith("--")]
            if len(words) == 2 and words[1].startswith("/") and "--from" not in rest:
                state.scripts[words[1]] = words[0].removeprefix("./")
        case "RUN":
            state.runs.append(rest)
            if state.images and re.search(r"(?:^|/)node:", state.images[-1]):
                state.node_runs.append(re.sub(r"^(?:--\w+\S*\s+)*", "", rest))


def _extras(runs: str) -> list[str]:
    """Those that uv or Poetry is told."""
    found = re.findall(r"--extra[= ]([\w-]+)", runs)
    for line in re.findall(r"poetry install([^&;|\n]*)", runs):
        found += re.findall(r"-E[= ]?([\w-]+)", line)
        for several in re.findall(r"""--extras[= ](?:"([^"]+)"|'([^']+)'|([\w-]+))""", line):
            found += "".join(several).split()
    return list(dict.fromkeys(found))


def _folders(runs: str, workdir: str) -> list[str]:
    """The folders that are made within the project's own."""
    found: dict[str, None] = {}
    for words in re.findall(r"\bmkdir\s+(?:-p\s+)?((?:[\w./-]+[ \t]*)+)", runs):
        for word in words.split():
            inside = word.removeprefix(f"{workdir}/") if workdir else word
            if not inside.startswith(("/", ".", "-")) and ".." not in inside:
                found[inside.rstrip("/")] = None
    return list(found)


def _with_default_groups(runs: str) -> bool:
    """Whether uv installs the groups for developers as well: it does, unless it is told otherwise."""
    installs = re.findall(r"uv sync([^&;|\n]*)", runs)
    return bool(installs) and not any(re.search(r"--no-dev|--no-default-groups|--only-group", one) for one in installs)


def _pairs(rest: str) -> dict[str, str]:
    """The variables of an ENV, those alone whose value doesn't depend on others."""
    try:
        words = shlex.split(rest)
    except ValueError:
        return {}
    if words and "=" not in words[0]:
        words = [f"{words[0]}={' '.join(words[1:])}"]
    pairs = dict(word.split("=", 1) for word in words if "=" in word)
    return {name: value for name, value in pairs.items() if "$" not in value and name.isidentifier()}


def _node(images: list[str], runs: str, arguments: dict[str, str]) -> str:
    """The major version of Node that the image has; nothing if it has none, or any."""
    for image in images:
        if found := re.search(r"(?:^|/)node:(\d+)", image):
            return found[1]
    if found := re.search(r"nodesource\.com/setup_\{?(\d+|\$\w+)", runs):
        return found[1] if found[1].isdigit() else arguments.get(found[1].strip("$"), "")
    return ""


def _packages(runs: str) -> list[str]:
    """Debian's packages that are installed."""
    names: dict[str, None] = {}
    for line in re.findall(r"apt(?:-get)?[^&;\n]*?\binstall\b([^&;\n|]*)", runs):
        names |= dict.fromkeys(word for word in line.split() if re.fullmatch(r"[a-z0-9][a-z0-9.+-]+", word))
    return list(names)


def _manage_commands(runs: str) -> list[str]:
    """What the image's build has manage.py do."""
    found = re.findall(
        r"(?:^|&&|;)\s*(?:\w+=\S+\s+)*(?:uv run\s+|poetry run\s+)?(?:python3?\s+)?\S*manage\.py\s+([a-z_]+[^&;|\n]*)",
        runs,
        re.MULTILINE,
    )
    return [" ".join(line.split()) for line in found if line.split()[0] not in _NO_BUILD]


def script(tree: Tree, own: OwnDockerfile, name: str) -> str:
    """The command that a script of the image ends with (`exec celery …`); nothing if it can't be told."""
    path = own.scripts.get(name) or (name.removeprefix("./") if tree.has(name.removeprefix("./")) else "")
    if not path:
        beside = [one for one in tree.paths if PurePosixPath(one).name == PurePosixPath(name).name and "." not in one]
        path = beside[0] if len(beside) == 1 else ""
    joined = re.sub(r"\\[ \t]*\n\s*", " ", tree.text(path))
    last = [line.strip() for line in joined.splitlines() if line.strip().startswith("exec ")]
    return last[-1].removeprefix("exec ").strip() if last else ""
