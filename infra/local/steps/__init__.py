"""The steps of the local platform: what a `local.Command` runs while a stack is deployed."""
