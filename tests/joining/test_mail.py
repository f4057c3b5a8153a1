"""A project's own mail server gives way to Mailpit."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from infra.adoption.planning import Plan
from infra.adoption.project import read_project
from tests.joining import projects
from tests.joining.conftest import plan_of, text_of


def test_with_mailpit_nobody_is_asked_for_another_server_s_login(
    planned: Callable[..., Plan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned()
    lines = ["import os", 'EMAIL_HOST = os.environ["EMAIL_HOST"]', 'EMAIL_PORT = int(os.environ["EMAIL_PORT"])']
    lines += ['EMAIL_HOST_PASSWORD = os.environ["SMTP_PASSWORD"]', 'if EMAIL_PORT == 1:\n    os.environ["EMAIL_USER"]']
    lines += ['URL, FROM = os.environ["EMAIL_URL"], os.environ["DEFAULT_FROM_EMAIL"]']
    (tmp_path / "shop/shop/mail.py").write_text("\n".join(lines) + "\n")
    projects.add(tmp_path / "shop", "shop/settings.py", "from shop.mail import *\n")
    found = plan_of(read_project(tmp_path / "shop"), tmp_path / "checkout")
    config = yaml.safe_load(text_of(found, "Pulumi.shop.yaml"))["config"]
    assert config["django-stack:mail"] == "mailpit"
    assert config["django-stack:env"] == {"DEFAULT_FROM_EMAIL": "webmaster@localhost"}, "EMAIL_URL is refused there"
    assert not [text for text in found.left + found.doubts if re.search(r"\b(?:EMAIL|SMTP)_(?:HOST|P|USE)", text)]
    assert "EMAIL_PORT=1 SMTP_PASSWORD=unset" in text_of(found, "Dockerfile.stack"), "the build has no EMAIL_URL"
    source = text_of(found, "settings_stack.py")
    source = source.replace("from shop.settings import *", "seen.append(dict(os.environ))")
    source = source.replace(
        "from django_stack.settings import apply", "apply = lambda _: seen.append(dict(os.environ))"
    )
    monkeypatch.setattr("os.environ", {"EMAIL_URL": "smtp://mail:1025"})
    seen: list[dict[str, str]] = []
    exec(compile(source, "settings_stack.py", "exec"), {"seen": seen})
    assert (seen[0]["EMAIL_HOST"], seen[0]["EMAIL_PORT"]) == ("localhost", "1")
    assert seen[1] == {"EMAIL_URL": "smtp://mail:1025"}
    monkeypatch.setattr("os.environ", {})
    exec(compile(source, "settings_stack.py", "exec"), {"seen": seen})
    assert "EMAIL_HOST" not in seen[2], "a stack without EMAIL_URL has to say where mail goes"
