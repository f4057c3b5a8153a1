"""What is known of packages: which replace others, which need Debian's, which this stack doesn't serve."""

from dataclasses import dataclass, field

from infra.adoption.dependencies import Dependencies

# Servers and drivers that the stack replaces. uwsgi has no wheel, and nothing runs it any more.
DROPPED = {"uwsgi": "gunicorn of the package serves", "pyuwsgi": "gunicorn of the package serves"}
# Debian's packages that a Python package loads when it runs (its wheel doesn't have them).
RUNTIME = {
    "weasyprint": ["libpango-1.0-0", "libpangoft2-1.0-0", "libharfbuzz-subset0"],
    "python-magic": ["libmagic1"],
    "mysqlclient": ["libmariadb3"],
    "python-ldap": ["libldap2"],
    "django-auth-ldap": ["libldap2"],
    "pygraphviz": ["graphviz"],
    "pydub": ["ffmpeg"],
    "ffmpeg-python": ["ffmpeg"],
    "pytesseract": ["tesseract-ocr"],
    "pdf2image": ["poppler-utils"],
    "pyzbar": ["libzbar0"],
    "wand": ["libmagickwand-7.q16-10"],
    "cairosvg": ["libcairo2"],
}
GEODJANGO = ["libgdal36"]  # with GEOS and PROJ, which it depends on
# And those that it is compiled with, since it has no wheel.
COMPILED = {
    "mysqlclient": ["build-essential", "pkg-config", "libmariadb-dev"],
    "python-ldap": ["build-essential", "libldap2-dev", "libsasl2-dev"],
    "django-auth-ldap": ["build-essential", "libldap2-dev", "libsasl2-dev"],
    "pygraphviz": ["build-essential", "pkg-config", "libgraphviz-dev"],
    "pycairo": ["build-essential", "pkg-config", "libcairo2-dev"],
    "gdal": ["build-essential", "libgdal-dev"],
    "python-snappy": ["build-essential", "libsnappy-dev"],
    "jpype1": ["build-essential"],
}
# Packages that need a service that this stack doesn't run.
SERVICES = {
    "elasticsearch": "Elasticsearch isn't run by the stack: name a hosted one in env",
    "elasticsearch-dsl": "Elasticsearch isn't run by the stack: name a hosted one in env",
    "opensearch-py": "OpenSearch isn't run by the stack: name a hosted one in env",
    "meilisearch": "Meilisearch isn't run by the stack: name a hosted one in env",
    "pysolr": "Solr isn't run by the stack: name a hosted one in env",
    "pymongo": "MongoDB isn't run by the stack: name a hosted one in env",
    "djongo": "MongoDB isn't run by the stack: name a hosted one in env",
    "mysqlclient": "the stack's database is PostgreSQL; the data of a MySQL database has to be moved (pgloader)",
    "pymysql": "the stack's database is PostgreSQL; the data of a MySQL database has to be moved (pgloader)",
}


@dataclass(frozen=True)
class Needs:
    """`overrides` are lines for uv that replace what the project says of a package; `added` are further requirements;
    `changes` say so in words."""

    overrides: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    runtime: list[str] = field(default_factory=list)
    compiled: list[str] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


# An override whose marker is never true takes a package out: https://docs.astral.sh/uv/concepts/resolution/
NEVER = "; python_version < '3'"


def read_needs(dependencies: Dependencies, imports: set[str], *, geodjango: bool = False) -> Needs:
    """`imports` are the top-level modules that the project's code imports."""
    needs = Needs(runtime=[*GEODJANGO] if geodjango else [])
    for name, why in DROPPED.items():
        if name in dependencies:
            needs.overrides.append(f"{name} {NEVER}")
            needs.changes.append(f"{name} isn't installed: {why}")
    _psycopg(dependencies, imports, needs)
    for name in sorted({*dependencies.declared, *dependencies.locked}):
        needs.runtime.extend(one for one in RUNTIME.get(name, []) if one not in needs.runtime)
        needs.compiled.extend(one for one in COMPILED.get(name, []) if one not in needs.compiled)
        if name in SERVICES and name in (dependencies.declared or dependencies.locked):
            needs.left.append(f"{name}: {SERVICES[name]}")
    return needs


def _psycopg(dependencies: Dependencies, imports: set[str], needs: Needs) -> None:
    """The drivers that are compiled give way to their wheels, which hold libpq."""
    if "psycopg-c" in dependencies or "[c" in dependencies.declared.get("psycopg", ""):
        version = dependencies.pinned("psycopg") or dependencies.pinned("psycopg-c")
        exact = f"=={version}" if version else ""
        needs.overrides.extend([f"psycopg[binary]{exact}", f"psycopg-c {NEVER}"])
        needs.changes.append("psycopg[binary] instead of psycopg[c], which is compiled")
    if "psycopg2" in dependencies:
        needs.overrides.append(f"psycopg2 {NEVER}")
        if "psycopg2" in imports:
            needs.added.append("psycopg2-binary")
            needs.changes.append("psycopg2-binary instead of psycopg2, which is compiled")
        else:
            needs.changes.append("psycopg 3 (binary) instead of psycopg2, which is compiled")
