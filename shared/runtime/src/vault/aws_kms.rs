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

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine, engine::general_purpose::STANDARD};
    use serde_json::json;

    fn context() -> SealContext {
        let integration = "int_01JD0000000000000000000000".parse().unwrap();
        SealContext { tenant: "acme".parse().unwrap(), integration, version: 3 }
    }

    #[tokio::test]
    async fn data_keys_are_bound_to_tenant_integration_and_version() {
        let (aws, asked) = Aws::scripted(|_, _| {
            (200, json!({ "Plaintext": STANDARD.encode([1; 32]), "CiphertextBlob": STANDARD.encode([2; 64]) }))
        });
        let kms = AwsKms::new(aws, "arn:key".into());
        let made = kms.data_key(&context()).await.unwrap();
        assert_eq!((made.plain.len(), made.sealed.len()), (32, 64));
        assert_eq!(*kms.open(&made.sealed, &context()).await.unwrap(), [1; 32]);
        for (operation, request) in asked.lock().unwrap().iter() {
            let bound = json!({ "tenant": "acme", "integration": "int_01JD0000000000000000000000", "version": "3" });
            assert_eq!((&request["EncryptionContext"], &request["KeyId"]), (&bound, &json!("arn:key")), "{operation}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_ciphertext_is_unreadable_and_anything_else_may_pass() {
        for (fault, unreadable) in [
            ("InvalidCiphertextException", true),
            ("IncorrectKeyException", true),
            ("ThrottlingException", false),
            ("AccessDeniedException", false),
            ("DisabledException", false),
        ] {
            let (aws, _) = Aws::scripted(move |_, _| (400, json!({ "__type": fault })));
            let opened = AwsKms::new(aws, "arn:key".into()).open(&[1], &context()).await;
            assert_eq!(matches!(opened, Err(VaultError::Unreadable(_))), unreadable, "{fault}");
        }
    }
}
