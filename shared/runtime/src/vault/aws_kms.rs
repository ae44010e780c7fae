//! The key service of AWS.

use super::{DataKey, Kms, SealContext, VaultError};
use crate::aws::Aws;
use aws_sdk_kms::{error::DisplayErrorContext, primitives::Blob, types::DataKeySpec};
use std::collections::HashMap;
use zeroize::Zeroizing;

/// KMS with one customer-managed key.
#[derive(Clone)]
pub struct AwsKms {
    aws: Aws,
    key_arn: String,
}

impl AwsKms {
    /// Uses this key (`KMS_KEY_ARN`).
    #[must_use]
    pub fn new(aws: Aws, key_arn: String) -> Self {
        Self { aws, key_arn }
    }
}

fn encryption_context(context: &SealContext) -> HashMap<String, String> {
    context.parts().into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

impl Kms for AwsKms {
    async fn data_key(&self, context: &SealContext) -> Result<DataKey, VaultError> {
        let made = self
            .aws
            .kms()
            .generate_data_key()
            .key_id(&self.key_arn)
            .key_spec(DataKeySpec::Aes256)
            .set_encryption_context(Some(encryption_context(context)))
            .send()
            .await
            .map_err(|error| VaultError::Unavailable(DisplayErrorContext(&error).to_string()))?;
        let (Some(plain), Some(sealed)) = (made.plaintext, made.ciphertext_blob) else {
            return Err(VaultError::Unavailable("GenerateDataKey gave no key".into()));
        };
        Ok(DataKey { plain: Zeroizing::new(plain.into_inner()), sealed: sealed.into_inner() })
    }

    async fn open(&self, sealed: &[u8], context: &SealContext) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let opened = self
            .aws
            .kms()
            .decrypt()
            // Named, so that a data key sealed by any other key is refused.
            .key_id(&self.key_arn)
            .ciphertext_blob(Blob::new(sealed))
            .set_encryption_context(Some(encryption_context(context)))
            .send()
            .await
            .map_err(|error| match error.as_service_error() {
                Some(known) if known.is_invalid_ciphertext_exception() || known.is_incorrect_key_exception() => {
                    VaultError::Unreadable("the data key was changed, or sealed for something else")
                }
                _ => VaultError::Unavailable(DisplayErrorContext(&error).to_string()),
            })?;
        let plain = opened.plaintext.ok_or_else(|| VaultError::Unavailable("Decrypt gave no key".into()))?;
        Ok(Zeroizing::new(plain.into_inner()))
    }
}
