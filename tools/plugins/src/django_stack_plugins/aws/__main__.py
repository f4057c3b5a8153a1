"""`python -m django_stack_plugins.aws`: the plugin, where its console script isn't installed."""

from django_stack_plugins.aws import main

main()
