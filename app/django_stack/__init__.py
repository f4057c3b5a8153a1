"""The environment a stack hands over, turned into Django settings. Knows nothing of the project that it serves.

A project joins by copying this one folder beside its `manage.py`, installing what `django_stack/requirements.in` lists,
and ending its settings file with

    from django_stack.settings import apply

    apply(globals())

What each variable means: `variables.py`. Which settings come of it: `settings.py`. Who is refused: `refusal.py`.
This file imports nothing, so that the container's health check stays cheap.
"""
