"""The SQL of a copy, for psql. Names of databases go through `identifier` or `literal`."""

# A table's rows for each table of the project's own: not those of the server or of extensions.
ROWS = r"""
SELECT format('SELECT %L, count(*) FROM %s', c.oid::regclass, c.oid::regclass)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    AND NOT EXISTS (SELECT FROM pg_depend d
        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY n.nspname, c.relname
\gexec
"""
# All but the server's own tables, whose analysis takes longer than that of a small database.
ANALYZE = r"""
SELECT format('ANALYZE %s', c.oid::regclass) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
\gexec
"""
# Names are written in full whatever the database's own search path is.
IN_FULL = "SET search_path = '';\n"

# The databases of a server with their sizes.
DATABASES = """
SELECT json_object_agg(datname, pg_database_size(oid)) FROM pg_database
WHERE NOT datistemplate AND pg_has_role(datdba, 'MEMBER')
"""

FACTS = f"""
SELECT json_build_object(
    'version', current_setting('server_version_num')::int / 10000,
    'name', current_database(),
    'size', pg_database_size(current_database()),
    'comment', (SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()),
    'extensions', (SELECT coalesce(json_object_agg(extname, extversion), '{{}}') FROM pg_extension
                   WHERE extname <> 'plpgsql'),
    'available', (SELECT json_object_agg(name, default_version) FROM pg_available_extensions),
    'databases', ({DATABASES}))
"""  # noqa: S608  # by our own text

# Whether the server's programs were built with LZ4, and their archives can be compressed by it.
LZ4 = """
SELECT current_setting('server_version_num')::int >= 160000
    AND EXISTS (SELECT FROM pg_settings WHERE name = 'wal_compression' AND 'lz4' = ANY (enumvals))
"""

# A snapshot that lasts as long as the session's transaction, and what is known of the database then.
SNAPSHOT = f"""
BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY;
SELECT json_build_object(
    'snapshot', pg_export_snapshot(),
    'version', current_setting('server_version_num')::int / 10000,
    'size', pg_database_size(current_database()),
    'lz4', ({LZ4}),
    'extensions', (SELECT coalesce(json_agg(extname), '[]') FROM pg_extension WHERE extname <> 'plpgsql'))
"""  # noqa: S608  # by our own text

# Whether no other copy runs into this server, by a lock that ends with its session. The number is "copy" in ASCII.
LOCK = "SELECT pg_try_advisory_lock(x'636f7079'::int)"


def identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def connect(name: str) -> str:
    """Has psql go on with another database of its server."""
    return f"\\connect {identifier(name)}\n"


def create(new: str, like: str) -> str:
    """Makes an empty database with the encoding and the locale of another one."""
    # The columns about the locale's provider differ between PostgreSQL's versions.
    return rf"""
SELECT format('CREATE DATABASE %I TEMPLATE template0 ENCODING %L LC_COLLATE %L LC_CTYPE %L',
    {literal(new)}, pg_encoding_to_char(encoding), datcollate, datctype) || CASE known->>'datlocprovider'
    WHEN 'i' THEN format(' LOCALE_PROVIDER icu ICU_LOCALE %L', coalesce(known->>'datlocale', known->>'daticulocale'))
    WHEN 'b' THEN format(' LOCALE_PROVIDER builtin BUILTIN_LOCALE %L', known->>'datlocale')
    ELSE '' END
FROM (SELECT *, to_jsonb(d) AS known FROM pg_database d) one WHERE datname = {literal(like)}
\gexec
"""  # noqa: S608  # by literal


def settings(new: str, like: str) -> str:
    """Gives a database the settings that somebody gave another one by ALTER DATABASE."""
    # FROM CURRENT, since a list such as search_path can't be given as one text.
    return rf"""
SELECT format('SELECT set_config(%L, %L, false); ALTER DATABASE %I SET %I FROM CURRENT',
    name, value, {literal(new)}, name)
FROM (SELECT split_part(one, '=', 1) AS name, substr(one, strpos(one, '=') + 1) AS value
      FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase, unnest(setconfig) one
      WHERE setrole = 0 AND datname = {literal(like)}) known
\gexec
"""  # noqa: S608  # by literal


def drop(name: str) -> str:
    """Removes a database, with the connections that it has."""
    return f"DROP DATABASE IF EXISTS {identifier(name)} WITH (FORCE);\n"


RESET = "RESET ALL;\n"  # what `settings` has set in the session


def terminate(*names: str) -> str:
    """Ends the connections to databases, except those of the server's own processes and of RDS's own user."""
    which = ", ".join(map(literal, names))
    return (
        f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname IN ({which}) "  # noqa: S608  # by literal
        "AND backend_type = 'client backend' AND pid <> pg_backend_pid() AND pg_has_role(usesysid, 'MEMBER');\n"
    )


def swap(serving: str, new: str, old: str, comment: str = "") -> str:
    """Renames both databases in one transaction, and comments the new one. The first rename waits until all
    connections ended, and has new ones wait for the end."""
    note = f"COMMENT ON DATABASE {identifier(new)} IS {literal(comment)};\n" if comment else ""
    return (
        f"BEGIN;\n{note}{terminate(serving, new)}"
        f"ALTER DATABASE {identifier(serving)} RENAME TO {identifier(old)};\n"
        f"ALTER DATABASE {identifier(new)} RENAME TO {identifier(serving)};\nCOMMIT;\n"
    )


# One line for the migrations that a database has had; none without Django's table.
MIGRATIONS = r"""
SELECT 'SELECT md5(string_agg(app || ''.'' || name, '','' ORDER BY app, name)) FROM django_migrations'
WHERE to_regclass('django_migrations') IS NOT NULL
\gexec
"""
