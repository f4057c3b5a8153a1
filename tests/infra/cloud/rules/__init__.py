"""Rules that the cloud platform keeps, by what they protect, each with changes that break it."""
