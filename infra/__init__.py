"""The Pulumi program: one Django image, two homes."""
