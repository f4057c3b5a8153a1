"""ECR's addresses. MiniStack says `ACCOUNT.dkr.ecr.REGION.amazonaws.com`, which a Docker engine would look for at AWS.
The registry is on this machine's loopback, where engines take plain http.

MiniStack answers DescribeImages for a tag that isn't there with an empty list; ECR refuses with ImageNotFoundException:
https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImages.html
"""

from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import ecr

from tools.rehearsal.emulator.config import EmulatorConfig
from tools.rehearsal.overrides import replace


def apply(config: EmulatorConfig) -> None:
    """The registry's address is the loopback's; a missing tag is refused."""
    replace(ecr, "_repo_uri", lambda name: f"127.0.0.1:{config.port}/{name}")
    describe = ecr._describe_images

    def describe_images(data: dict[str, Any]) -> Any:
        name = data.get("repositoryName", "")
        for image in data.get("imageIds") or []:
            if name in ecr._repositories and not ecr._find_image(name, image):
                which = ", ".join(f"{key}:'{value}'" for key, value in sorted(image.items()))
                return error_response_json(
                    "ImageNotFoundException",
                    f"The image with imageId {{{which}}} does not exist within the repository with name '{name}' "
                    f"in the registry with id '{config.account}'",
                    400,
                )
        return describe(data)

    replace(ecr, "_describe_images", describe_images)
