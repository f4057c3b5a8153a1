from django.db import models
from django.db.models.functions import Now


class Run(models.Model):
    """One run of a task, up to its end."""

    order = models.IntegerField()
    host = models.CharField(max_length=64)  # the container
    began = models.DateTimeField(db_default=Now())
    ended = models.DateTimeField(null=True)


class Tick(models.Model):
    """What beat sends each second."""

    at = models.DateTimeField(db_default=Now())
