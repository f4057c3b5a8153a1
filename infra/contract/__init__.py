"""Copies of the app's modules that parse DEFAULT_STORAGE_DSN, so that `pulumi up` refuses what the app would refuse.

They are copies because a project may have another app/, and infra/ must run without this one. Change them in
app/contract/django_stack and copy them from there (`tests/infra/test_dsn.py` compares them).
"""
