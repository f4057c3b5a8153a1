"""Checks of what is around the app: its processes, its database, its alarms."""

from datetime import UTC, datetime, timedelta

from infra.commands.diagnosis import Facts, Level, check

Found = tuple[Level, str, str] | None
ERROR, WARNING = Level.ERROR, Level.WARNING
CROWDED = 0.8  # of a database's connections
BACKUP_AGE = timedelta(hours=1)  # RDS is five minutes behind


@check
def processes(facts: Facts) -> Found:
    ill = [one for one in facts.status.processes if not one.is_well]
    if not ill:
        return None
    words = ", ".join(f"{one.name}: {one.running} of {one.wanted} run, {one.health}" for one in ill)
    return ERROR, words, f"django-stack logs -s {facts.stack} {ill[0].name}"


@check
def release(facts: Facts) -> Found:
    facts.section("release")
    section = facts.status.sections["release"]
    if section.is_well:
        return None
    again = f"pulumi up -s {facts.stack}"  # which shows the failure once more; a local stack keeps no log of it
    return (
        ERROR,
        section.text,
        f"django-stack logs -s {facts.stack} --release, then {again}" if facts.is_cloud else again,
    )


@check
def alarms(facts: Facts) -> Found:
    if not facts.is_cloud:
        return None
    ringing = facts.section("alarms")["ringing"]
    assert isinstance(ringing, list)  # noqa: S101  # as the status makes it
    return (ERROR, f"{', '.join(ringing)}", "docs/operate.md, Alarms, says what to do for each") if ringing else None


@check
def maintenance(facts: Facts) -> Found:
    section = facts.status.sections.get("maintenance")
    if section is None or "error" in section.facts:
        return None  # `parts` tells of what can't be asked
    return WARNING, f"maintenance is {section.text}", f"django-stack maintenance off -s {facts.stack}"


@check
def database(facts: Facts) -> Found:
    facts.section("database")
    section = facts.status.sections["database"]
    return None if section.is_well else (ERROR, section.text, f"django-stack status -s {facts.stack}")


@check
def database_connections(facts: Facts) -> Found:
    found = facts.section("database")
    used, most = found.get("connections"), found.get("max_connections")
    if not isinstance(used, int) or not isinstance(most, int) or used < CROWDED * most:
        return None
    return (
        WARNING,
        f"{used} of {most} connections of the database are in use",
        "docs/scaling.md: pools, or a larger class",
    )


@check
def backup(facts: Facts) -> Found:
    if not facts.is_cloud:
        return None
    until = facts.section("database").get("restorable_until")
    if not until:
        return ERROR, "the database has no backup", f"pulumi config set -s {facts.stack} database-backup-days 7"
    age = datetime.now(UTC) - datetime.fromisoformat(str(until))
    if age < BACKUP_AGE:
        return None
    return WARNING, f"the newest backup is {age.total_seconds() / 3600:.0f} hours old", "RDS's events in AWS's console"


@check
def services(facts: Facts) -> Found:
    """What the status knows of the rest."""
    for name in ("media", "cache", "mail", "schedules"):
        section = facts.status.sections.get(name)
        if section and not section.is_well:
            return ERROR, f"{name}: {section.text}", f"django-stack status -s {facts.stack}"
    return None


@check
def parts(facts: Facts) -> Found:
    silent = {name: section.text for name, section in facts.status.sections.items() if "error" in section.facts}
    if not silent:
        return None
    name, text = next(iter(silent.items()))
    rights = ", and the rights of docs/cloud-operator-policy.json" if facts.is_cloud else ""
    return WARNING, f"{name} {text}", f"django-stack status -s {facts.stack}{rights}"
