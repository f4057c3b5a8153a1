"""What a project with GeoDjango needs: PostGIS in its database; GDAL, GEOS and PROJ in its image."""

import re

from infra.adoption.project import Project

ENGINE = "django.contrib.gis.db.backends.postgis"
_NEWEST = {18: "3.6"}  # PostGIS in the tags of postgis/postgis, by PostgreSQL's version; 3.5 for older ones
# What can't be the stack's postgres-image: musl, and an image with an entry point and folders of its own.
_OTHERS = re.compile(r"alpine|kartoza/")


def postgres_image(project: Project, postgres: int) -> str:
    """The setting postgres-image: the project's own, as compose runs it, if PostgreSQL's version was taken from there.

    `postgres` is that version, 0 for the stack's default.
    """
    for image in project.services.images.values():
        if re.search(rf"postgis[^/:]*:{postgres}\b", image) and not _OTHERS.search(image):
            return image
    return f"postgis/postgis:{{postgres-version}}-{_NEWEST.get(postgres, '3.5')}"
