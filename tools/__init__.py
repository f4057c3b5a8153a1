"""What a machine needs before `pulumi up`; nothing in infra/ or app/ imports it."""
