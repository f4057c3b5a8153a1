"""Gets a version into the stack's repository in ECR as it is, and prints its digest last. Run by local.Command."""

import sys

from infra.cloud.aws import AWSError, explain_errors
from infra.cloud.push import PushError
from infra.cloud.registry import RegistryError
from infra.cloud.requests import CopyImageRequest
from infra.cloud.versions import bring
from infra.steps import read_request


def main() -> None:
    """Exit status 0 when the version is in the repository, else 1 with the reason on standard error."""
    request = read_request(CopyImageRequest)
    try:
        with explain_errors():
            digest = bring(request)
    except (AWSError, PushError, RegistryError) as error:
        sys.exit(str(error))
    print(digest)


if __name__ == "__main__":
    main()
