"""Where Podman's answers are others than Docker's. Standard library only, since set-up asks this module, too."""

import re

# The registry that an image's name has at Podman where Docker leaves it out, or where it was built on this machine.
_IMPLIED = re.compile(r"^(?:docker\.io/(?:library/)?|localhost/)")
# To /distribution/NAME/json, by which Docker asks a registry and which Podman has from version 6 on: the second one for
# a name without a slash. Docker's own 404 is longer: it says what wasn't found.
_NO_SUCH_PATH = re.compile(r"not found|path \S+ is not supported", re.IGNORECASE)


def as_docker(name: str) -> str:
    """An image's name as Docker lists it."""
    return _IMPLIED.sub("", name)


def in_full(name: str) -> str:
    """An image's name with the registry that Docker would ask: without a terminal, Podman's `pull` takes no other."""
    first, slash, _ = name.partition("/")
    has_registry = slash and (first == "localhost" or "." in first or ":" in first)
    return name if has_registry else f"docker.io/{name}"


def asks_no_registry(error: Exception) -> bool:
    """Whether an engine refused to look for an image because it asks no registries, so that nobody knows."""
    return bool(_NO_SUCH_PATH.fullmatch(str(getattr(error, "explanation", None) or "").strip()))
