"""Where the app looks whether there is maintenance, and `django-stack maintenance` says so."""

FOLDER = "/data/maintenance"  # in the web's container; a volume, so that it lasts when the container is replaced
FILE = f"{FOLDER}/maintenance.json"
