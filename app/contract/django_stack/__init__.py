"""Turns the environment variables that a stack sets into Django settings, for any project.

A project joins by installing the distribution django-stack-contract and ending its settings file with

    from django_stack.settings import apply

    apply(globals())

`variables.py` reads the variables, `settings.py` makes settings of them, and `refusal.py` stops programs that lack
some. This file imports nothing, so that the container's health check stays cheap.
"""
