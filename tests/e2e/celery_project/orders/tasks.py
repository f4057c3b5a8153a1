import socket
import time

from celery import shared_task
from django.utils import timezone
from orders.models import Run, Tick


@shared_task
def fill(order: int, seconds: float) -> None:
    run = Run.objects.create(order=order, host=socket.gethostname())
    time.sleep(seconds)
    run.ended = timezone.now()
    run.save()


@shared_task
def tick() -> None:
    Tick.objects.create()
