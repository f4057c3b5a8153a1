#!/bin/sh
# As the official images do since 18 (docker-library/postgres#1259): data in another folder, or a volume mounted where
# 17 wanted it, end the container before anything is made.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ] && [ "$PGDATA" = "/var/lib/postgresql/$PG_MAJOR/docker" ]; then
    for folder in /var/lib/postgresql /var/lib/postgresql/data /var/lib/postgresql/*/docker; do
        if [ -s "$folder/PG_VERSION" ]; then found="${found:-} $folder"; fi
    done
    if [ -z "${found:-}" ] && mountpoint -q /var/lib/postgresql/data; then found="/var/lib/postgresql/data (a mount)"; fi
    if [ -n "${found:-}" ]; then
        echo "Error: in 18+, the data are in $PGDATA; there appears to be PostgreSQL data in: $found" >&2
        exit 1
    fi
fi
exec docker-entrypoint.sh "$@"
