"""docker.Image and docker.RemoteImage over gRPC, and the build context."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import docker
import pytest
from docker_harness import IMAGE, REMOTE_IMAGE, cancelled_while, image_inputs
from fake_registry import PASSWORD, USER, fake_registry
from plugin_harness import BASE_IMAGE, Plugin, error_text

from django_stack_plugins.docker.image import context_digest
from django_stack_plugins.docker.output import Lines
from django_stack_plugins.values import Properties


@pytest.fixture
def plugin(shared_plugin: Callable[[str], Plugin]) -> Plugin:
    return shared_plugin("docker")


@pytest.fixture
def own_plugin(start_plugin: Callable[[str], Plugin]) -> Plugin:
    return start_plugin("docker")


@pytest.fixture
def context(tmp_path: Path) -> Path:
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "Dockerfile").write_text(f"FROM {BASE_IMAGE}\nARG WHO=nobody\nCOPY . /app\nRUN echo built for $WHO\n")
    (folder / "main.py").write_text("print()")
    (folder / ".dockerignore").write_text("# comment\n*.pyc\n!keep.pyc\n")
    return folder


def test_the_digest_follows_content_names_and_modes_after_dockerignore(context: Path) -> None:
    def digest() -> str:
        return context_digest(str(context), str(context / "Dockerfile"))

    seen = [digest()]
    (context / "ignored.pyc").write_text("x")
    assert digest() == seen[0]
    for change in (
        lambda: (context / "keep.pyc").write_text("x"),
        lambda: (context / "main.py").write_text("print(1)"),
        lambda: (context / "main.py").rename(context / "other.py"),
        lambda: (context / "other.py").chmod(0o755),
        lambda: (context / "link").symlink_to("nowhere"),
        lambda: (context / "Dockerfile").write_text("FROM scratch\n"),
    ):
        change()
        assert digest() not in seen
        seen.append(digest())


def test_the_dockerfiles_own_ignore_file_comes_first(context: Path) -> None:
    (context / "Dockerfile.dockerignore").write_text("*.log\n")
    before = context_digest(str(context), str(context / "Dockerfile"))
    (context / "a.log").write_text("x")
    assert context_digest(str(context), str(context / "Dockerfile")) == before
    (context / "a.pyc").write_text("x")
    assert context_digest(str(context), str(context / "Dockerfile")) != before


@pytest.mark.parametrize(
    ("pieces", "lines"),
    [
        (["one ", "word\n", "rest"], ["one word", "rest"]),
        (["\x1b[1;3", "1mred\x1b[0m\n"], ["red"]),
        (["\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\\n"], ["link"]),
        (["\x1b(B\x1b=\x1b[?25lx\x1b[2K\n"], ["x"]),
        (["10%\r", "20%\r\n", "\n", "done\r\n"], ["20%", "done"]),
        (["bell\x07 and\ttab\n"], ["bell and\ttab"]),
    ],
)
@pytest.mark.report("joining bug 8")
def test_output_becomes_whole_lines_of_plain_text(pieces: list[str], lines: list[str]) -> None:
    output = Lines()
    assert [line for piece in pieces for line in output.add(piece)] + output.end() == lines


@pytest.mark.report("docker-library/postgres#708")
def test_a_pattern_that_is_none_is_a_failure_of_the_context(plugin: Plugin, context: Path) -> None:
    (context / ".dockerignore").write_text("[\n")
    (failure,) = plugin.check(IMAGE, {"imageName": "a", "skipPush": True, "build": {"context": str(context)}}).failures
    assert failure.property == "build.context"
    assert failure.reason == f"unable to read {context}/.dockerignore: '[' is no pattern"


@pytest.mark.parametrize(
    ("build", "name"),
    [
        ({"context": "/no/such"}, "build.context"),
        ({"dockerfile": "nowhere/Dockerfile"}, "build.dockerfile"),
        ({"builderVersion": "BuilderBuildKit"}, "build.builderVersion"),
        ({"typo": 1}, "build.typo"),
    ],
)
def test_a_wrong_build_is_refused_by_name(plugin: Plugin, context: Path, build: Properties, name: str) -> None:
    (failure,) = plugin.check(
        IMAGE, {"imageName": "a", "skipPush": True, "build": {"context": str(context), **build}}
    ).failures
    assert failure.property == name


def test_an_image_to_push_needs_its_registrys_name(plugin: Plugin, context: Path) -> None:
    (failure,) = plugin.check(IMAGE, {"imageName": "me/app", "build": {"context": str(context)}}).failures
    assert failure.property == "imageName"


def test_new_credentials_build_nothing(plugin: Plugin, context: Path) -> None:
    def inputs(password: str) -> Properties:
        registry = {"server": "r.example", "username": "u", "password": password}
        return plugin.inputs(IMAGE, {"imageName": "a", "registry": registry, "build": {"context": str(context)}})

    assert not plugin.diff(IMAGE, inputs("one"), inputs("two")).diffs


@pytest.mark.docker
def test_a_build_streams_its_lines_and_gives_the_image_id(
    plugin: Plugin, docker_engine: docker.DockerClient, unique: str, context: Path
) -> None:
    resource_id, state = plugin.create(IMAGE, image_inputs(plugin, context, unique, args={"WHO": "me"}))
    assert resource_id == f"{unique}:1"
    assert state["repoDigest"] == docker_engine.images.get(f"{unique}:1").id
    assert (state["baseImageName"], state["dockerfile"], state["registryServer"]) == (f"{unique}:1", "Dockerfile", "")
    assert "built for me" in plugin.engine.lines


@pytest.mark.docker
def test_only_a_changed_context_or_argument_builds_anew(plugin: Plugin, unique: str, context: Path) -> None:
    old = image_inputs(plugin, context, unique)
    assert not plugin.diff(IMAGE, old, image_inputs(plugin, context, unique)).diffs
    assert list(plugin.diff(IMAGE, old, image_inputs(plugin, context, unique, args={"WHO": "me"})).diffs) == ["build"]
    (context / "main.py").write_text("changed")
    response = plugin.diff(IMAGE, old, image_inputs(plugin, context, unique))
    assert list(response.detailedDiff) == ["build.contextDigest"] and not response.replaces


@pytest.mark.docker
def test_a_failing_build_shows_its_last_lines(plugin: Plugin, unique: str, context: Path) -> None:
    (context / "Dockerfile").write_text(f"FROM {BASE_IMAGE}\nRUN echo about to fail; exit 7\n")
    details = error_text(lambda: plugin.create(IMAGE, image_inputs(plugin, context, unique)))
    assert "returned a non-zero code: 7" in details.splitlines()[0]
    assert "about to fail" in details.splitlines()


@pytest.mark.docker
def test_the_builder_sees_what_the_digest_covers(
    plugin: Plugin, docker_engine: docker.DockerClient, unique: str, context: Path
) -> None:
    """By Docker's rules: a byte order mark, case, and a Dockerfile that is ignored and a symbolic link."""
    (context / ".dockerignore").write_bytes(b"\xef\xbb\xbf*.txt\r\nmain.PY\nDockerfile\n#x\nsub\n!sub/keep\n")
    (context / "Dockerfile").rename(context.parent / "elsewhere")
    (context / "Dockerfile").symlink_to(context.parent / "elsewhere")
    (context / "sub").mkdir()
    (context / "empty").mkdir(mode=0o700)
    for name in ("a.txt", "sub/keep", "sub/drop"):
        (context / name).write_text("")
    plugin.create(IMAGE, image_inputs(plugin, context, unique))
    listing = docker_engine.containers.run(f"{unique}:1", ["find", "/app"], remove=True).decode().split()
    assert sorted(listing) == ["/app", "/app/.dockerignore", "/app/empty", "/app/main.py", "/app/sub", "/app/sub/keep"]


@pytest.mark.docker
@pytest.mark.report("joining bug 8")
def test_a_builds_output_is_whole_lines_of_plain_text(plugin: Plugin, unique: str, context: Path) -> None:
    half, rest = r"\033[31mone wo", r"rd\033[0m\n 10%%\r 100%%\r\n\033]0;title\007caf\303\251\tx\n"
    script = f"printf '{half}'; sleep 1; printf '{rest}'; exit 7"
    (context / "Dockerfile").write_text(f"FROM {BASE_IMAGE}\nRUN {script}\n")
    details = error_text(lambda: plugin.create(IMAGE, image_inputs(plugin, context, unique)))
    for lines in (plugin.engine.lines, details.splitlines()):
        assert [line for line in lines if line in {"one word", " 100%", "caf\u00e9\tx"}] == [
            "one word",
            " 100%",
            "caf\u00e9\tx",
        ]
        assert not re.search(r"[\x00-\x08\x0b-\x1f]", "".join(lines).replace("\t", "")), lines


@pytest.mark.docker
def test_a_build_whose_cached_layers_are_removed_meanwhile_begins_again(
    own_plugin: Plugin, docker_engine: docker.DockerClient, unique: str, context: Path
) -> None:
    copying = "Step 3/3 : COPY large /"
    (context / "Dockerfile").write_text(f"FROM {BASE_IMAGE}\nLABEL of={unique}\n{copying.partition(' : ')[2]}\n")
    for attempt in range(10):  # on a busy machine the removal may come too late
        (context / "large").write_bytes(f"{attempt}".encode())
        own_plugin.create(IMAGE, image_inputs(own_plugin, context, f"{unique}-first"))
        with (context / "large").open("ab") as large:
            large.truncate(200_000_000)  # so that copying takes long enough
        inputs = image_inputs(own_plugin, context, f"{unique}-second{attempt}")
        own_plugin.engine.lines.clear()
        with ThreadPoolExecutor() as other:
            made = other.submit(own_plugin.create, IMAGE, inputs)
            own_plugin.engine.wait_for(copying, 60)
            docker_engine.images.remove(f"{unique}-first:1")
        assert made.result()[0] == f"{unique}-second{attempt}:1"
        docker_engine.images.remove(f"{unique}-second{attempt}:1")
        for image in docker_engine.images.list(filters={"label": f"of={unique}"}):
            docker_engine.images.remove(str(image.id))  # what the engine leaves of the first attempt
        if [line for line in own_plugin.engine.lines if "building again" in line]:
            return
    pytest.fail("it never began again")


@pytest.mark.docker
def test_a_dockerfile_outside_of_the_context_builds(
    plugin: Plugin, docker_engine: docker.DockerClient, unique: str, context: Path
) -> None:
    outside = context.parent / "Other"
    outside.write_text(f"FROM {BASE_IMAGE}\nCOPY . /app\nCMD cat /app/main.py\n")
    _, state = plugin.create(IMAGE, image_inputs(plugin, context, unique, dockerfile=str(outside)))
    container = docker_engine.containers.create(state["repoDigest"], name=unique)
    container.start()
    container.wait()
    assert container.logs() == b"print()"


@pytest.mark.docker
def test_destroying_an_image_leaves_it(
    plugin: Plugin, docker_engine: docker.DockerClient, unique: str, context: Path
) -> None:
    resource_id, state = plugin.create(IMAGE, image_inputs(plugin, context, unique))
    plugin.delete(IMAGE, resource_id, state)
    assert docker_engine.images.get(f"{unique}:1")


@pytest.mark.docker
def test_a_local_image_is_used_without_a_pull(plugin: Plugin, docker_engine: docker.DockerClient) -> None:
    inputs = plugin.inputs(REMOTE_IMAGE, {"name": BASE_IMAGE, "keepLocally": True})
    resource_id, state = plugin.create(REMOTE_IMAGE, inputs)
    expected = str(docker_engine.images.get(BASE_IMAGE).id)
    assert (resource_id, state["imageId"], state["repoDigest"]) == (expected + BASE_IMAGE, expected, "")
    plugin.delete(REMOTE_IMAGE, resource_id, state)
    assert docker_engine.images.get(BASE_IMAGE)


@pytest.mark.docker
def test_an_image_that_is_not_kept_is_removed(plugin: Plugin, docker_engine: docker.DockerClient, unique: str) -> None:
    docker_engine.images.get(BASE_IMAGE).tag(unique, "1")
    inputs = plugin.inputs(REMOTE_IMAGE, {"name": f"{unique}:1"})
    resource_id, state = plugin.create(REMOTE_IMAGE, inputs)
    plugin.delete(REMOTE_IMAGE, resource_id, state)
    assert not docker_engine.images.list(f"{unique}:1")
    assert plugin.read(REMOTE_IMAGE, resource_id, state, inputs).id == ""


@pytest.mark.docker
def test_an_image_that_cannot_be_had_is_one_line(plugin: Plugin) -> None:
    inputs = plugin.inputs(REMOTE_IMAGE, {"name": "127.0.0.1:1/no/such:image"})
    details = error_text(lambda: plugin.create(REMOTE_IMAGE, inputs))
    assert details.startswith("unable to pull image 127.0.0.1:1/no/such:image: ") and "\n" not in details


@pytest.mark.docker
def test_cancelling_ends_a_build_that_says_nothing(own_plugin: Plugin, unique: str, context: Path) -> None:
    (context / "Dockerfile").write_text(f"FROM {BASE_IMAGE}\nRUN echo begun for {unique}; sleep 30\n")
    error = cancelled_while(
        own_plugin,
        lambda: own_plugin.create(IMAGE, image_inputs(own_plugin, context, unique)),
        lambda: f"begun for {unique}" in own_plugin.engine.lines,
    )
    assert error.details() == "cancelled"


@pytest.mark.docker
def test_an_image_is_pushed_and_known_by_its_digest(
    plugin: Plugin, docker_engine: docker.DockerClient, unique: str, context: Path
) -> None:
    with fake_registry() as registry:
        name = f"{registry}/{unique}:1"
        inputs: Properties = {"imageName": name, "build": {"context": str(context)}}
        inputs["registry"] = {"server": registry, "username": USER, "password": PASSWORD}
        try:
            _, state = plugin.create(IMAGE, plugin.inputs(IMAGE, inputs))
            inputs["registry"]["password"] = "wrong"
            refusal = error_text(lambda: plugin.create(IMAGE, plugin.inputs(IMAGE, inputs)))
        finally:
            docker_engine.images.remove(name, force=True)
    assert re.fullmatch(rf"{registry}/{unique}@sha256:[0-9a-f]{{64}}", state["repoDigest"])
    assert state["registryServer"] == registry
    assert refusal.startswith(f"unable to push image {name}: ")
