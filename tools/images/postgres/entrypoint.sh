#!/bin/sh
# Starts PostgreSQL as the official image does: the first start makes the cluster, the role and the database that the
# POSTGRES_* variables name; every later one just serves what is in PGDATA.
set -eu

fail() { echo "Error: $*" >&2; exit 1; }

# The value of variable $1, or the content of the file that $1_FILE names (Docker secrets), or the default $2.
setting() {
    eval "value=\${$1:-} file=\${$1_FILE:-}"
    if [ -n "$value" ] && [ -n "$file" ]; then fail "$1 and $1_FILE are both set: only one of them can be."; fi
    if [ -n "$file" ]; then value=$(cat "$file"); fi
    printf '%s' "${value:-${2:-}}"
}

# `docker run postgres -c work_mem=8MB`: options alone mean the server's.
case "${1:-}" in "" | -*) set -- postgres "$@" ;; esac
# Any other command (psql, bash) is run as it is.
[ "$1" = postgres ] || exec "$@"

if [ "$(id -u)" = 0 ]; then
    # A fresh volume belongs to root; the server refuses to run as root.
    mkdir -p "$PGDATA" /var/run/postgresql
    chmod 700 "$PGDATA"
    find "$PGDATA" /var/run/postgresql \! -user postgres -exec chown postgres '{}' +
    exec setpriv --reuid=postgres --regid=postgres --init-groups env HOME=/var/lib/postgresql "$0" "$@"
fi

# The first start makes the cluster in a folder of its own, renames the folder once it is whole, and moves what is in it
# to its place, PG_VERSION last. However it ended, the next start begins again or goes on moving. It removes that folder
# alone, which nobody has used yet. (The official image works in place: cut short, it leaves half a cluster.)
making=$PGDATA/.first-start
whole=$PGDATA/.first-start-is-whole

if [ ! -s "$PGDATA/PG_VERSION" ] && [ ! -d "$whole" ]; then
    mkdir -p "$PGDATA"
    chmod 700 "$PGDATA"
    rm -rf "$making"
    found=$(ls -A "$PGDATA")
    if [ -n "$found" ]; then
        fail "$PGDATA is not empty, but has no PG_VERSION. Nothing was changed. Where it is a disk's root: set PGDATA to a folder in it."
    fi
    user=$(setting POSTGRES_USER postgres)
    database=$(setting POSTGRES_DB "$user")
    password=$(setting POSTGRES_PASSWORD)
    method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
    if [ -z "$password" ] && [ "$method" != trust ]; then
        fail "the database is new and has no superuser password: set POSTGRES_PASSWORD to a non-empty value."
    fi

    # initdb's own rules let the local socket in without a password; connections from elsewhere need it.
    passfile=$(mktemp)
    trap 'rm -f "$passfile"' EXIT
    printf '%s\n' "$password" > "$passfile"
    # shellcheck disable=SC2086  # a list of options, as in the official image
    initdb --pgdata="$making" --username="$user" --auth=trust ${password:+"--pwfile=$passfile"} ${POSTGRES_INITDB_ARGS:-}
    rm -f "$passfile"
    printf '\nhost all all all %s\n' "$method" >> "$making/pg_hba.conf"

    # A client's settings in the environment must not lead psql elsewhere.
    unset PGHOST PGHOSTADDR PGPORT PGPASSWORD
    # The server of the first minute listens on the socket only: nobody reaches a half-made database over the network.
    pg_ctl start --pgdata="$making" --wait -o "-c listen_addresses=''"
    if [ "$database" != postgres ]; then
        psql -v ON_ERROR_STOP=1 --no-psqlrc --username="$user" --dbname=postgres -v name="$database" <<'SQL'
CREATE DATABASE :"name";
SQL
    fi
    pg_ctl stop --pgdata="$making" --wait --mode=fast
    mv "$making" "$whole"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    find "$whole" -mindepth 1 -maxdepth 1 \! -name PG_VERSION -exec mv --target-directory="$PGDATA" '{}' +
    mv "$whole/PG_VERSION" "$PGDATA"
    echo "PostgreSQL init process complete; ready for start up."
fi
rmdir "$whole" 2>/dev/null || true
exec "$@"
