"""Command lines as Procfiles, Dockerfiles, YAML lists and web pages have them: refused, with the line that works."""

import pytest

from infra.command_line import CommandLineError, split


@pytest.mark.report("heroku-container-tools#94")
@pytest.mark.parametrize(
    ("line", "fix"),
    [
        ('["gunicorn", "config.wsgi", "--name", "my site"]', "gunicorn config.wsgi --name 'my site'"),
        ("web: gunicorn config.wsgi", "gunicorn config.wsgi"),
        ("release: python manage.py migrate", "python manage.py migrate"),
        ("web: gunicorn x -b :$PORT", 'sh -c "exec gunicorn x -b :$PORT"'),
        ("python manage.py migrate \u2013noinput", "python manage.py migrate --noinput"),
        ("python\u00a0manage.py migrate", "python manage.py migrate"),
        ("\ufeffpython manage.py migrate", "python manage.py migrate"),
        ("python manage.py x --title \u201cmy site\u201d", 'python manage.py x --title "my site"'),
        ("gunicorn config.wsgi &", "gunicorn config.wsgi"),
        ("gunicorn config.wsgi;", "gunicorn config.wsgi"),
    ],
)
def test_what_is_pasted_from_elsewhere_is_refused_with_the_line_that_works(line: str, fix: str) -> None:
    with pytest.raises(CommandLineError) as error:
        split(line)
    assert error.value.fix == fix
    split(fix)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("python manage.py x --title 'Anna\u2019s \u201csite\u201d \u2013 here'", 5),
        ("python manage.py x --title=Anna\u2019s", 4),
        ("python manage.py x a\u2013b", 4),
        ("[", 1),
        ("C:/python x", 2),
        ("manage.py x a:", 3),
    ],
)
def test_such_characters_within_arguments_are_theirs(line: str, words: int) -> None:
    assert len(split(line)) == words
