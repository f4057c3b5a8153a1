"""The steps of the cloud platform: what a `local.Command` runs while a stack is deployed."""
