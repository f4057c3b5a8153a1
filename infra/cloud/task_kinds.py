"""By which names the one-off tasks of AWS are told apart. Without Pulumi, since the commands ask for them, too."""

RELEASE = "release"  # `startedBy` of a release's tasks
SCHEDULE = "schedule:"  # what the group of a schedule's task begins with; its name follows
SHELL = "shell"  # the end of the family of a session's task definition
