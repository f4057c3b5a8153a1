"""A management command for test_schedules.py: says that it begins, in which database, and takes its time."""

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import connection


class Command(BaseCommand):
    """`say SECONDS`"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("seconds", type=float)

    def handle(self, *_: Any, seconds: float, **__: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_database()")
            self.stdout.write(f"begins in the database {cursor.fetchone()[0]}")
        time.sleep(seconds)
        self.stdout.write("ends")
