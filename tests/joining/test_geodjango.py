"""What a project with GeoDjango gets: PostGIS in its database, its backend, and GDAL in its image."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.adoption.planning import Plan
from tests.joining import projects
from tests.joining.conftest import text_of

MakePlan = Callable[..., Plan]


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("", "postgis/postgis:{postgres-version}-3.5"),
        ("postgres:18", "postgis/postgis:{postgres-version}-3.6"),
        ("postgis/postgis:15-3.4", "postgis/postgis:15-3.4"),
        ("imresamu/postgis:17-3.6", "imresamu/postgis:17-3.6"),
        ("postgis/postgis:16-3.5-alpine", "postgis/postgis:{postgres-version}-3.5"),  # musl
        ("kartoza/postgis:16-3.4", "postgis/postgis:{postgres-version}-3.5"),  # not made from the official image
        ("postgis/postgis:12-3.4", "postgis/postgis:{postgres-version}-3.5"),  # older than any stack's
        ("postgis/postgis:latest", "postgis/postgis:{postgres-version}-3.5"),
    ],
)
def test_geodjango_gets_postgis_its_backend_and_gdal(planned: MakePlan, image: str, expected: str) -> None:
    def compose(folder: Path) -> None:
        if image:
            projects.write(folder, "compose.yaml", f"services: {{db: {{image: '{image}'}}}}\n")

    found = planned(projects.geodjango, compose)
    config = yaml.safe_load(text_of(found, "Pulumi.shop.yaml"))["config"]
    assert config["django-stack:postgres-image"] == expected
    assert f"PostGIS: {expected}" in found.said
    final = text_of(found, "Dockerfile.stack").rpartition("FROM ")[2]
    assert "install --yes --no-install-recommends libgdal36 " in final
    settings = text_of(found, "settings_stack.py").partition("from django_stack.settings import apply")[2]
    chosen: dict[str, Any] = {"apply": lambda found: None}
    exec(settings.partition("\n")[2], chosen)
    assert chosen["DATABASES"] == {"default": {"ENGINE": "django.contrib.gis.db.backends.postgis"}}


def test_a_project_without_geodjango_gets_no_postgis(planned: MakePlan) -> None:
    found = planned()
    assert "postgres-image" not in text_of(found, "Pulumi.shop.yaml")
    assert "libgdal" not in text_of(found, "Dockerfile.stack")
    assert "ENGINE" not in text_of(found, "settings_stack.py")
