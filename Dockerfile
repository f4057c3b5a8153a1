# One image for every stack. Builds with BuildKit and with the classic builder; needs no environment and no arguments.
ARG PYTHON_IMAGE=python:3.13-slim-trixie
FROM ${PYTHON_IMAGE}

ENV PATH=/opt/venv/bin:$PATH \
    HOME=/tmp \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    STATIC_ROOT=/srv/static \
    PORT=8000

WORKDIR /app

# Of Python's own library the official images have the source only; a container would compile it at every start.
RUN python3 -m compileall -q -x '/(site-packages|test)/' "$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"

# Dependencies change less often than code, so they have a layer of their own: pinned and hashed, compiled here because a
# read-only container cannot. pip leaves when its work is done. The same lock gives the same layer to the byte: nothing
# in it depends on the time of day.
COPY requirements.txt /opt/requirements.txt
RUN python3 -m venv /opt/venv \
    && pip install --quiet --no-cache-dir --no-compile --disable-pip-version-check --require-hashes -r /opt/requirements.txt \
    && pip uninstall --yes --quiet pip \
    && PYTHONHASHSEED=0 python -m compileall -q --invalidation-mode unchecked-hash /opt/venv/lib \
    && chmod 644 /opt/requirements.txt \
    && find /opt /tmp -exec touch --no-dereference --date=@0 {} +

COPY . .

# The code is readable for every user, whatever the umask of the checkout was; a file that is already isn't copied again.
# Static files go outside /app, where a stack may mount the source over. File media (`media: filesystem`) have a folder that
# whichever user the container runs as can write to. What of the project is imported meanwhile is kept compiled, too.
RUN find . ! -type l ! -perm 755 ! -perm 644 -exec chmod u=rwX,go=rX {} + \
    && PYTHONDONTWRITEBYTECODE= python manage.py collectstatic --noinput \
    && mkdir -p /data/media \
    && chmod 1777 /data/media

USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=5s --start-period=30s --retries=6 CMD ["python", "-m", "environment.healthcheck"]

# CMD, not ENTRYPOINT: release commands take its place.
CMD ["python", "-m", "environment.gunicorn_config", "config.wsgi"]
