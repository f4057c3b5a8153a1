"""What runs beside the web: commands of supervisor, uWSGI, systemd, compose and the like; and jobs at their times."""

from pathlib import Path

import pytest

from infra import command_line
from infra.adoption.commands import portable
from infra.adoption.processes import Found
from infra.adoption.project import read_project
from infra.contract.cron import parts
from tests.joining import projects
from tests.joining.conftest import MakeProject


def found_in(folder: Path, path: str, text: str) -> Found:
    projects.make(folder)
    projects.write(folder, path, text)
    return read_project(folder).found


def commands(found: Found) -> dict[str, str]:
    return {one.name: one.command for one in found.processes}


@pytest.mark.parametrize(
    ("line", "plain"),
    [
        ("/opt/shop/venv/bin/python3 /opt/shop/manage.py rqworker high low", "python manage.py rqworker high low"),
        ("./manage.py sendalerts", "python manage.py sendalerts"),
        ("exec celery -A shop worker", "celery -A shop worker"),
        ("uv run celery -A shop worker", "celery -A shop worker"),
        ("REMAP_SIGTERM=SIGQUIT celery -A shop worker", "env REMAP_SIGTERM=SIGQUIT celery -A shop worker"),
        ("python manage.py migrate && celery -A shop worker", "celery -A shop worker"),
        ("python3.12 -u manage.py run_huey", "python manage.py run_huey"),
        ("./manage.py run_huey --settings=shop.live -f", "python manage.py run_huey -f"),
        (
            "DJANGO_SETTINGS_MODULE=shop.live A=1 ./manage.py run_huey --settings live",
            "env A=1 python manage.py run_huey",
        ),
        ("celery -A shop worker -n w@%h", "celery -A shop worker -n w@%h"),
        ("celery -A shop worker -c $N", 'sh -c "exec celery -A shop worker -c $N"'),
    ],
)
def test_a_command_line_becomes_one_that_the_settings_take(line: str, plain: str) -> None:
    assert portable(line) == plain
    assert command_line.split(portable(line))


def test_programs_of_supervisor_are_processes_and_its_web_is_not(tmp_path: Path) -> None:
    found = found_in(
        tmp_path,
        "deploy/supervisord.conf",
        """
        [supervisord]
        nodaemon=true
        [program:uwsgi]
        command=uwsgi --ini uwsgi.ini
        [program:tasks]
        command=/code/venv/bin/python manage.py run_huey -f ; one is enough
        [program:imports]
        command=python manage.py watch_imports --forever
        """,
    )
    assert commands(found) == {
        "worker": "python manage.py run_huey -f",
        "watch-imports": "python manage.py watch_imports --forever",
    }


def test_daemons_of_uwsgi_are_processes_but_those_with_values_of_its_own(tmp_path: Path) -> None:
    found = found_in(
        tmp_path,
        "docker/uwsgi.ini",
        "[uwsgi]\nattach-daemon = ./manage.py sendalerts --skip-checks\n"
        "if-env = SMTPD_PORT\nattach-daemon = ./manage.py smtpd --port %(_)\nendif =\n",
    )
    assert commands(found) == {"sendalerts": "python manage.py sendalerts --skip-checks"}
    assert [text for text in found.left if "smtpd" in text]


def test_services_of_systemd_are_processes(tmp_path: Path) -> None:
    projects.make(tmp_path)
    unit = "[Unit]\nDescription=x\n[Service]\nType={}\nEnvironment=A=1\nEnvironment=B=2\nExecStart={}\n"
    worker = "/opt/shop/venv/bin/python3 /opt/shop/manage.py rqworker high"
    projects.write(tmp_path, "contrib/shop-rq.service", unit.format("simple", worker))
    projects.write(tmp_path, "contrib/shop.service", unit.format("simple", "/opt/shop/venv/bin/gunicorn shop.wsgi"))
    projects.write(tmp_path, "contrib/shop-clean.service", unit.format("oneshot", "./manage.py housekeeping"))
    projects.write(tmp_path, "contrib/shop-clean.timer", "[Timer]\nOnCalendar=daily\n")
    found = read_project(tmp_path).found
    assert commands(found) == {"worker": "python manage.py rqworker high"}
    assert [text for text in found.left if text.startswith("contrib/shop-clean.timer ")]


def test_the_same_work_in_two_files_runs_once_and_two_queues_of_one_file_twice(tmp_path: Path) -> None:
    projects.make(tmp_path)
    projects.write(
        tmp_path,
        "compose.yaml",
        """
        services:
          worker: {build: ., command: celery -A shop worker -l info}
          mails: {build: ., command: celery -A shop worker -Q mails}
          watch: {build: ., command: python manage.py watch, restart: unless-stopped}
          seed: {build: ., command: python manage.py seed}
        """,
    )
    projects.write(
        tmp_path,
        "Procfile",
        "web: gunicorn shop.wsgi\nworker: REMAP_SIGTERM=SIGQUIT celery -A shop worker --loglevel=info\n",
    )
    found = read_project(tmp_path).found
    assert commands(found) == {
        "worker": "celery -A shop worker -l info",
        "mails": "celery -A shop worker -Q mails",
        "watch": "python manage.py watch",
    }
    assert [text for text in found.left if text.startswith("seed ")], "it may be meant to run once"


def test_a_name_that_the_stack_has_itself_is_not_a_process_s(tmp_path: Path) -> None:
    found = found_in(tmp_path, "Procfile", "scheduler: python manage.py scheduler\nrelease-web: ./manage.py release\n")
    assert list(commands(found)) == ["process", "process-release"]


@pytest.mark.parametrize(
    ("path", "text", "job"),
    [
        ("etc/cron.d/shop", "*/5 * * * * www-data cd /srv && ./manage.py poll\n", ("poll", "*/5 * * * *", "poll")),
        ("crontab", "@hourly python manage.py poll > /dev/null\n", ("poll", "0 * * * *", "poll")),
        ("uwsgi.ini", "[uwsgi]\ncron = 59 2 -1 -1 -1 ./manage.py poll --all\n", ("poll", "59 2 * * *", "poll --all")),
        ("uwsgi.ini", "[uwsgi]\ncron = -5 -1 -1 -1 -1 ./manage.py poll\n", ("poll", "*/5 * * * *", "poll")),
        (
            "compose.yaml",
            "services:\n  web:\n    build: .\n    labels:\n      ofelia.enabled: 'true'\n"
            "      ofelia.job-exec.poll.schedule: '0 30 4 * * *'\n"
            "      ofelia.job-exec.poll.command: ./manage.py poll\n",
            ("poll", "30 4 * * *", "poll"),
        ),
        (
            "compose.yaml",
            "services:\n  web:\n    build: .\n    labels:\n    - ofelia.job-exec.x.schedule=@every 10m\n"
            "    - ofelia.job-exec.x.command=python manage.py poll\n",
            ("poll", "*/10 * * * *", "poll"),
        ),
        (
            "render.yaml",
            "services:\n- {type: cron, name: x, schedule: '0 4 * * *', startCommand: python manage.py poll}\n",
            ("poll", "0 4 * * *", "poll"),
        ),
    ],
)
def test_jobs_are_found_where_projects_have_them(
    path: str, text: str, job: tuple[str, str, str], tmp_path: Path
) -> None:
    (found,) = found_in(tmp_path, path, text).jobs
    assert (found.name, found.cron, found.command) == (job[0], job[1], f"python manage.py {job[2]}")
    assert found.source == path


def ofelia(when: str) -> str:
    labels = f"ofelia.job-exec.x.schedule: '{when}', ofelia.job-exec.x.command: python manage.py poll"
    return f"services: {{web: {{build: ., labels: {{{labels}}}}}}}\n"


@pytest.mark.parametrize(
    ("when", "cron"),
    [
        ("@every 1m", "*/1 * * * *"),
        ("@every 30m", "*/30 * * * *"),
        ("@every 60m", "0 * * * *"),
        ("@every 1h", "0 */1 * * *"),
        ("@every 8h", "0 */8 * * *"),
        ("@every 24h", "0 0 * * *"),
        ("@daily", "0 0 * * *"),
        # Cron's steps begin anew with each hour and day.
        *((when, "") for when in ("@every 90m", "@every 45m", "@every 120m", "@every 7h", "@every 36h")),
        *((when, "") for when in ("@every 0m", "@every 0h", "@every 30s", "@every 1h30m", "30 0 4 * * *")),
    ],
)
def test_an_interval_of_ofelia_that_cron_does_not_have_stays_behind(when: str, cron: str, tmp_path: Path) -> None:
    found = found_in(tmp_path, "compose.yaml", ofelia(when))
    left = [text for text in found.left if repr(when) in text and "name a time in schedules" in text]
    assert ([one.cron for one in found.jobs], len(left)) == (([cron], 0) if cron else ([], 1))


@pytest.mark.parametrize(
    ("fields", "minutes", "days", "months"),
    [
        ("-15 -1 -1 -1 -1", [0, 15, 30, 45], list(range(1, 32)), list(range(1, 13))),
        ("0 0 -5 -1 -1", [0], [5, 10, 15, 20, 25, 30], list(range(1, 13))),
        ("0 0 1 -3 -1", [0], [1], [3, 6, 9, 12]),
    ],
)
def test_an_interval_of_uwsgi_means_what_its_number_divides(
    fields: str, minutes: list[int], days: list[int], months: list[int], tmp_path: Path
) -> None:
    (job,) = found_in(tmp_path, "uwsgi.ini", f"[uwsgi]\ncron = {fields} ./manage.py poll\n").jobs
    found = parts(job.cron)
    assert (found[0], found[2], found[3]) == (minutes, days, months)


def test_jobs_of_django_crontab_are_found_in_the_settings(read: MakeProject, tmp_path: Path) -> None:
    read()
    projects.add(
        tmp_path / "shop",
        "shop/settings.py",
        """
        CRONJOBS = [
            ("0 5 * * *", "django.core.management.call_command", ["clearsessions"]),
            ("*/5 * * * *", "papers.cron.look_again", ">> /tmp/log"),
        ]
        """,
    )
    found = read_project(tmp_path / "shop").found.jobs
    assert [(one.name, one.cron, one.command) for one in found] == [
        ("clearsessions", "0 5 * * *", "python manage.py clearsessions"),
        (
            "look-again",
            "*/5 * * * *",
            "python manage.py shell -c 'from papers.cron import look_again; look_again()'",
        ),
    ]


def test_what_can_not_be_a_schedule_is_named_with_the_reason(read: MakeProject, tmp_path: Path) -> None:
    found = read(projects.crontab).found
    assert [one.name for one in found.jobs] == ["clearsessions"]
    assert [text for text in found.left if "pg_dump_all" in text and "set it in schedules" in text]
    projects.write(tmp_path / "shop", "deploy/crontab", "0 3 1 * 1 ./manage.py report\n")
    projects.write(tmp_path / "shop", "app.json", '{"addons": ["heroku-postgresql", "scheduler:standard"]}')
    left = read_project(tmp_path / "shop").found.left
    assert [text for text in left if "report" in text and "both a day of the month and a day of the week" in text]
    assert [text for text in left if "Heroku's Scheduler" in text]


def test_cron_itself_needs_no_process_and_a_command_of_that_name_does(tmp_path: Path) -> None:
    found = found_in(
        tmp_path,
        "compose.yaml",
        """
        services:
          jobs: {build: ., command: supercronic /app/crontab, restart: always}
          mails: {build: ., command: python manage.py cron --forever, restart: always}
        """,
    )
    assert commands(found) == {"cron": "python manage.py cron --forever"}
    assert found.left == []
