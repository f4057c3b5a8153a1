"""Reads somebody's Django project and writes what it needs on a stack, in files of their own beside the project's.

Nothing of the project is imported or run: `read` sees it as texts and syntax trees, so that it needs none of the
project's dependencies and does nothing to it.
"""
