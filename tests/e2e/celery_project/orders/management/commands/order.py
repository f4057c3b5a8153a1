from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from orders.tasks import fill


class Command(BaseCommand):
    """Queues orders: the first number, how many, and the seconds that each takes."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("first", type=int)
        parser.add_argument("--count", type=int, default=1)
        parser.add_argument("--seconds", type=float, default=0.0)

    def handle(self, *_: Any, first: int, count: int, seconds: float, **__: Any) -> None:
        for order in range(first, first + count):
            fill.delay(order, seconds)
