"""Static files that refer to others that aren't there, which only a storage with a manifest notices."""

import logging
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django_stack.files import StaticFiles
from django_stack.settings import files
from django_stack.variables import read

CSS = b"a { background: url(there.png) } b { background: url(gone.png) }\n/*# sourceMappingURL=site.css.map */\n"


def collected(folder: Path, *, strict: bool) -> StaticFiles:
    """A storage of a folder in which the files were collected."""
    storage = StaticFiles(location=str(folder), base_url="/static/", strict=strict)
    storage.save("there.png", ContentFile(b"picture"))
    storage.save("site.css", ContentFile(CSS))
    paths = {name: (storage, name) for name in ("there.png", "site.css")}
    for _, _, processed in storage.post_process(paths):
        if isinstance(processed, Exception):
            raise processed
    return StaticFiles(location=str(folder), base_url="/static/", strict=strict)


def test_a_reference_to_a_file_that_is_not_there_stays_as_it_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    storage = collected(tmp_path, strict=False)
    text = storage.open(storage.stored_name("site.css")).read().decode()
    assert "url(gone.png)" in text
    assert "there.png" not in text, "it has its hash"
    assert "sourceMappingURL=site.css.map" in text
    assert [one.getMessage() for one in caplog.records] == [
        "site.css refers to gone.png, which is no static file; it stays as it is.",
        "site.css refers to site.css.map, which is no static file; it stays as it is.",
    ]


def test_a_page_with_such_a_reference_is_shown(tmp_path: Path) -> None:
    storage = collected(tmp_path, strict=False)
    assert storage.url("gone.js") == "/static/gone.js"
    assert storage.url("site.css") != "/static/site.css"


def test_a_project_whose_own_storage_has_a_manifest_hears_of_it_as_before(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"gone\.png|site\.css\.map"):
        collected(tmp_path, strict=True)
    (tmp_path / "staticfiles.json").write_text('{"paths": {"a.css": "a.1.css"}, "version": "1.1", "hash": "x"}')
    storage = StaticFiles(location=str(tmp_path), base_url="/static/", strict=True)
    with pytest.raises(ValueError, match="Missing staticfiles manifest entry"):
        storage.url("gone.js")


@pytest.mark.parametrize(
    ("project", "strict"),
    [
        ({}, False),
        ({"STATICFILES_STORAGE": "whitenoise.storage.CompressedManifestStaticFilesStorage"}, True),
        ({"STORAGES": {"staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"}}}, False),
        ({"STORAGES": {"staticfiles": {"BACKEND": "django_stack.files.StaticFiles"}}}, True),
        ({"STORAGES": {"staticfiles": {"BACKEND": "shop.storages.ForgivingManifestStorage"}}}, False),
        (
            {
                "STATICFILES_STORAGE": "whitenoise.storage.CompressedManifestStaticFilesStorage",
                "WHITENOISE_MANIFEST_STRICT": False,
            },
            False,
        ),
    ],
)
def test_it_is_as_strict_as_the_project_s_own(project: dict[str, Any], strict: bool) -> None:
    found = files(read({}), project)["STORAGES"]["staticfiles"]
    assert found["OPTIONS"]["strict"] is strict
