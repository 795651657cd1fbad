//! The DynamoDB table: token cache, account activity, due index, claims.
