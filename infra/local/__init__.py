"""The local platform: the stack as containers of the Docker engine on this machine."""
