"""By which names one-off tasks, and databases of checks, are told apart on AWS.

Without Pulumi, since the commands ask for them, too.
"""

RELEASE = "release"  # `startedBy` of a release's tasks
SCHEDULE = "schedule:"  # what the group of a schedule's task begins with; its name follows
SHELL = "shell"  # the end of the family of a session's task definition
# The tag of a database that the check of a backup made: the time (UTC) at which that check was last alive.
CHECK_SEEN = "django-stack.check-seen"
