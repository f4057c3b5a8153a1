"""The barest Pulumi program for the containers of compose.yaml: resources and what connects them, and nothing else.

No setting is checked, no port and no image looked at, no step runs. A failed migration goes unnoticed: `attach` waits
for a container's end, whatever its exit status is. composed.py writes the config; `more` containers are what
processes.py compares with.
"""

import pulumi
import pulumi_docker as docker
import pulumi_random as random

config = pulumi.Config()
name, media_port = config.require("name"), config.require_int("media-port")
kept = pulumi.ResourceOptions(retain_on_delete=True)  # as `docker-compose down` keeps volumes
anew = pulumi.ResourceOptions(delete_before_replace=True)  # two can't have one name


def secret(purpose: str) -> pulumi.Output[str]:
    return random.RandomPassword(purpose, length=64, special=False).result


def port(internal: int, key: str) -> docker.ContainerPortArgsDict:
    return {"internal": internal, "external": config.require_int(key), "ip": "127.0.0.1"}


def joined(*aliases: str) -> list[docker.ContainerNetworksAdvancedArgsDict]:
    return [{"name": network.name, "aliases": aliases}]


network = docker.Network("network", name=name)
password, media_key, secret_key = secret("password"), secret("media-key"), secret("secret-key")
database_image = docker.RemoteImage("database-image", name=config.require("postgres-image"), keep_locally=True)
media_image = docker.RemoteImage("media-image", name=config.require("s3-image"), keep_locally=True)
image = docker.Image(
    "image",
    image_name=f"{name}/app",
    skip_push=True,
    build={"context": config.require("app"), "args": {"PYTHON_IMAGE": config.require("python-image")}},
)

database = docker.Container(
    "database",
    name=f"{name}-database",
    image=database_image.image_id,
    envs=["POSTGRES_USER=app", "POSTGRES_DB=app", pulumi.Output.concat("POSTGRES_PASSWORD=", password)],
    volumes=[
        {
            "volume_name": docker.Volume("database", name=f"{name}-database", opts=kept).name,
            "container_path": "/var/lib/postgresql/data",
        }
    ],
    ports=[port(5432, "database-port")],
    networks_advanced=joined("database"),
    healthcheck={
        "tests": ["CMD", "pg_isready", "-h", "127.0.0.1", "-U", "app", "-d", "app"],
        "interval": "1s",
        "timeout": "3s",
        "retries": 60,
    },
    wait=True,
    restart="unless-stopped",
    destroy_grace_seconds=30,
    opts=anew,
)
media = docker.Container(
    "media",
    name=f"{name}-media",
    image=media_image.image_id,
    entrypoints=["/bin/sh", "-c"],
    command=[
        f"mkdir -p /data/media && exec versitygw --port :{media_port} --region us-east-1 --health /health posix /data"
    ],
    envs=["ROOT_ACCESS_KEY=key", pulumi.Output.concat("ROOT_SECRET_KEY=", media_key)],
    volumes=[{"volume_name": docker.Volume("media", name=f"{name}-media", opts=kept).name, "container_path": "/data"}],
    ports=[port(media_port, "media-port")],
    networks_advanced=joined("media", "media.localhost"),
    restart="unless-stopped",
    destroy_grace_seconds=30,
    opts=anew,
)
storage = f"endpoint_url=http%3A%2F%2Fmedia.localhost%3A{media_port}&addressing_style=path&region_name=us-east-1"
environment = [
    pulumi.Output.concat("DATABASE_URL=postgres://app:", password, "@database:5432/app"),
    pulumi.Output.concat("DEFAULT_STORAGE_DSN=s3://key:", media_key, "@media/?", storage),
    pulumi.Output.concat("SECRET_KEY=", secret_key),
    "DOMAIN=localhost",
    "DOMAIN_ALIASES=localhost,127.0.0.1",
    "SECURE_SSL_REDIRECT=False",
    "STAGE=bench",
    "PORT=8000",
]
migrate = docker.Container(
    "migrate",
    name=f"{name}-migrate",
    image=image.repo_digest,
    command=["python", "manage.py", "migrate", "--noinput"],
    init=True,
    envs=environment,
    networks_advanced=joined("migrate"),
    must_run=False,
    attach=True,
    opts=pulumi.ResourceOptions.merge(anew, pulumi.ResourceOptions(depends_on=[database])),
)
for number in range(config.get_int("more") or 0):
    docker.Container(
        f"more-{number}",
        name=f"{name}-more-{number}",
        image=image.repo_digest,
        command=["sleep", "infinity"],
        init=True,
        envs=environment,
        networks_advanced=joined(f"more-{number}"),
        restart="unless-stopped",
        opts=pulumi.ResourceOptions.merge(anew, pulumi.ResourceOptions(depends_on=[migrate])),
    )
docker.Container(
    "web",
    name=f"{name}-web",
    image=image.repo_digest,
    init=True,
    envs=environment,
    ports=[port(8000, "web-port")],
    networks_advanced=joined("web"),
    restart="unless-stopped",
    destroy_grace_seconds=30,
    opts=pulumi.ResourceOptions.merge(anew, pulumi.ResourceOptions(depends_on=[migrate, media])),
)
