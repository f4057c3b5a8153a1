"""A project of somebody else's that works off its orders with Celery: what a worker and beat need on a stack.

It has no copy of `app/django_stack`; the test adds it, as docs/bring-your-own.md says.
"""
