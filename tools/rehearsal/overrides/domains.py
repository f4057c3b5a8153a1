"""Own domains. MiniStack knows a distribution by AWS's own name for it alone.

A distribution serves its aliases, too: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/CNAMEs.html
"""

from ministack import app
from ministack.services import cloudfront

from tools.rehearsal.emulator.config import EmulatorConfig
from tools.rehearsal.overrides import replace


def aliases() -> set[str]:
    """The own domains that distributions serve."""
    served = (cloudfront._get_distribution_aliases(one) for one in list(cloudfront._distributions.values()))
    return {name for names in served for name in names}


def apply(_: EmulatorConfig) -> None:
    """Wraps how MiniStack finds out whose a host name is."""
    parse = app._parse_cloudfront_dataplane_host

    def label(host: str) -> str | None:
        name = host.partition(":")[0].lower()
        serving = (
            distribution["DomainName"]
            for distribution in list(cloudfront._distributions.values())
            if name in cloudfront._get_distribution_aliases(distribution)
        )
        found: str | None = parse(host) or parse(next(serving, ""))
        return found

    replace(app, "_parse_cloudfront_dataplane_host", label)
