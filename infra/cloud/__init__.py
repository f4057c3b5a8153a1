"""The cloud platform: everything on AWS, by pulumi-aws. Imported only by stacks whose platform is cloud."""
