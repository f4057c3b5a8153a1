"""Who may be written over, and whose data may leave: the rules about production, for `copy` and `load`."""

import shlex
from collections.abc import Mapping

from infra.commands.data.ends import DataError
from infra.commands.operations.versions import setting

PROTECTED = "platform cloud with keep-data, or media in a bucket from elsewhere"


def keeps_data(settings: Mapping[str, object]) -> bool:
    """Whether a stack in the cloud has keep-data, by the settings in its file."""
    return setting(settings, "keep-data").lower() != "false"


def check(target: str, into_production: str, *, target_is_production: bool) -> None:
    """Raises DataError unless whoever replaces the data of a protected stack has typed its name."""
    if target_is_production and into_production != target:
        typed = f", not {into_production}" if into_production else ""
        raise DataError(
            f"The stack {target} is protected ({PROTECTED}), so its data are only replaced when its name is "
            f"typed out{typed}. Fix: the same with --into-production {shlex.quote(target)}"
        )
    if into_production and not target_is_production:
        raise DataError(
            f"--into-production {into_production}: the stack {target} isn't protected. Fix: the same without it"
        )


def check_scrub(source: str, *, source_is_production: bool, scrub: str, unscrubbed: bool) -> None:
    """Raises DataError unless it was said what becomes of the personal data of a protected stack."""
    if scrub and unscrubbed:
        raise DataError("--scrub and --unscrubbed exclude each other. Fix: the same with one of them")
    if source_is_production and not (scrub or unscrubbed):
        raise DataError(
            f"The stack {source} is protected ({PROTECTED}), so its data are of real people. Fix: the same "
            f"with --scrub 'python manage.py COMMAND', which removes what is personal; or with --unscrubbed"
        )
