"""A project of somebody else's that works off its orders with Celery: what a worker and beat need on a stack.

The test adds the wheel of `app/contract`, as docs/bring-your-own.md says.
"""
