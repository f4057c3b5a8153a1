"""CloudFront's functions, run by QuickJS: the runtime cloudfront-js-2.0, as far as this project's functions go.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/functions-javascript-runtime-20.html
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/functions-custom-methods.html
"""

import json
import re
from collections.abc import Mapping
from typing import Any

import quickjs

SECONDS = 5  # a function has about a millisecond; this ends one that never would
MOST_BYTES = 10_000  # of a function's code: https://docs.aws.amazon.com/general/latest/gr/cf_region.html
# `get` of a key that isn't there fails, as on AWS.
MODULE = """
const console = { log() {} };
const cf = { kvs() { return {
    async get(key, options) {
        if (!Object.hasOwn(__values, key)) { throw new Error('KeyNotFound: ' + key); }
        const value = __values[key];
        return options && options.format === 'json' ? JSON.parse(value) : value;
    },
    async exists(key) { return Object.hasOwn(__values, key); }
}; } };
"""
IMPORT = re.compile(r"^import cf from 'cloudfront';$", re.MULTILINE)


class FunctionError(Exception):
    """A function failed; CloudFront answers 503 then."""


def run(code: str, event: Mapping[str, Any], values: Mapping[str, str]) -> Any:
    """What the function returns for an event, with a key-value store that has these values. Raises FunctionError."""
    if len(code.encode()) > MOST_BYTES:
        raise FunctionError(f"its code has {len(code.encode())} bytes, and may have {MOST_BYTES}")
    context = quickjs.Context()
    context.set_time_limit(SECONDS)
    try:
        context.eval(f"const __values = {json.dumps(dict(values))};{MODULE}")
        context.eval(IMPORT.sub("", code))
        context.eval(
            "let __answer = '', __error = '';"
            f"Promise.resolve(handler({json.dumps(event)}))"
            ".then(value => { __answer = JSON.stringify(value); }, error => { __error = String(error); });"
        )
        while context.execute_pending_job():
            pass
        error, answer = context.eval("__error"), context.eval("__answer")
    except quickjs.JSException as problem:
        raise FunctionError(str(problem)) from None
    if error or not answer:
        raise FunctionError(error or "it never answers")
    return json.loads(answer)
