"""What is asked of AWS's clients, and how their failures are told."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError, PartialCredentialsError

from .errors import Unavailable

_PASSING = frozenset((
    "InternalServerError",
    "KMSInternalException",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "ReplicatedWriteConflictException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "ThrottlingException",
    "TransactionConflictException",
))
"""Errors that pass by themselves, beside those with HTTP status 429 or 5xx."""

Item = dict[str, dict[str, Any]]
Answer = TypeVar("Answer")


class DynamoDb(Protocol):
    """The part of `boto3.client("dynamodb")` that is used."""

    def get_item(self, **parameters: Any) -> Any: ...
    def query(self, **parameters: Any) -> Any: ...
    def update_item(self, **parameters: Any) -> Any: ...


class Kms(Protocol):
    """The part of `boto3.client("kms")` that is used."""

    def decrypt(self, **parameters: Any) -> Any: ...


def ask(operation: str, call: Callable[..., Answer], **parameters: Any) -> Answer:
    """Calls AWS. Every failure is `Unavailable`, with AWS's code and never with what was sent."""
    try:
        return call(**parameters)
    except (ClientError, BotoCoreError) as error:
        raise unavailable(operation, error) from error


def unavailable(operation: str, error: ClientError | BotoCoreError) -> Unavailable:
    """A failure of AWS, in this package's terms."""
    if isinstance(error, BotoCoreError):
        # In practice the network or a timeout, unless boto3 knows neither credentials nor region.
        unsent = isinstance(error, (NoCredentialsError, NoRegionError, PartialCredentialsError))
        return Unavailable(f"{operation}: no answer ({type(error).__name__})", transient=not unsent)
    code, status = code_of(error), error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return Unavailable(f"{operation}: {code}", transient=status == 429 or status >= 500 or code in _PASSING)


def code_of(error: ClientError) -> str:
    """AWS's name of the error."""
    return str(error.response.get("Error", {}).get("Code", "an error without a code"))
