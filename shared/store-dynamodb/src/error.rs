//! What the SDK's errors mean to the caller.

use crate::item::Item;
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::error::ConditionalCheckFailedException;
use domain::error::StoreError;

/// Service errors that pass by themselves, beside those with HTTP status 429 or 5xx.
const PASSING: [&str; 8] = [
    "InternalServerError",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "ReplicatedWriteConflictException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "ThrottlingException",
    "TransactionConflictException",
];

const UNSENT: &str = "the request was not sent; expected AWS credentials and a region";

/// Sorts an SDK error by what helps: waiting, or an operator.
pub(crate) fn store_error<E>(
    operation: &'static str,
    table: &str,
    error: SdkError<E, HttpResponse>,
) -> StoreError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let reason = match &error {
        SdkError::ServiceError(service) => {
            let status = service.raw().status().as_u16();
            let code = service.err().code().unwrap_or("an error without a code");
            if status == 429 || status >= 500 || PASSING.contains(&code) {
                None
            } else {
                Some(advice(code, table))
            }
        }
        SdkError::ConstructionFailure(_) => Some(UNSENT.to_owned()),
        // Neither the network nor a timeout: in practice there are no credentials to sign with.
        SdkError::DispatchFailure(failure)
            if failure
                .as_connector_error()
                .is_some_and(|error| error.is_other() && error.as_other().is_none()) =>
        {
            Some(UNSENT.to_owned())
        }
        // Timeouts, connections that break, answers cut short.
        _ => None,
    };
    match reason {
        Some(reason) => StoreError::Rejected { operation, reason, source: Some(Box::new(error)) },
        None => StoreError::Unavailable { operation, source: Some(Box::new(error)) },
    }
}

fn advice(code: &str, table: &str) -> String {
    let expected = match code {
        "ResourceNotFoundException" => "it is not there; create it with `cargo local create-table`",
        "AccessDeniedException" => {
            "the function's role must be allowed this action on the table and its indexes"
        }
        "UnrecognizedClientException" | "ExpiredTokenException" | "InvalidSignatureException" => {
            "valid AWS credentials for the account of the table"
        }
        "ValidationException" => "the keys and indexes `due` and `user` of `cargo local create-table`",
        _ => "an answer",
    };
    format!("{code} for table {table:?}; expected: {expected}")
}

/// The answer to a conditional write.
pub(crate) enum Conditional<T> {
    Done(T),
    /// The condition did not hold; the item that is there, if one is.
    Refused(Option<Item>),
}

/// Errors among which is a condition that does not hold.
pub(crate) trait RefusedCondition {
    fn refused(&self) -> Option<&ConditionalCheckFailedException>;
}

macro_rules! refused_condition {
    ($($error:ident),+) => {$(
        impl RefusedCondition for $error {
            fn refused(&self) -> Option<&ConditionalCheckFailedException> {
                match self {
                    Self::ConditionalCheckFailedException(refused) => Some(refused),
                    _ => None,
                }
            }
        }
    )+};
}
refused_condition!(PutItemError, UpdateItemError, DeleteItemError);

/// Tells a condition that did not hold from an error.
pub(crate) fn conditional<T, E>(
    operation: &'static str,
    table: &str,
    result: Result<T, SdkError<E, HttpResponse>>,
) -> Result<Conditional<T>, StoreError>
where
    E: RefusedCondition + ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match result {
        Ok(done) => Ok(Conditional::Done(done)),
        Err(error) => match error.as_service_error().and_then(RefusedCondition::refused) {
            Some(refused) => Ok(Conditional::Refused(refused.item().cloned())),
            None => Err(store_error(operation, table, error)),
        },
    }
}
