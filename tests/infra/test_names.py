"""Names of project and stack: what Docker or AWS would refuse is refused first, with commands that rename."""

import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from infra import fixes
from infra.cloud.names import LONGEST, CloudNames
from infra.names import Names
from tests import ROOT
from tests.fuzz.given import fuzz
from tests.infra.conftest import Program
from tests.infra.projects import Project

PULUMI = st.text(alphabet="abzAZ019._-", min_size=1, max_size=40)  # what `pulumi` takes, letters and all

LEGAL = [
    ("my_site", "local", Names),
    ("my.site", "pr_12", Names),
    ("2024", "1", Names),
    ("django-stack", "cloud", CloudNames),
    ("shop", "internal-1", CloudNames),
    ("aws-shop", "ecs", CloudNames),
    ("a1", "cloud", CloudNames),
    ("a" * 20, "b" * (LONGEST - 21), CloudNames),
]
WRONG = [
    # project, stack, the platform's rules, what is proposed
    ("My_Site", "local", Names, ("my_site", "local")),
    ("site", "Prod", Names, ("site", "prod")),
    ("my__site", "pr-12-", Names, ("my__site", "pr-12")),
    ("a..b", "x", Names, ("a-b", "x")),
    ("my_site", "cloud", CloudNames, ("my-site", "cloud")),
    ("my.site", "Cloud", CloudNames, ("my-site", "cloud")),
    ("internal", "cloud", CloudNames, ("my-internal", "cloud")),
    ("internal-site", "cloud", CloudNames, ("my-internal-site", "cloud")),
    ("sg-1", "cloud", CloudNames, ("my-sg-1", "cloud")),
    ("sthree", "cloud", CloudNames, ("my-sthree", "cloud")),
    ("amzn-s3-demo", "cloud", CloudNames, ("my-amzn-s3-demo", "cloud")),
    ("2024-shop", "cloud", CloudNames, ("my-2024-shop", "cloud")),
    ("2go", "cloud", CloudNames, ("my-2go", "cloud")),
    ("xn--shop", "cloud", CloudNames, ("xn-shop", "cloud")),
]


@pytest.mark.parametrize(("project", "stack", "rules"), LEGAL)
def test_legal_names_are_taken(project: str, stack: str, rules: type[Names]) -> None:
    assert rules(project, stack).errors() == []


@pytest.mark.report("kubefirst#771")
@pytest.mark.report("tflint-ruleset-aws#353")
@pytest.mark.parametrize(("project", "stack", "rules", "proposed"), WRONG)
def test_wrong_names_are_refused_and_legal_ones_made_of_them(
    project: str, stack: str, rules: type[Names], proposed: tuple[str, str]
) -> None:
    wrong = rules(project, stack)
    assert wrong.proposed() == proposed
    changed = [name for name, new in zip((project, stack), proposed, strict=True) if name != new]
    assert [
        re.findall(r"name is (\S+); allowed: \S.*\. Fix: pulumi stack rename", error) for error in wrong.errors()
    ] == [[name] for name in changed]


@fuzz
@given(project=PULUMI, stack=PULUMI, rules=st.sampled_from([Names, CloudNames]), taken=st.sets(PULUMI, max_size=3))
@example(project="internal-site-with-a-long-name", stack="a-long-name-of-a-stack", rules=CloudNames, taken=set())
@example(project="-", stack="_", rules=CloudNames, taken=set())
def test_what_is_proposed_is_legal_and_free(project: str, stack: str, rules: type[Names], taken: set[str]) -> None:
    wrong = rules(project, stack, taken=taken)
    new_project, new_stack = wrong.proposed()
    assert rules(new_project, new_stack).errors() == []
    assert bool(wrong.errors()) == ((project, stack) != (new_project, new_stack))
    assert new_stack == stack or new_stack not in taken
    if rules is CloudNames:
        # The services' own words, each at the resource that it limits.
        assert re.fullmatch(
            r"(?!internal-|sg-|sthree-|amzn-s3-demo-|xn--)[a-z][a-z0-9-]{1,29}", f"{new_project}-{new_stack}"
        )
        assert "--" not in f"{new_project}-{new_stack}"


def test_long_names_that_begin_alike_get_different_ones() -> None:
    long = [CloudNames("django-stack", f"feature-login-with-passkeys-{number}").proposed() for number in range(20)]
    assert len(set(long)) == 20


@pytest.mark.parametrize(
    ("project", "stack", "lengths"),
    [
        (20, 30, (20, 9)),  # the stack's name alone is shortened, to what is left of 30
        (21, 30, (21, 8)),
        (22, 30, (14, 15)),  # seven would say too little, so both give way
        (40, 40, (14, 15)),
        (40, 5, (24, 5)),
        (24, 5, (24, 5)),
    ],
)
def test_names_that_are_too_long_together_use_all_the_room_there_is(
    project: int, stack: int, lengths: tuple[int, int]
) -> None:
    names = CloudNames("p" * project, "s" * stack).proposed()
    assert tuple(map(len, names)) == lengths
    for name, letter in zip(names, "ps", strict=True):
        assert re.fullmatch(rf"{letter}+(-[0-9a-f]{{4}})?", name), "as much of the name as fits, and its hash"


@pytest.mark.parametrize(
    ("project", "message"),
    [
        ("internal", "not internal- at the beginning of internal-cloud, which AWS refuses for a load balancer"),
        ("sg", "not sg- at the beginning of sg-cloud, which AWS refuses for a security group"),
        ("sthree", "not sthree- at the beginning of sthree-cloud, which AWS refuses for a bucket"),
        ("amzn-s3-demo", "not amzn-s3-demo- at the beginning of amzn-s3-demo-cloud, which AWS refuses for a bucket"),
    ],
)
def test_a_beginning_that_aws_keeps_for_itself_is_told_with_what_it_is_kept_for(project: str, message: str) -> None:
    (error,) = CloudNames(project, "cloud").errors()
    assert f"allowed: {message}. Fix: " in error


def test_the_limits_hold_for_every_name_of_the_longest_stack(program: Program) -> None:
    """Each resource's own limit, as botocore describes it; 26 is the random end of a prefix."""
    stack = "s" * (LONGEST - len("django-stack-"))
    run = program({"media-access": "public", "alarm-email": "me@example.com"}, platform="cloud", stack=stack)
    limits = {
        "aws:lb/loadBalancer:LoadBalancer": ("name", 32),
        "aws:lb/targetGroup:TargetGroup": ("name", 32),
        "aws:rds/instance:Instance": ("identifier", 63),
        "aws:s3/bucket:Bucket": ("bucketPrefix", 63 - 26),
        "aws:iam/role:Role": ("name", 64),
        "aws:cloudfront/originAccessControl:OriginAccessControl": ("name", 64),
        "aws:ecs/cluster:Cluster": ("name", 255),
        "aws:cloudwatch/metricAlarm:MetricAlarm": ("name", 255),
    }
    for kind, (argument, limit) in limits.items():
        made = run.of_type(kind)
        assert made, kind
        for resource in made:
            assert len(resource.inputs[argument]) <= limit, (kind, resource.inputs[argument])
    assert len(run.of_type("aws:s3/bucket:Bucket")[0].inputs["bucketPrefix"]) == 63 - 26  # a name longer is too long
    assert LONGEST == 30


@pytest.mark.pulumi
@pytest.mark.report("kubefirst#771")
@pytest.mark.report("terraform-aws-rds#225")
@pytest.mark.parametrize(
    ("project", "stack", "platform", "proposed"),
    [
        ("my-site", "Prod", "local", ("my-site", "prod")),
        ("My.Site", "dev", "local", ("my.site", "dev")),
        ("My_Site", "Dev", "local", ("my_site", "dev")),
        ("my_site", "cloud", "cloud", ("my-site", "cloud")),
        ("internal", "Pr_12", "cloud", ("my-internal", "pr-12")),
    ],
)
def test_the_commands_rename_state_and_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, project: str, stack: str, platform: str, proposed: tuple[str, str]
) -> None:
    made = Project(tmp_path, monkeypatch, project, stack)
    made.write(f"platform: {platform}\naws:region: eu-central-1\nenv:\n    {project}: kept\n    A: b")
    made.run("pulumi", "config", "set", "-s", stack, "--secret", "--path", "env.B", "hidden")
    urn = f"urn:pulumi:{stack}::{project}::pulumi:pulumi:Stack::{project}-{stack}"
    state = f'{{"version": 3, "deployment": {{"resources": [{{"urn": "{urn}", "type": "pulumi:pulumi:Stack"}}]}}}}'
    made.run("pulumi", "stack", "import", "-s", stack, answer=state)
    errors = [error for error in made.errors() if "name is" in error]
    assert len(errors) == sum(old != new for old, new in zip((project, stack), proposed, strict=True))
    for error in errors:
        made.paste(error)
    assert (made.name, made.ask_for_stack()) == proposed
    assert f"::{proposed[0]}::" in made.run("pulumi", "stack", "export", "-s", proposed[1])
    assert not [error for error in made.errors() if "name is" in error or "another project" in error]
    assert '"B":"hidden"' in made.config()[f"{proposed[0]}:env"]["value"]
    assert f'"{project}":"kept"' in made.config()[f"{proposed[0]}:env"]["value"]


def test_the_commands_of_the_docs_rename_every_key_also_those_in_comments(tmp_path: Path) -> None:
    files = {file.name: file.read_text() for file in ROOT.glob("Pulumi*.yaml")}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    section = (ROOT / "docs" / "get-started.md").read_text().partition("## Start your own repository from this one")[2]
    commands = re.findall(r"^\$ (sed -i\.bak '.*)$", section, re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        subprocess.run(["bash", "-euc", command], cwd=tmp_path, check=True)
    assert commands[1] == fixes.rename_namespace("django-stack", "my-site")
    assert "\nname: my-site\n" in (tmp_path / "Pulumi.yaml").read_text()
    for name in ("Pulumi.local.yaml", "Pulumi.cloud.yaml"):
        renamed = (tmp_path / name).read_text()
        assert "  django-stack:" in files[name]
        assert "  my-site:" in renamed
        assert "django-stack:" not in renamed
    assert "  # my-site:processes:\n" in (tmp_path / "Pulumi.cloud.yaml").read_text()


@pytest.mark.pulumi
def test_keys_of_a_project_that_was_renamed_by_hand_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Project(tmp_path, monkeypatch, "old-name", "dev")
    made.write("web-port: 8010\nmedia-port: 9010\nnew-name:media-port: 9011\ndocker:host: unix:///x")
    file = tmp_path / "Pulumi.yaml"
    file.write_text(file.read_text().replace("\nname: old-name\n", "\nname: new-name\n"))
    made.run("pulumi", "stack", "init", "dev", "--no-select")
    errors = made.errors()
    assert any(error.startswith("old-name:web-port is a setting of another project") for error in errors)
    for error in errors:
        made.paste(error)
    settings = made.load()
    assert (settings.web_port, settings.media_port) == (8010, 9011)
