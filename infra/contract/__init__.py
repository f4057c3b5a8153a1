"""Copies of the app's modules that parse DEFAULT_STORAGE_DSN, so that `pulumi up` refuses what the app would refuse.

They are copies because infra/ imports nothing from app/, and because a project may have another app/. Change them in
app/django_stack and copy them from there (`tests/infra/test_dsn.py` compares them).
"""
