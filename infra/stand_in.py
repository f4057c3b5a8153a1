"""The label of images that `make setup` built in place of official ones, where no registry can be reached."""

LABEL = "django-stack.stand-in"
