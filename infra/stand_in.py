"""The label of images that `make setup` built in the place of official ones, where no registry is reached."""

LABEL = "django-stack.stand-in"
