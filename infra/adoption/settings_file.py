"""The settings module that a stack runs with: the project's production settings, and the contract last."""

import ast
import json

from infra.adoption import geodjango
from infra.adoption.contract_variables import BROKERS, is_key, is_of_mail, is_overwritten, stand_in
from infra.adoption.project import Project
from infra.adoption.settings_modules import own_module
from infra.adoption.tree import Tree
from infra.adoption.variables import Variable


def settings_module(project: Project) -> tuple[str, str]:
    """Dotted name and path of the module."""
    return own_module(project.settings, project.tree, project.modules.roots)


def settings_text(project: Project) -> str:
    """The module's source. All stacks of the project run it, so that it is the same whichever services each has."""
    overwritten = {one.name: _stand_in(one) for one in project.variables if is_overwritten(one)}
    # Some refuse the default that they give a key.
    overwritten |= {name: _stand_in(Variable(name, "", "unset")) for name in sorted(project.mentions) if is_key(name)}
    of_mail = {one.name: _stand_in(one) for one in project.variables if is_of_mail(one)}
    brokers = [name for name in BROKERS if name in project.mentions]
    fixes = _fixes(project)
    lines = [f'"""The settings on a stack: those of {project.settings}, and what the stack says last."""', ""]
    stood_in = bool(overwritten or of_mail)
    lines += ["import os", ""] if stood_in or brokers or project.frontend.node else []
    if brokers:
        lines += ["# The stack's Valkey is the broker, too."]
        lines += ['if "REDIS_URL" in os.environ:']
        lines += [f'    os.environ.setdefault("{name}", os.environ["REDIS_URL"])' for name in brokers]
        lines += [""]
    if stood_in:
        lines += ["# The file below can't do without these. What it makes of them is overwritten by `apply`."]
        lines += ["_STAND_INS = {", *_entries(overwritten), "}"]
        if of_mail:
            lines += ['if "EMAIL_URL" in os.environ:', "    _STAND_INS |= {", *_entries(of_mail, "    "), "    }"]
        lines += ["_ABSENT = [name for name in _STAND_INS if name not in os.environ]"]
        lines += ["os.environ.update({name: _STAND_INS[name] for name in _ABSENT})", ""]
    noqa = "  # noqa: E402, F403" if stood_in or brokers else "  # noqa: F403"
    lines += [f"from {project.settings} import *{noqa}"]
    if stood_in:
        lines += ["", "for _name in _ABSENT:", "    os.environ.pop(_name, None)", ""]
    lines += ["from django_stack.settings import apply  # noqa: E402", ""]
    lines += fixes[0]
    commands = [line.split()[0] for line in project.own.manage_commands]
    lines += [f"apply(globals(){f', build_commands={_list(commands)}' if commands else ''})"]
    lines += [*([""] if fixes[1] else []), *fixes[1]]
    return "\n".join(lines) + "\n"


def _entries(stand_ins: dict[str, str], indent: str = "") -> list[str]:
    return [f"{indent}    {_quoted(name)}: {value},  # noqa: S105" for name, value in stand_ins.items()]


def _stand_in(variable: Variable) -> str:
    """An expression for its value. What is derived from the project's own key is derived from the stack's, if set."""
    text = _quoted(stand_in(variable))
    if is_key(variable.name) and variable.name != "SECRET_KEY":
        return f'os.environ.get("SECRET_KEY") or {text}'
    return text


def _fixes(project: Project) -> tuple[list[str], list[str]]:
    """Lines before and after `apply` for what is known to be in its way."""
    before: list[str] = []
    after: list[str] = []
    if project.facts["gis"]:
        database = 'globals().setdefault("DATABASES", {}).setdefault("default", {})'
        before += [f'{database}["ENGINE"] = "{geodjango.ENGINE}"', ""]
    if _static_url_is_elsewhere(project.tree, project.chain):
        before += ['STATIC_URL = "/static/"  # the site serves them itself', ""]
    for app in ("collectfasta", "collectfast"):
        if app in project.dependencies:
            before += [
                f"# {app} replaces collectstatic by one that uploads to a bucket.",
                f'globals()["INSTALLED_APPS"] = [app for app in globals()["INSTALLED_APPS"] if app != "{app}"]',
                "",
            ]
    if project.frontend.node:
        before += [
            "# What Node built where collected files go is collected as well.",
            'if os.path.isdir(str(globals().get("STATIC_ROOT") or "")):',
            '    STATICFILES_DIRS = [*globals().get("STATICFILES_DIRS", []), str(globals()["STATIC_ROOT"])]',
            "",
        ]
    if "wagtail" in project.dependencies:
        after += ['WAGTAILADMIN_BASE_URL = globals()["SITE_URL"]']
    return before, after


def _static_url_is_elsewhere(tree: Tree, chain: list[str]) -> bool:
    """Whether static files have an address that isn't a path, such as a bucket's."""
    for path in chain:
        for node in ast.walk(tree.module(path)):
            if isinstance(node, ast.Assign) and any(
                isinstance(t, ast.Name) and t.id == "STATIC_URL" for t in node.targets
            ):
                value = node.value.value if isinstance(node.value, ast.Constant) else None
                if not isinstance(value, str) or "//" in value:
                    return True
    return False


def _quoted(text: str) -> str:
    return json.dumps(text)


def _list(words: list[str]) -> str:
    return f"[{', '.join(map(_quoted, words))}]"
