"""The versions that both platforms know. Without Pulumi, so that the steps that ask for them start quickly."""

# The majors that PostgreSQL's project and RDS maintain: postgresql.org/support/versioning, and
# docs.aws.amazon.com/AmazonRDS/latest/PostgreSQLReleaseNotes/postgresql-release-calendar.html.
POSTGRES = range(14, 19)
