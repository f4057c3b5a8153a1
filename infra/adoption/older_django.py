"""What a project's code takes from Django that newer releases no longer have, found in its imports.

The names are those of Django's own lists of what each release removed:
https://docs.djangoproject.com/en/5.2/internals/deprecation/
"""

import ast

from infra.adoption.tree import Tree

# Names by module, with the release that removed them; an empty name is the whole module.
REMOVED: dict[str, dict[str, str]] = {
    "django.conf.urls": {"url": "4.0", "patterns": "1.10"},
    "django.core.urlresolvers": {"": "2.0"},
    "django.utils.encoding": {"force_text": "4.0", "smart_text": "4.0", "python_2_unicode_compatible": "3.0"},
    "django.utils.translation": {
        "ugettext": "4.0", "ugettext_lazy": "4.0", "ugettext_noop": "4.0", "ungettext": "4.0", "ungettext_lazy": "4.0",
    },
    "django.utils.http": {"urlquote": "4.0", "urlquote_plus": "4.0", "is_safe_url": "4.0"},
    "django.utils.six": {"": "3.0"},
    "django.utils": {"six": "3.0"},
    "django.utils.lru_cache": {"": "3.0"},
    "django.contrib.postgres.fields": {"JSONField": "4.0", "CICharField": "5.1", "CIEmailField": "5.1"},
    "django.contrib.staticfiles.templatetags.staticfiles": {"": "3.0"},
    "django.shortcuts": {"render_to_response": "3.0"},
    "django.utils.timezone": {"utc": "5.0", "FixedOffset": "3.1"},
    "django.db.models": {"NullBooleanField": "4.0", "get_model": "1.9"},
    "django.core.files.storage": {"get_storage_class": "5.1"},
    "django.contrib.auth.views": {"login": "2.1", "logout": "2.1"},
}  # fmt: skip


def removed(tree: Tree) -> list[str]:
    """Imports of what Django 5.2 no longer has, each with its file and line; tests and migrations don't count.

    One in a `try` has another way to go on.
    """
    found = []
    for path in tree.python_files:
        words = set(path.removesuffix(".py").split("/"))
        if words & {"migrations", "tests", "test", "docs"} or words & {"conftest"} or "django" not in tree.text(path):
            continue
        for node in _outside_of_try(tree.module(path)):
            if isinstance(node, ast.ImportFrom) and node.module in REMOVED and not node.level:
                names = REMOVED[node.module]
                for alias in node.names:
                    if release := names.get(alias.name) or names.get(""):
                        found.append(f"{path}:{node.lineno} imports {alias.name} of {node.module} (until {release})")
    return found


def _outside_of_try(module: ast.Module) -> list[ast.stmt]:
    """The statements that an import of the module runs."""
    found: list[ast.stmt] = []
    waiting: list[ast.stmt] = [*module.body]
    while waiting:
        node = waiting.pop(0)
        found.append(node)
        if isinstance(node, ast.ClassDef):
            waiting += node.body
    return found
