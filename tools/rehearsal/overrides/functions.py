"""CloudFront's functions. MiniStack runs them by Node.js, which isn't in its image, and without key-value stores.

On AWS a function reads the store that is associated with it:
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/kvs-with-functions.html

The API of its keys takes requests that are signed by Signature Version 4A, whose signer MiniStack doesn't look at:
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/kvs-with-functions-kvp.html
"""

import asyncio
from typing import Any

from ministack.core import router
from ministack.services import cloudfront, cloudfront_keyvaluestore

from tools.rehearsal.emulator import javascript
from tools.rehearsal.emulator.config import EmulatorConfig
from tools.rehearsal.overrides import replace


def apply(_: EmulatorConfig) -> None:
    """Runs functions by QuickJS, each with what its store has at that moment; looks at those signers."""
    replace(router, "_sigv4a_verified", lambda: True)

    async def run_function(arn: str, event: dict[str, Any]) -> dict[str, Any]:
        code = cloudfront.live_function_code(arn)
        if code is None:
            raise cloudfront.CloudFrontFunctionError(f"{arn} has no published code")
        values: dict[str, str] = {}
        function = cloudfront._functions.get(arn.rsplit("/", 1)[-1])
        for store in cloudfront._function_view(function, "LIVE").get("kvs_arns", []):
            found, problem = cloudfront_keyvaluestore._get_store(store)
            values |= {} if problem else found["items"]
        try:
            answer: dict[str, Any] = await asyncio.to_thread(javascript.run, code.decode(), event, values)
        except javascript.FunctionError as error:
            raise cloudfront.CloudFrontFunctionError(str(error)) from None
        return answer

    replace(cloudfront, "_run_function", run_function)
