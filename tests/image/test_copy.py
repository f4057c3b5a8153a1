"""`django-stack copy` between two stacks on the Docker engine, which are made without Pulumi."""

from __future__ import annotations

import pytest

from tests.bare_stacks import BareStack, BareStacks
from tests.image.test_dump import files, write

pytestmark = pytest.mark.docker

# Names that need quotes, keys, an extension, a sequence, a view with rows, a comment, a large object, settings.
CONTENT = (
    "CREATE EXTENSION pg_trgm",
    "COMMENT ON EXTENSION pg_trgm IS 'not ours'",
    'CREATE SCHEMA "Weird one"',
    """CREATE TABLE "Weird one"."T|x" (id serial PRIMARY KEY, text text, at timestamptz DEFAULT now())""",
    """INSERT INTO "Weird one"."T|x" (text) SELECT md5(i::text) FROM generate_series(1, 5000) i""",
    """CREATE INDEX ON "Weird one"."T|x" USING gin (text gin_trgm_ops)""",
    """CREATE TABLE child (id int PRIMARY KEY, x int REFERENCES "Weird one"."T|x", body bytea)""",
    "INSERT INTO child SELECT i, i, decode(md5(i::text), 'hex') FROM generate_series(1, 1000) i",
    "COMMENT ON TABLE child IS 'a child''s'",
    "CREATE MATERIALIZED VIEW seen AS SELECT count(*) FROM child",
    "SELECT lo_from_bytea(4711, 'large')",
    "ALTER DATABASE app SET work_mem = '8MB'",
)


@pytest.fixture(scope="module")
def pair(stacks: BareStacks) -> tuple[BareStack, BareStack]:
    """One with data, and one with other data, whose database has settings of its own."""
    source, target = stacks.make("a"), stacks.make("b")
    for statement in CONTENT:
        source.query(statement)
    target.query("CREATE TABLE its_own AS SELECT 1 AS one")
    target.query("ALTER DATABASE app SET search_path TO '$user', public")
    return source, target


def test_a_copy_is_equal_and_scrubbed_and_the_old_database_is_kept(
    stacks: BareStacks, pair: tuple[BareStack, BareStack]
) -> None:
    source, target = pair
    program = "from django.db import connection as c; c.cursor().execute('UPDATE child SET body = NULL')"
    scrub = f'python manage.py shell -c "{program}"'
    status, output = stacks.run("copy", "--database", "a", "b", "--yes", "--scrub", scrub)
    assert status == 0, output
    wanted, found = source.checksums(), target.checksums()
    assert {name for name in wanted if wanted[name] != found[name]} == {"child"}
    assert "gallery_picture" in found, "the migrations of the target's version"
    for query in (
        "SELECT count(*) FROM child WHERE body IS NOT NULL",
        """SELECT nextval('"Weird one"."T|x_id_seq"')""",
        "SELECT * FROM seen",
        "SELECT lo_get(4711)",
        "SELECT obj_description('child'::regclass)",
        "SELECT tableowner FROM pg_tables WHERE tablename = 'child'",
    ):
        assert target.query(query) == {
            "SELECT count(*) FROM child WHERE body IS NOT NULL": [(0,)],
        }.get(query, source.query(query)), query
    assert target.query("SHOW search_path") == [('"$user", public',)]
    assert target.query("SHOW work_mem") == [("4MB",)], "settings of a database are the target's own"
    (old,) = target.databases() - {"app"}
    assert target.query("SELECT one FROM its_own", old) == [(1,)]
    done = stacks.run("restore", "-s", "b", "--yes", old)
    assert done[0] == 0, done[1]
    assert target.query("SELECT one FROM its_own") == [(1,)]
    assert len(target.databases()) == 2
    assert stacks.run("data", "drop-old", "-s", "b", "--yes")[0] == 0
    assert target.databases() == {"app"}


def test_limits_of_time_that_a_user_was_given_end_no_copy(
    stacks: BareStacks, pair: tuple[BareStack, BareStack]
) -> None:
    """In a database that Django doesn't use, so that only a copy's own session meets them."""
    _, target = pair
    for limit in ("idle_session_timeout", "statement_timeout"):
        target.query(f"ALTER ROLE CURRENT_USER IN DATABASE postgres SET {limit} = '10ms'")
    try:
        status, output = stacks.run("copy", "--database", "a", "b", "--yes")
    finally:
        target.query("ALTER ROLE CURRENT_USER IN DATABASE postgres RESET ALL")
    assert status == 0, output
    assert stacks.run("data", "drop-old", "-s", "b", "--yes")[0] == 0


def test_media_are_replaced_only_for_a_database_that_is_taken(
    stacks: BareStacks, pair: tuple[BareStack, BareStack]
) -> None:
    for stack, content in zip(pair, (b"new", b"old"), strict=True):
        done = stack.web.exec_run(["sh", "-c", "mkdir -p /data/media && chmod 777 /data/media"], user="root")
        assert done.exit_code == 0
        write(stack, "mug.png", content)
    _, target = pair
    before = target.databases()

    def refused(*words: str) -> str:
        status, output = stacks.run("copy", "a", "b", "--yes", *words)
        assert (status, target.databases()) == (1, before), output
        assert files(target) == {"mug.png": b"old"}
        return output

    assert "exit status 7" in refused("--scrub", "sh -c 'exit 7'")
    assert target.web.exec_run(["chmod", "555", "/data/media"], user="root").exit_code == 0
    assert "b serves the database that it served, with the objects that were copied before this" in refused()
    assert target.web.exec_run(["chmod", "777", "/data/media"], user="root").exit_code == 0
    output = stacks.check("copy", "a", "b", "--yes")
    assert output.index("1 object, 3 bytes copied") < output.index("Swapping the names")
    assert files(target) == {"mug.png": b"new"}
    assert stacks.run("data", "drop-old", "-s", "b", "--yes")[0] == 0


def test_a_dry_run_and_a_fault_change_nothing(stacks: BareStacks, pair: tuple[BareStack, BareStack]) -> None:
    _, target = pair
    before = target.databases()
    status, output = stacks.run("copy", "--database", "a", "b", "--dry-run")
    assert status == 0, output
    assert "pg_trgm 1.6" in output
    control = "/usr/share/postgresql/*/extension/pg_trgm.control"
    assert target.database.exec_run(["sh", "-c", f"mv {control} /tmp/"], user="root")[0] == 0
    status, output = stacks.run("copy", "--database", "a", "b", "--yes")
    assert status == 1
    assert "lacks the extension pg_trgm" in output
    assert target.databases() == before
