"""The setting `image`: a version that is there is run as it is, on both platforms; one that isn't is refused first."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest

from infra import built, pinned
from infra.cloud import versions
from infra.cloud.requests import CopyImageRequest
from infra.local import image as local_image
from infra.pinned import Neighbour, PinError, neighbours
from tests.infra.cloud.fake_aws import FakeAWS, RefusalError, fake_aws
from tests.infra.conftest import Run, run_program

HERE, GONE = "0123456789ab", "ba9876543210"
ID, DIGEST = f"sha256:{'1a' * 32}", f"sha256:{'2b' * 32}"


class Engine:
    """A Docker engine with the given images, by their names; `tagged` are the names that it was told to add."""

    def __init__(self, *names: str) -> None:
        self.tagged: list[tuple[str, ...]] = []
        images = [
            {"RepoTags": [name], "Id": ID, "Size": 1000 * number, "Created": number}
            for number, name in enumerate(names, start=1)
        ]
        self.api = SimpleNamespace(images=lambda filters: images, tag=lambda *words: self.tagged.append(words))

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAWS]:
    """AWS, whose registry has nothing yet, and no image on this machine's engine."""
    with fake_aws() as fake:
        for name, value in fake.environment.items():
            monkeypatch.setenv(name, value)
        fake.on("DescribeImages", RefusalError("RepositoryNotFoundException"))
        monkeypatch.setattr(versions, "endpoint", SimpleNamespace(client=lambda timeout: Engine()))
        yield fake


def program(loop: Any, patch: pytest.MonkeyPatch, platform: str, image: str, **more: Any) -> Run:
    settings = {"image": image, **({"mount-source": False, "debug": False} if platform == "local" else {})}
    return run_program(loop, patch, settings, platform=platform, **more)


@pytest.mark.parametrize("name", [f"django-stack/local:{HERE}", f"django-stack/staging:{HERE}"])
def test_a_local_stack_runs_a_version_of_the_engine_and_nothing_is_built(
    pulumi_loop: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    engine = Engine(name, f"django-stack/local:{GONE}")
    monkeypatch.setattr(local_image, "connect", lambda: engine)
    run = program(pulumi_loop, monkeypatch, "local", HERE)
    assert not run.of_type("docker:index/image:Image")
    assert run["web"].inputs["image"] == json.loads(run["release"].inputs["stdin"])["image"] == ID
    assert run.outputs["image"] == f"django-stack/local:{HERE}"
    assert engine.tagged == ([] if "local" in name else [(ID, "django-stack/local", HERE)])


def test_a_preview_gives_no_image_a_name(pulumi_loop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(f"django-stack/staging:{HERE}")
    monkeypatch.setattr(local_image, "connect", lambda: engine)
    program(pulumi_loop, monkeypatch, "local", HERE, preview=True)
    assert not engine.tagged


# What the engine has, and what the error says to that.
@pytest.mark.parametrize(
    ("names", "said"),
    [
        (
            [f"django-stack/local:{HERE}"],
            f"the stack has: {HERE}. Fix: pulumi config set -s local image {HERE}",
        ),
        (
            ["django-stack/local:latest", f"shop/local:{GONE}"],
            "the stack has none. Fix: pulumi config rm -s local image",
        ),
        # The rehearsal's emulator is no stack.
        ([f"django-stack/emulator:{GONE}"], "the stack has none. Fix: pulumi config rm -s local image"),
    ],
)
def test_a_version_that_the_engine_lacks_is_refused_before_anything_is_made(
    pulumi_loop: Any, monkeypatch: pytest.MonkeyPatch, names: list[str], said: str
) -> None:
    monkeypatch.setattr(local_image, "connect", lambda: Engine(*names))
    with pytest.raises(pulumi.RunError) as refused:
        program(pulumi_loop, monkeypatch, "local", GONE)
    assert str(refused.value).startswith("Stack local can't have that version, nothing was changed.")
    assert f'image is "{GONE}", a version that no stack of the project on this machine\'s Docker engine has' in str(
        refused.value
    )
    assert said in str(refused.value)


def test_a_cloud_stack_runs_a_version_of_its_registry_and_nothing_is_built_or_pushed(
    pulumi_loop: Any, monkeypatch: pytest.MonkeyPatch, aws: FakeAWS
) -> None:
    aws.on("DescribeImages", {"imageDetails": [{"imageDigest": DIGEST}]})
    run = program(pulumi_loop, monkeypatch, "cloud", HERE)
    assert not run.of_type("docker:index/image:Image")
    step = run["image-push"].inputs
    assert step["create"].endswith(" -m infra.cloud.steps.copy_image")
    assert step["triggers"][0] == HERE
    asked = json.loads(step["stdin"])
    assert (asked["repository"], asked["tag"]) == ("django-stack/cloud", HERE)
    assert CopyImageRequest(**asked)
    assert run.outputs["image"] == f"django-stack/cloud:{HERE}"
    printed = f"sha256:{'0123456789abcdef' * 4}"
    assert f"/django-stack/cloud@{printed}" in run["task"].inputs["containerDefinitions"]


def test_a_version_that_neither_registry_nor_engine_has_is_refused_before_anything_is_made(
    pulumi_loop: Any, monkeypatch: pytest.MonkeyPatch, aws: FakeAWS
) -> None:
    there = {"imageDigest": DIGEST, "imageTags": [HERE], "imagePushedAt": 1}
    aws.on("DescribeImages", RefusalError("ImageNotFoundException"), {"imageDetails": [there]})
    monkeypatch.setattr("infra.cloud.image.neighbours", lambda folder, project: [])
    with pytest.raises(pulumi.RunError) as refused:
        program(pulumi_loop, monkeypatch, "cloud", GONE)
    assert "Stack cloud can't have that version, nothing was changed." in str(refused.value)
    assert f"the stack has: {HERE}. Fix: pulumi config set -s cloud image {HERE}" in str(refused.value)


def test_a_version_of_this_machines_engine_will_do_for_a_cloud_stack(
    pulumi_loop: Any, monkeypatch: pytest.MonkeyPatch, aws: FakeAWS
) -> None:
    engine = Engine(f"django-stack/local:{HERE}")
    monkeypatch.setattr(versions, "endpoint", SimpleNamespace(client=lambda timeout: engine))
    run = program(pulumi_loop, monkeypatch, "cloud", HERE)
    assert json.loads(run["image-push"].inputs["stdin"])["tag"] == HERE


@pytest.mark.parametrize("platform", ["local", "cloud"])
def test_the_other_stacks_version_is_what_it_runs_now(
    pulumi_loop: Any, monkeypatch: pytest.MonkeyPatch, aws: FakeAWS, platform: str
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(pinned, "running_tag", lambda stack, folder: asked.append(stack) or HERE)
    monkeypatch.setattr(local_image, "connect", lambda: Engine(f"django-stack/staging:{HERE}"))
    aws.on("DescribeImages", {"imageDetails": [{"imageDigest": DIGEST}]})
    run = program(pulumi_loop, monkeypatch, platform, "stack:staging")
    assert run.outputs["image"] == f"django-stack/{platform}:{HERE}"
    assert asked == ["staging"]


@pytest.mark.parametrize("platform", ["local", "cloud"])
def test_another_stack_that_runs_nothing_is_refused_before_anything_is_made(
    pulumi_loop: Any, monkeypatch: pytest.MonkeyPatch, aws: FakeAWS, platform: str
) -> None:
    def nothing(stack: str, folder: Path) -> str:
        raise PinError(f"the stack {stack} runs no version. Fix: pulumi up -s {stack}")

    monkeypatch.setattr(pinned, "running_tag", nothing)
    monkeypatch.setattr(local_image, "connect", Engine)
    with pytest.raises(pulumi.RunError, match=r'image is "stack:staging", and the stack staging runs no version\. Fix'):
        program(pulumi_loop, monkeypatch, platform, "stack:staging")
    assert not aws.calls


def state(image: str | None) -> str:
    outputs = {} if image is None else {"image": image}
    return json.dumps({"deployment": {"resources": [{"type": "pulumi:pulumi:Stack", "outputs": outputs}]}})


@pytest.mark.parametrize(
    ("printed", "status", "said"),
    [
        (state(f"django-stack/staging:{HERE}"), 0, HERE),
        (state(None), 0, "the stack staging runs no version. Fix: pulumi up -s staging"),
        (json.dumps({"deployment": {}}), 0, "the stack staging runs no version"),
        (json.dumps({"deployment": None}), 0, "the stack staging runs no version"),
        ("error: no stack named 'staging' found", 255, "can't be read: no stack named 'staging' found. Fix: pulumi"),
    ],
)
def test_what_another_stack_runs_is_its_output_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, printed: str, status: int, said: str
) -> None:
    script = tmp_path / "pulumi"
    stream = "stderr" if status else "stdout"
    script.write_text(
        f"#!{sys.executable}\nimport sys\nassert sys.argv[1:5] == ['stack', 'export', '--stack', 'staging']\n"
        f"print({printed!r}, file=sys.{stream})\nsys.exit({status})\n"
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    try:
        found = pinned.running_tag("staging", tmp_path)
    except PinError as error:
        found = str(error)
    assert said in found


def test_without_pulumi_on_path_the_fix_is_the_virtual_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PinError, match=r"no pulumi on PATH\. Fix: source \.venv/bin/activate"):
        pinned.running_tag("staging", tmp_path)


def test_the_projects_stacks_are_known_by_their_files(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: shop")
    for name, text in {
        "local": "config: {shop:web-port: 8000}",
        "staging": "config: {shop:platform: cloud, aws:region: eu-west-1, aws:profile: test}",
        "torn": "config: {",
        "empty": "",
    }.items():
        (tmp_path / f"Pulumi.{name}.yaml").write_text(text)
    assert neighbours(tmp_path, "shop") == [
        Neighbour("empty", "local"),
        Neighbour("local", "local"),
        Neighbour("staging", "cloud", "eu-west-1", "test"),
    ]


def test_versions_of_the_engine_come_newest_first_and_untagged_images_are_none() -> None:
    engine: Any = Engine("shop/local:111111111111", "shop/local:222222222222", "shop/local:latest", "shop:333333333333")
    engine.api.images("").append({"RepoTags": None, "Id": "x", "Size": 1, "Created": 1})
    assert [one.tag for one in built.kept(engine, "shop")] == ["222222222222", "111111111111"]
