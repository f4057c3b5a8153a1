"""The task definition: environment, secrets, rights and folders of what runs."""

import json
from typing import Any

from infra.dsn import S3DSN, DatabaseURL
from tests.infra.cloud.variants import OTHER, containers, plain


def test_the_app_gets_the_contract_of_the_cloud_column(cloud: Any) -> None:
    run = cloud()
    assert plain(run) == {
        "DOMAIN": "d111111abcdef8.cloudfront.net",
        "EMAIL_URL": "dummymail://",
        "SITE_URL": "https://d111111abcdef8.cloudfront.net",
        "PORT": "8000",
        "SECURE_PROXY_SSL_HEADER": "CloudFront-Forwarded-Proto",
        "SECURE_SSL_REDIRECT": "True",
        "STAGE": "cloud",
        "WEB_CONCURRENCY": "2",
    }
    stored = json.loads(run["task-secret-version"].inputs["secretString"])
    url = DatabaseURL.parse(stored["DATABASE_URL"])
    assert url.options == {"sslmode": "verify-full", "sslrootcert": "/certificates/rds.pem"}
    assert url.password == "database-password-random"
    dsn = S3DSN.parse(stored["DEFAULT_STORAGE_DSN"])
    assert (dsn.access_key, dsn.signed, dsn.endpoint_url) == ("", True, "")
    assert stored["SECRET_KEY"] == "secret-key-random"


def test_secrets_are_references_to_one_version_of_one_secret(cloud: Any) -> None:
    run = cloud()
    references = {entry["name"]: entry["valueFrom"] for entry in containers(run)["web"]["secrets"]}
    assert sorted(references) == ["DATABASE_URL", "DEFAULT_STORAGE_DSN", "SECRET_KEY"]
    for name, reference in references.items():
        assert reference.startswith(
            "arn:aws:secretsmanager:us-east-1:123456789012:secret:django-stack-cloud-environment-"
        )
        assert reference.endswith(f":{name}::version-of-task-secret-version")


def test_a_chosen_number_of_workers_replaces_the_default_wherever_it_stands(cloud: Any) -> None:
    settings = {"env": {"WEB_CONCURRENCY": " 1 "}}
    assert plain(cloud(settings))["WEB_CONCURRENCY"] == "1"
    assert "WEB_CONCURRENCY" not in plain(cloud(settings, secrets=("env",)))
    assert plain(cloud({"env": {"WEB_CONCURRENCY": ""}}))["WEB_CONCURRENCY"] == "2"
    assert plain(cloud({"env": {"WEB_CONCURRENCY": ""}}, secrets=("env",)))["WEB_CONCURRENCY"] == "2"


def test_the_version_before_outlives_a_changed_secret_for_a_roll_back(cloud: Any) -> None:
    run = cloud()
    assert run["task-secret-version"].request.retainOnDelete
    assert run["task"].inputs["skipDestroy"] is True


def test_certificates_of_the_region_are_laid_out_before_the_app_starts(cloud: Any) -> None:
    both = containers(cloud(OTHER))
    (given,) = both["prepare"]["environment"]
    assert given["value"].count("BEGIN CERTIFICATE") == 3
    assert both["web"]["dependsOn"] == [{"containerName": "prepare", "condition": "SUCCESS"}]
    assert {"sourceVolume": "certificates", "containerPath": "/certificates", "readOnly": True} in both["web"][
        "mountPoints"
    ]


def test_what_prepares_a_task_does_what_it_should(cloud: Any, tmp_path: Any) -> None:
    import subprocess
    import sys

    prepare = containers(cloud())["prepare"]
    (tmp_path / "tmp").mkdir(mode=0o755)
    (tmp_path / "certificates").mkdir()
    code = (
        prepare["entryPoint"][2].replace("/tmp", f"{tmp_path}/tmp").replace("/certificates", f"{tmp_path}/certificates")
    )
    (given,) = prepare["environment"]
    subprocess.run([sys.executable, "-c", code], check=True, env={given["name"]: given["value"]})
    assert (tmp_path / "tmp").stat().st_mode & 0o7777 == 0o1777
    assert (tmp_path / "certificates" / "rds.pem").read_text() == given["value"]


def test_container_definitions_are_canonical(cloud: Any) -> None:
    text = cloud(OTHER)["task"].inputs["containerDefinitions"]
    document = json.loads(text)
    assert text == json.dumps(document, sort_keys=True)
    assert "null" not in text
    assert [container["name"] for container in document] == ["prepare", "web"]
    for container in document:
        for key in ("environment", "secrets"):
            names = [entry["name"] for entry in container.get(key, [])]
            assert names == sorted(names)
            assert all(entry.get("value") != "" for entry in container.get(key, []))
        assert {"cpu", "mountPoints", "volumesFrom", "systemControls", "portMappings"} <= container.keys()


def test_a_shell_has_a_task_of_its_own_like_the_apps_but_for_its_root(cloud: Any) -> None:
    run = cloud(OTHER)
    prepare, shell = json.loads(run["shell"].inputs["containerDefinitions"])
    app = containers(run)
    assert prepare == app["prepare"]
    assert {**shell, "readonlyRootFilesystem": True, "portMappings": app["web"]["portMappings"]} == app["web"]
    assert (shell["readonlyRootFilesystem"], shell["portMappings"]) == (False, [])
    assert run["shell"].inputs["skipDestroy"] is True
    for key in ("cpu", "memory", "executionRoleArn", "runtimePlatform", "volumes"):
        assert run["shell"].inputs[key] == run["task"].inputs[key]


def test_only_the_shells_role_has_its_channels_besides_the_rights_of_the_app(cloud: Any) -> None:
    run = cloud(OTHER)

    def statements(name: str) -> list[dict[str, Any]]:
        return list(json.loads(run[name].inputs["policy"])["Statement"])

    *others, channels = statements("shell-rights")
    assert others == statements("task-app-rights")
    assert all(action.startswith("ssmmessages:") for action in channels["Action"])
    assert run["shell"].inputs["taskRoleArn"].endswith(":role/django-stack-cloud-shell-app")
    assert run["web"].inputs["enableExecuteCommand"] is False
    assert not {"shell", "shell-role", "shell-rights"} & cloud().resources.keys()


def test_each_role_reaches_this_stacks_own_and_nothing_else(cloud: Any) -> None:
    """The app its bucket; ECS itself this image, this secret and this log, besides a login that AWS gives for all."""

    def reached(name: str) -> set[str]:
        statements = json.loads(run[name].inputs["policy"])["Statement"]
        return {statement["Resource"] for statement in statements}

    run = cloud()
    bucket = "arn:aws:s3:::django-stack-cloud-media-20260101000000"
    assert reached("task-app-rights") == {bucket, f"{bucket}/*"}
    assert reached("task-execution-rights") == {
        "*",
        "arn:aws:ecr:us-east-1:123456789012:repository/django-stack/cloud",
        "arn:aws:logs:us-east-1:123456789012:log-group:/django-stack/cloud:*",
        "arn:aws:secretsmanager:us-east-1:123456789012:secret:django-stack-cloud-environment-1a2b3c",
    }


def test_the_app_can_end_an_upload_in_parts(cloud: Any) -> None:
    """django-storages uploads large files in parts; the bucket removes those of an upload that was cut off."""
    statements = json.loads(cloud()["task-app-rights"].inputs["policy"])["Statement"]
    actions = {action for statement in statements for action in statement["Action"]}
    assert {"s3:AbortMultipartUpload", "s3:PutObject"} <= actions
    (rule,) = cloud()["media-lifecycle"].inputs["rules"]
    assert rule["abortIncompleteMultipartUpload"] == {"daysAfterInitiation": 7}
