"""Which server an adopted image runs: the project's own for ASGI, or gunicorn by the package's configuration."""

from infra.adoption.dependencies import Dependencies
from infra.adoption.settings_modules import SettingsModules

# Servers with which the package was tried, and how they are told where to listen.
_ASGI = {
    "uvicorn": ["uvicorn", "{application}", "--host", "0.0.0.0", "--port", "8000"],  # noqa: S104  # in a container
    "daphne": ["daphne", "-b", "0.0.0.0", "-p", "8000", "{application}"],  # noqa: S104
    "granian": ["granian", "--interface", "asgi", "--host", "0.0.0.0", "--port", "8000", "{application}"],  # noqa: S104
}


def asgi_server(modules: SettingsModules, dependencies: Dependencies) -> str:
    """The server for ASGI that the project names, if it has no gunicorn, or has Channels; nothing for WSGI."""
    declared = dependencies.declared
    own = f"{modules.asgi.replace('.', '/')}.py"
    if any(path == own or path.endswith(f"/{own}") for path in modules.forced):
        return ""
    if not modules.asgi or ("gunicorn" in declared and "channels" not in declared):
        return ""
    return next((name for name in _ASGI if name in declared), "")


def command(modules: SettingsModules, dependencies: Dependencies) -> list[str]:
    """The image's command. A wsgi.py that is missing, or names its own settings, gives way to the package's."""
    if server := asgi_server(modules, dependencies):
        return [word.format(application=f"{modules.asgi}:application") for word in _ASGI[server]]
    return ["python", "-m", "django_stack.gunicorn_config", wsgi(modules)]


def wsgi(modules: SettingsModules) -> str:
    """The dotted module whose `application` gunicorn serves."""
    own = f"{modules.wsgi.replace('.', '/')}.py"
    is_forced = any(path == own or path.endswith(f"/{own}") for path in modules.forced)
    return modules.wsgi if modules.wsgi and not is_forced else "django_stack.wsgi"
