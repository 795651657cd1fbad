"""What is asked of AWS's clients, and how their failures are told."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from .errors import Unavailable

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
    except ClientError as error:
        raise Unavailable(f"{operation}: {code_of(error)}") from error
    except BotoCoreError as error:
        raise Unavailable(f"{operation}: no answer ({type(error).__name__})") from error


def code_of(error: ClientError) -> str:
    """AWS's name of the error."""
    return str(error.response.get("Error", {}).get("Code", "an error without a code"))
