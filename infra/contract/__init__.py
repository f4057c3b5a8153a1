"""Copies of the app's modules that read DEFAULT_STORAGE_DSN, so that `pulumi up` refuses what the app would refuse.

Copies, because infra/ imports nothing from app/, and a project may bring an app/ of its own. They are mended in
app/django_stack and copied from there (`tests/infra/test_dsn.py` compares them).
"""
