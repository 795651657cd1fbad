//! Wrapping by AWS KMS.

use crate::branch_key::KeyMaterial;
use crate::ports::{GeneratedKey, KeyError, KeyWrapping, WrappingContext};
use async_trait::async_trait;
use aws_sdk_kms::Client;
use aws_sdk_kms::config::http::HttpResponse;
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::DataKeySpec;
use std::collections::HashMap;
use std::sync::Arc;
use zeroize::Zeroizing;

const GENERATE: &str = "kms:GenerateDataKey";
const DECRYPT: &str = "kms:Decrypt";

/// Wraps under one symmetric KMS key, whatever the item says about its key: who can write to the table cannot make us ask
/// another key.
#[derive(Debug, Clone)]
pub struct KmsKeyWrapping {
    client: Client,
    key_arn: String,
}

impl KmsKeyWrapping {
    /// `client` must have its timeouts set. The role needs `kms:GenerateDataKey` and `kms:Decrypt` on the key.
    pub fn new(client: Client, key_arn: String) -> Self {
        Self { client, key_arn }
    }

    fn error<E>(&self, operation: &'static str, error: SdkError<E, HttpResponse>) -> KeyError
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let reason = match &error {
            SdkError::ServiceError(service) => {
                let code = service.err().code().unwrap_or("an error without a code");
                format!("{code} for {}; expected: {}", self.key_arn, advice(code))
            }
            _ => "KMS did not answer in time, or could not be reached".to_owned(),
        };
        KeyError { operation, reason, source: Some(Arc::new(error)) }
    }
}

/// What an operator is to see to (`Decrypt` and `GenerateDataKey` in the KMS API reference, "Errors").
fn advice(code: &str) -> &'static str {
    match code {
        "AccessDeniedException" => {
            "the function's role may call kms:GenerateDataKey and kms:Decrypt on this key"
        }
        "DisabledException" => "an enabled key; enable it again",
        "KMSInvalidStateException" => "a key in use; cancel its deletion",
        "NotFoundException" => "a key of this ARN, in this region",
        "IncorrectKeyException" => {
            "branch keys wrapped under SEALING_KEY_ARN; wrap those of another KMS key anew (kms:ReEncrypt)"
        }
        "InvalidCiphertextException" => {
            "a branch key of this table and date, unchanged; restore its item, or delete it to give up what it seals"
        }
        "InvalidKeyUsageException" => "a symmetric key for encryption and decryption",
        "UnrecognizedClientException" | "ExpiredTokenException" | "InvalidSignatureException" => {
            "valid AWS credentials for the account of the key"
        }
        _ => "an answer; KMS is throttled or has a fault that passes",
    }
}

fn context_map(context: WrappingContext<'_>) -> HashMap<String, String> {
    context.pairs().into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Takes the key out of KMS's answer and erases the answer's copy. The SDK's own buffers cannot be reached.
fn material(operation: &'static str, plaintext: Option<Blob>) -> Result<KeyMaterial, KeyError> {
    let bytes = Zeroizing::new(plaintext.map(Blob::into_inner).unwrap_or_default());
    KeyMaterial::copied_from(&bytes).ok_or_else(|| KeyError {
        operation,
        reason: format!("expected a key of {} bytes, got {}", KeyMaterial::BYTES, bytes.len()),
        source: None,
    })
}

#[async_trait]
impl KeyWrapping for KmsKeyWrapping {
    async fn generate(&self, context: WrappingContext<'_>) -> Result<GeneratedKey, KeyError> {
        let answer = self
            .client
            .generate_data_key()
            .key_id(&self.key_arn)
            .key_spec(DataKeySpec::Aes256)
            .set_encryption_context(Some(context_map(context)))
            .send()
            .await
            .map_err(|error| self.error(GENERATE, error))?;
        let material = material(GENERATE, answer.plaintext)?;
        let wrapped = answer.ciphertext_blob.map(Blob::into_inner).filter(|wrapped| !wrapped.is_empty());
        let wrapped = wrapped.ok_or_else(|| KeyError {
            operation: GENERATE,
            reason: "expected the wrapped key, got none".to_owned(),
            source: None,
        })?;
        Ok(GeneratedKey { material, wrapped, kms_key: answer.key_id.unwrap_or_else(|| self.key_arn.clone()) })
    }

    async fn unwrap(&self, wrapped: &[u8], context: WrappingContext<'_>) -> Result<KeyMaterial, KeyError> {
        let answer = self
            .client
            .decrypt()
            .key_id(&self.key_arn)
            .ciphertext_blob(Blob::new(wrapped))
            .set_encryption_context(Some(context_map(context)))
            .send()
            .await
            .map_err(|error| self.error(DECRYPT, error))?;
        material(DECRYPT, answer.plaintext)
    }
}
