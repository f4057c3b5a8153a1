"""What a person runs against a stack: `django-stack COMMAND`, a module for each command."""
