"""The versions that both platforms support. No Pulumi here, so that steps that need them start quickly."""

# The major versions that the PostgreSQL project and RDS maintain: postgresql.org/support/versioning, and
# docs.aws.amazon.com/AmazonRDS/latest/PostgreSQLReleaseNotes/postgresql-release-calendar.html.
POSTGRES = range(14, 19)
