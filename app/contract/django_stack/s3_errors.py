"""Which errors of botocore mean that S3, or what gives a task its credentials, is down; imported where S3 is used."""

from __future__ import annotations

from botocore.exceptions import (
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    IncompleteReadError,
    MetadataRetrievalError,
    NoCredentialsError,
    TokenRetrievalError,
)
from botocore.exceptions import ConnectionError as EndpointError
from s3transfer.exceptions import RetriesExceededError

# No answer, half an answer, or no credentials (when the endpoint of a task role is down).
STORAGE_DOWN = (
    EndpointError,
    HTTPClientError,
    IncompleteReadError,
    RetriesExceededError,
    NoCredentialsError,
    CredentialRetrievalError,
    MetadataRetrievalError,
    TokenRetrievalError,
)

# S3 refuses all requests of a machine whose clock is wrong.
TOO_SKEWED = "RequestTimeTooSkewed"


def is_outage(error: BaseException | None) -> bool:
    """True if S3 could not be reached, or reported an error that is not the request's fault."""
    if isinstance(error, ClientError):
        status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500))
        return status >= 500 or error.response.get("Error", {}).get("Code") == TOO_SKEWED
    return isinstance(error, STORAGE_DOWN)
