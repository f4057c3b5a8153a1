"""The commands that a person runs for a stack: `django-stack COMMAND`, a module for each."""
