"""The agreement between the two platforms: the same app, the same environment, the same order, the same outputs."""

import json
from importlib import import_module
from inspect import signature
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest

from infra import components
from infra.content import content_hash
from infra.reserved import RESERVED, WORKERS
from tests import ROOT
from tests.infra.conftest import Run

# The names of the story in infra/__main__.py, and the parts that they are.
STORY = {
    "image": "AppImage",
    "network": "Network",
    "address": "Address",
    "database": "Database",
    "media": "MediaStorage",
    "cache": "Cache",
    "mail": "Mail",
    "release": "Release",
    "web": "Web",
}
PARTS = [*STORY.values(), "Process"]
# Both platforms with the same settings as far as they can be: how the local one serves like the cloud.
SAME: dict[str, Any] = {
    "debug": False,
    "mount-source": False,
    "web-command": "",
    "architecture": "amd64",
    "cache": "valkey",
}
ADDRESS = {"domain": "www.example.com", "domain-aliases": "example.com", "domain-redirects": "example.org"}
EXTRA = {
    "local": {"mail": "mailpit"},
    "cloud": {"mail": "ses", "hosted-zone": "Z0123456789ABC"},
}
# Only the cloud has a proxy in front; and how many CPUs a task has is not seen from inside it.
CLOUDS_OWN = {"DEFAULT_FROM_EMAIL", "SECURE_PROXY_SSL_HEADER", "WEB_CONCURRENCY"}
SECRET = {"CACHE_URL", "DATABASE_URL", "DEFAULT_STORAGE_DSN", "REDIS_URL", "SECRET_KEY", "API_TOKEN"}
SECRET_OUTPUTS = {"CACHE_URL", "DATABASE_URL", "DEFAULT_STORAGE_DSN", "REDIS_URL", "SECRET_KEY", "release_log"}

NAMING = {"name", "identifier", "family", "namePrefix", "bucketPrefix", "imageName"}
# Names that are a host's, or stand inside of something that has the stack's name.
OTHER_NAMES = {"aws:route53/record:Record", "aws:iam/rolePolicy:RolePolicy"}
PARAMETERS = {"aws:elasticache/parameterGroup:ParameterGroup", "aws:rds/parameterGroup:ParameterGroup"}

BOTH = ("local", "cloud")
PLATFORMS = pytest.mark.parametrize("platform", BOTH)


def run_on(program: Any, platform: str, settings: dict[str, Any] | None = None) -> Run:
    run: Run = program(
        SAME | ADDRESS | EXTRA[platform] | {"env": {"API_TOKEN": "TOPSECRET"}} | (settings or {}),
        secrets=("env",),
        platform=platform,
    )
    return run


def web_environment(run: Run) -> dict[str, str]:
    """The variables that the site gets, those of a task's secret, too."""
    if "task" not in run.resources:
        return run.env("web")
    web = json.loads(run["task"].inputs["containerDefinitions"])[1]
    secret = json.loads(run["task-secret-version"].inputs["secretString"])
    plain = {entry["name"]: entry["value"] for entry in web["environment"]}
    return plain | {entry["name"]: secret[entry["name"]] for entry in web["secrets"]}


def triggers(run: Run) -> list[str]:
    return list(run["release"].inputs["triggers"])


def test_the_app_gets_the_same_variables_on_both_platforms(program: Any) -> None:
    local, cloud = (set(web_environment(run_on(program, platform))) for platform in BOTH)
    assert local == cloud - CLOUDS_OWN
    assert cloud >= CLOUDS_OWN


def test_the_same_variables_are_secret_on_both_platforms(program: Any) -> None:
    local = json.loads(run_on(program, "local")["release"].inputs["stdin"])["secret_names"]
    web = json.loads(run_on(program, "cloud")["task"].inputs["containerDefinitions"])[1]
    assert set(local) == {entry["name"] for entry in web["secrets"]} == SECRET


def test_both_platforms_export_the_same_and_keep_the_same_secret(program: Any) -> None:
    local, cloud = (run_on(program, platform) for platform in BOTH)
    assert set(local.outputs) - {"mail_url"} == set(cloud.outputs) == SECRET_OUTPUTS | {"DOMAIN", "url", "image"}
    assert local.outputs["mail_url"] == "http://localhost:8025"
    assert local.secret_outputs == cloud.secret_outputs == SECRET_OUTPUTS
    assert local.outputs["DOMAIN"] == cloud.outputs["DOMAIN"] == "www.example.com"


@PLATFORMS
def test_the_web_waits_for_the_release(program: Any, platform: str) -> None:
    run = run_on(program, platform)
    assert any(urn.endswith("::release") and "Command" in urn for urn in run["web"].request.dependencies)


@PLATFORMS
def test_the_roll_out_is_checked_after_the_web_was_made(program: Any, platform: str) -> None:
    rollout = run_on(program, platform)["web-rollout"]
    assert rollout.inputs["create"].endswith(f"-m infra.{platform}.steps.rollout")
    assert any(urn.endswith("::web") for urn in rollout.request.dependencies)


@PLATFORMS
def test_the_release_waits_for_the_database_and_the_media(program: Any, platform: str) -> None:
    run = run_on(program, platform)
    behind = {name for urn in _all_behind(run, "release") for name in [urn.rpartition("::")[2]]}
    assert {"database", "media", "secret-key", "image"} <= behind


def _all_behind(run: Run, name: str) -> set[str]:
    """The URNs that a resource depends on, and those behind them."""
    found: set[str] = set()
    wanted = list(run[name].request.dependencies)
    while wanted:
        urn = wanted.pop()
        if urn in found:
            continue
        found.add(urn)
        last = urn.rpartition("::")[2]
        for key in (last, f"{last} (component)"):
            if key in run.resources:
                wanted += run[key].request.dependencies
    return found


@PLATFORMS
@pytest.mark.parametrize(
    ("change", "runs_again"),
    [
        ({"env": {"API_TOKEN": "another"}}, True),
        ({"release-commands": ["python manage.py migrate", "python manage.py check"]}, True),
        ({"domain": "example.net"}, True),
        ({"python-image": "python:3.13-slim-bookworm"}, None),
        ({"release-timeout": 60}, False),
    ],
    ids=str,
)
def test_the_release_runs_again_for_the_same_reasons(
    program: Any, platform: str, change: dict[str, Any], runs_again: bool | None
) -> None:
    before, after = run_on(program, platform), run_on(program, platform, change)
    if runs_again is None:  # another image by its name; its id is the engine's or the registry's to say
        assert before.outputs["image"] != after.outputs["image"]
    else:
        assert (triggers(before) != triggers(after)) is runs_again


@pytest.mark.parametrize(
    ("platform", "change"),
    [
        ("local", {"database-port": 15432, "mount-source": True}),
        ("cloud", {"log-days": 90, "memory": 2048, "tasks-max": 1}),
    ],
    ids=str,
)
def test_what_only_the_web_is_changed_by_is_no_reason_for_a_release(
    program: Any, platform: str, change: dict[str, Any]
) -> None:
    assert triggers(run_on(program, platform)) == triggers(run_on(program, platform, change))


@PLATFORMS
def test_a_failed_release_leaves_no_trace_that_would_keep_it_from_running_again(program: Any, platform: str) -> None:
    release = run_on(program, platform)["release"]
    assert release.inputs["create"].endswith(f"-m infra.{platform}.steps.release")
    assert release.inputs["update"] == "exit 0"


@PLATFORMS
@pytest.mark.parametrize("step", ["release", "web-rollout"])
def test_what_a_step_prints_that_knows_secrets_is_secret_in_the_state(program: Any, platform: str, step: str) -> None:
    assert set(run_on(program, platform)[step].request.additionalSecretOutputs) == {"stdout", "stderr"}


@pytest.mark.report("joining bug 7")
@pytest.mark.parametrize(("platform", "field"), [("local", "web"), ("cloud", "service")])
def test_the_release_knows_the_name_of_the_web_of_which_it_says_whether_it_serves(
    program: Any, platform: str, field: str
) -> None:
    run = run_on(program, platform)
    assert json.loads(run["release"].inputs["stdin"])[field] == run["web"].inputs["name"]


def test_both_platforms_build_the_same_image_from_the_very_same_context(program: Any) -> None:
    local, cloud = (run_on(program, platform)["image"].inputs for platform in BOTH)
    for key in ("context", "dockerfile", "args"):
        assert local["build"][key] == cloud["build"][key]
    assert local["skipPush"] is cloud["skipPush"] is True
    assert cloud["build"]["platform"] == "linux/amd64"
    context, args = ROOT / "infra" / cloud["build"]["context"], cloud["build"]["args"]
    assert cloud["imageName"] == f"django-stack/cloud:{content_hash(context, args, 'linux/amd64')[:12]}"


def test_no_release_commands_means_no_release(program: Any) -> None:
    run = run_on(program, "local", {"release-commands": []})
    assert "release" not in run.resources
    assert run.outputs["release_log"] == ""
    assert "web" in run.resources


def test_without_release_commands_the_clouds_release_publishes_static_files_alone(program: Any) -> None:
    run = run_on(program, "cloud", {"release-commands": []})
    asked = json.loads(run["release"].inputs["stdin"])
    assert asked["commands"] == []
    assert asked["static_files"].startswith("s3://")


@PLATFORMS
def test_a_storage_dsn_replaces_the_own_bucket(program: Any, platform: str) -> None:
    dsn = "s3://KEY:SECRET@bucket.s3.eu-central-1.amazonaws.com/"
    run: Run = program(
        SAME | ADDRESS | EXTRA[platform] | {"storage-dsn": dsn}, secrets=("storage-dsn",), platform=platform
    )
    assert run.outputs["DEFAULT_STORAGE_DSN"] == web_environment(run)["DEFAULT_STORAGE_DSN"] == dsn
    assert "media" not in run.resources


@PLATFORMS
def test_env_is_refused_whatever_the_stack_sets_itself_but_the_number_of_workers(program: Any, platform: str) -> None:
    """Otherwise a name could be set twice, in clear and as a secret. Those of cache and mail are set by `cache` and
    `mail` only, which are refused when `env` has them; the sender is what `env` says, if it says one."""
    debug = {"debug": True} if platform == "local" else {}
    own = web_environment(program(ADDRESS | EXTRA[platform] | debug | {"cache": "valkey"}, platform=platform))
    assert own.keys() - {WORKERS, "EMAIL_URL", "DEFAULT_FROM_EMAIL", "CACHE_URL", "REDIS_URL"} <= RESERVED.keys()


@PLATFORMS
def test_without_cache_and_mail_nothing_is_made_and_what_env_names_stays(program: Any, platform: str) -> None:
    own = {"CACHE_URL": "redis://elsewhere:6379/1", "REDIS_URL": "redis://elsewhere:6379/0", "EMAIL_URL": "smtp://h"}
    run: Run = program({"cache": "none", "mail": "url", "env": own}, platform=platform)
    assert run.story["cache"] is None
    assert run.story["mail"] is None
    assert not [name for name in run.resources if name.startswith(("cache", "mail")) or "-cache-" in name]
    assert own.items() <= web_environment(run).items()
    assert not {"CACHE_URL", "REDIS_URL", "mail_url"} & run.outputs.keys()


@PLATFORMS
def test_the_site_knows_its_own_address_with_scheme_and_port(program: Any, platform: str) -> None:
    run = run_on(program, platform)
    known = web_environment(run)["SITE_URL"]
    assert known == run.outputs["url"]
    assert known == {"local": "http://www.example.com:8000", "cloud": "https://www.example.com"}[platform]


@PLATFORMS
def test_emptying_the_cache_leaves_the_broker_alone(program: Any, platform: str) -> None:
    known = web_environment(run_on(program, platform))
    cache, broker = (known[name].partition("?")[0].rpartition("/") for name in ("CACHE_URL", "REDIS_URL"))
    assert cache[0] == broker[0], "one server"
    assert {cache[2], broker[2]} == {"0", "1"}, "two databases"


@PLATFORMS
def test_mails_sender_is_what_env_says(program: Any, platform: str) -> None:
    run = run_on(program, platform, {"env": {"DEFAULT_FROM_EMAIL": "The shop <shop@example.com>"}})
    assert web_environment(run)["DEFAULT_FROM_EMAIL"] == "The shop <shop@example.com>"


@PLATFORMS
@pytest.mark.parametrize("secret", [True, False])
def test_own_variables_reach_the_app(program: Any, platform: str, secret: bool) -> None:
    run = program({"env": {"GREETING": "hello"}}, secrets=("env",) if secret else (), platform=platform)
    assert web_environment(run)["GREETING"] == "hello"


@PLATFORMS
def test_physical_names_carry_the_stack_and_logical_names_do_not(program: Any, platform: str) -> None:
    run = program(SAME | ADDRESS | EXTRA[platform], stack="pr-12", platform=platform)
    named = 0
    for resource in run.resources.values():
        if not resource.request.custom or resource.type.startswith(("random:", "command:", "docker:index/remoteImage")):
            continue
        assert "pr-12" not in resource.name
        for key in NAMING & resource.inputs.keys():
            if resource.type in OTHER_NAMES or (resource.type in PARAMETERS and key == "family"):
                continue
            value = resource.inputs[key]
            assert "django-stack" in value, (resource.name, key, value)
            assert "pr-12" in value, (resource.name, key, value)
            named += 1
    assert named > 4


@PLATFORMS
def test_every_resource_has_a_component_as_parent(program: Any, platform: str) -> None:
    run = run_on(program, platform)
    for resource in run.resources.values():
        if resource.request.custom:
            assert "django-stack:" in resource.request.parent, resource.name


@PLATFORMS
@pytest.mark.parametrize(("name", "part"), STORY.items())
def test_a_component_exposes_what_the_story_reads(program: Any, platform: str, name: str, part: str) -> None:
    """As declared in infra/components.py, where mypy checks the types; here the values, as they run."""
    protocol, component = getattr(components, part), run_on(program, platform).story[name]
    types = get_type_hints(protocol)
    types |= {
        key: get_type_hints(value.fget)["return"]
        for key, value in vars(protocol).items()
        if isinstance(value, property)
    }
    assert types or part == "Network"
    for attribute, type_ in types.items():
        assert isinstance(getattr(component, attribute), _runtime_types(type_)), attribute


def _runtime_types(type_: Any) -> tuple[type, ...]:
    """The classes of an annotation: of `Input[str]` for instance str, Awaitable and Output."""
    if get_origin(type_) is Union:
        return tuple(kind for one in get_args(type_) for kind in _runtime_types(one))
    return (get_origin(type_) or type_,)


@PLATFORMS
def test_a_process_exposes_its_name_and_the_web_is_made_after_it(program: Any, platform: str) -> None:
    run = run_on(program, platform, {"processes": {"worker": {"command": "python x.py"}}})
    (process,) = run.story["processes"]
    assert process.process == "worker"
    assert "django-stack:" in run["process-worker (component)"].type
    assert {"process-worker (component)", "web (component)"} <= set(run.resources)
    before = {urn.rpartition("::")[2] for urn in run["web"].request.dependencies}
    assert before & {"processes-start", "process-worker-rollout"}


@PLATFORMS
def test_no_program_is_handed_what_it_printed_before(program: Any, platform: str) -> None:
    """It would be in the environment, where Linux takes 128 KiB; a release's log may be longer."""
    commands = run_on(program, platform).of_type("command:local:Command")
    assert len(commands) >= 3
    assert [command.inputs["addPreviousOutputInEnv"] for command in commands] == [False] * len(commands)


@PLATFORMS
def test_the_release_log_is_kept_until_the_release_runs_again(program: Any, platform: str) -> None:
    run = run_on(program, platform)
    kept = run["release-log"]
    assert (kept.type, kept.inputs["input"]) == ("pulumi:index:Stash", "release printed")
    assert kept.request.replacement_trigger.string_value == "release-id"
    assert run.outputs["release_log"] == "release printed"


@pytest.mark.parametrize("part", PARTS)
def test_a_component_is_made_with_the_same_arguments_on_both_platforms(part: str) -> None:
    local, cloud = (getattr(import_module(f"infra.{platform}.platform").PLATFORM, part) for platform in BOTH)
    assert list(signature(local).parameters) == list(signature(cloud).parameters)


def test_the_cloud_is_a_mirror_image_file_by_file() -> None:
    story = {"address", "context", "database", "image", "network", "platform", "preflight", "release", "requests"}
    story |= {"cache", "mail", "process", "settings", "storage", "web"}
    for platform in BOTH:
        folder = ROOT / "infra" / platform
        assert story <= {path.stem for path in folder.glob("*.py")}
        assert {"release", "rollout"} <= {path.stem for path in (folder / "steps").glob("*.py")}
