"""What only a person can decide; each question has a default."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from infra.adoption.project import Project
from infra.names import LONGEST_NAME


@dataclass(frozen=True)
class Choices:
    """`processes` are the names of those that are run; `python_image` is empty for the stack's own default.

    `mail` is whether the settings leave it to the stack how mails are sent; only a local one has Mailpit.
    """

    stack: str
    platform: str = "local"
    processes: list[str] = field(default_factory=list)
    cache: bool = False
    mail: bool = False
    python_image: str = ""
    postgres: int = 0

    @property
    def is_local(self) -> bool:
        return self.platform == "local"


def stack_name(folder_name: str) -> str:
    """A stack's name made from the folder's: lower-case letters, digits and single hyphens."""
    name = re.sub(r"[^a-z0-9]+", "-", folder_name.lower()).strip("-")[:LONGEST_NAME].strip("-")
    return name if name and name not in {"local", "cloud"} else f"{name or 'site'}-site"


def defaults(project: Project, stack: str, platform: str = "local") -> Choices:
    """What is chosen where nobody is asked."""
    wanted = project.services.postgres
    return Choices(
        stack=stack or stack_name(project.tree.root.name),
        platform=platform,
        processes=[one.name for one in project.found.processes],
        cache=needs_cache(project),
        mail=needs_mail(project),
        postgres=int(wanted) if wanted.isdigit() and 14 <= int(wanted) <= 18 else 0,
    )


def needs_cache(project: Project) -> bool:
    return project.facts["redis"] or project.found.uses_redis or bool(project.found.celery)


def needs_mail(project: Project) -> bool:
    images = " ".join([*project.services.images, *project.services.images.values()])
    return project.facts["mail"] or bool(re.search(r"mailpit|mailhog|mailcatcher|maildev", images))


def ask(chosen: Choices, prompt: Callable[[str, str], str]) -> Choices:
    """Asks what isn't sure. `prompt` takes a question and its default, and gives the answer."""
    if chosen.processes:
        names = ", ".join(chosen.processes)
        answer = prompt(f"Which of these run beside the web: {names}?", " ".join(chosen.processes))
        chosen = replace(chosen, processes=[name for name in chosen.processes if name in re.split(r"[\s,]+", answer)])
    has_mailpit = chosen.mail and chosen.is_local
    services = " ".join([*(["valkey"] if chosen.cache else []), *(["mailpit"] if has_mailpit else [])])
    if services:
        offered = ["valkey (cache, broker)", *(["mailpit (mails)"] if chosen.is_local else []), "none"]
        answer = prompt(f"Which services does the stack run: {', '.join(offered)}?", services)
        words = re.split(r"[\s,]+", answer.lower())
        chosen = replace(chosen, cache="valkey" in words, mail="mailpit" in words if chosen.is_local else chosen.mail)
    return chosen
