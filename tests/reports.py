"""What people met elsewhere, tried on this project: one row for each report, with what is right.

A test keeps each right value; it carries the mark `report` with the row's name (`pytest -m report` runs them all).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Report:
    """A report: where it was read, the situation, what is right in it, and how to try what no machine of CI can."""

    thread: str
    situation: str
    right: str
    elsewhere: str = ""


REPORTS = (
    Report(
        "hashicorp-vault-plugin#182",
        "A release command prints a secret of several lines, such as a private key.",
        "No part of a secret of four characters or more is shown, in any form in which programs print values.",
    ),
    Report(
        "pulumi#6787",
        "A number without quotes in `env` of a stack's file: 1.10 arrives as 1.1, 0123 as 83.",
        "Text and booleans only; a number is refused, and the proposed command stores text.",
    ),
    Report("sceptre#823", "An account number in YAML loses its leading zero.", "Refused, as any number in `env`."),
    Report(
        "NixOS/nixpkgs#25485",
        "Static files in the image's layer of dependencies are dated 1970.",
        "The layer is reproducible, and a file that changed is delivered again.",
    ),
    Report(
        "aws-cdk#6072",
        "A file's mode is changed, and nothing else.",
        "The hash covers what the builder sees; the image is readable for its user whatever the umask was.",
    ),
    Report(
        "kubefirst#771",
        "The name of a stack or project has capitals.",
        "Refused before anything is made, with the commands that rename.",
    ),
    Report("docker-py#2041", "The path of the mounted source has a colon.", "It is mounted."),
    Report(
        "pulumi-docker#603",
        "The Docker engine is in a docker context, not at the default socket.",
        "The engine is found once and handed to SDK, CLI, plugins and steps; a dead one is named.",
        elsewhere="Docker Desktop, Colima, rootless Docker, Podman: docs/engines.md",
    ),
    Report(
        "baserow#1616",
        "Docker's config.json has `proxies`.",
        "Release and web have one environment, without the proxies.",
    ),
    Report(
        "postgis/docker-postgis#362",
        "`postgres-image` is of another major version than `postgres-version`.",
        "The two are compared by asking the server, before anything of the data is changed.",
    ),
    Report(
        "filestash#841",
        "An S3 DSN in path style, or of a provider with a host form of its own.",
        "Understood, or refused with the right form filled in; never a guess.",
    ),
    Report(
        "gunicorn#2947",
        "A POST with a chunked body.",
        "Served by gunicorn; runserver, which can't decode it, answers 411.",
    ),
    Report("tflint-ruleset-aws#353", "A name that AWS refuses, such as `internal-site`.", "Refused at the start."),
    Report(
        "terraform-aws-rds#225",
        "A project called `my_site`.",
        "It works locally; on the cloud it is refused, and the proposed commands mend it.",
    ),
    Report(
        "pulumi#17759",
        "The shell has a PULUMI_CONFIG_PASSPHRASE of its own.",
        "The message says which variable is in the way.",
    ),
    Report("docker-library/postgres#708", "A folder of the app can't be read.", "One line that names the path."),
    Report("heroku-container-tools#94", "`$PORT` in a command of the settings.", "Refused, with `sh -c` as the fix."),
    Report("wharf#32", "`&&` or `NAME=value` in a command of the settings.", "Refused, with `sh -c` as the fix."),
    Report("pulumi#2651", "`http_proxy` without an exception for loopback.", "Loopback never goes through a proxy."),
    Report(
        "gnomock#856",
        "Set-up or `up` runs inside a container that has the engine's socket.",
        "It is said at once that published ports are not reachable from there.",
    ),
    Report(
        "minio#7335",
        "Two objects, `docs` and `docs/x`.",
        "Fine on S3; the local S3 server's refusal is one clear sentence, and the difference is documented.",
    ),
    Report("whitenoise#82", "A Range request with `media: filesystem`.", "206 with the range that was asked for."),
    Report(
        "django-cors-headers#819",
        "A page of the site reads media by a cross-origin request.",
        "The site's own origins may read, on both platforms.",
    ),
    Report("obico-server#876", "An https tunnel leads to the local stack.", "A form can be sent through it."),
    Report(
        "tabbycat#1841",
        "`ssl_cert_reqs=none` and other spellings of django-environ, dj-database-url, dj-email-url and Heroku.",
        "They mean what they mean there, or a refusal names the right form.",
    ),
    Report("joining bug 1", "A URL pattern that catches all answers /healthz/ready with 200.", "That is not ready."),
    Report(
        "joining bug 2",
        "`apply` stands in a module that the settings in force overwrite; the home page answers 400.",
        "`pulumi up` fails with the home page's words, and `check` names the settings.",
    ),
    Report(
        "joining bug 3",
        "A package makes the storage from its dotted path, without arguments.",
        "`S3Media()` is the default storage.",
    ),
    Report(
        "joining bug 4",
        "The image's WORKDIR is not /app.",
        "The source is mounted where the image has its code, and commands run there.",
    ),
    Report(
        "joining bug 5",
        "Cookie names begin with `__Secure-` or `__Host-` on a site without https.",
        "A visitor can log in.",
    ),
    Report(
        "joining bug 6",
        "`app-path` names a folder without a Dockerfile.",
        "The proposed fix never deploys another project's code into somebody's database.",
    ),
    Report(
        "joining friction 6",
        "The build context holds `.git`, `node_modules` or a virtual environment.",
        "A warning names them, with the command that leaves them out of the image.",
    ),
    Report("joining bug 7", "The very first release fails.", "Nothing is said of a version that keeps serving."),
    Report("joining bug 8", "A build fails with colours and progress bars.", "Whole words, no control characters."),
    Report(
        "joining bug 9",
        "`pulumi destroy` while somebody else's container is on the network.",
        "Said at once, without a wait.",
    ),
)
