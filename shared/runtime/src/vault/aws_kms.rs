//! The key service of AWS.

use super::{DataKey, Kms, SealContext, VaultError};
use crate::aws::Aws;
use aws_sdk_kms::{error::DisplayErrorContext, operation::decrypt::DecryptError, primitives::Blob, types::DataKeySpec};
use std::collections::HashMap;
use zeroize::Zeroizing;

/// KMS with the deployment's key, and while secrets are moved from one key to another, the former one.
#[derive(Clone)]
pub struct AwsKms {
    aws: Aws,
    key_arn: String,
    former: Vec<String>,
}

impl AwsKms {
    /// Uses this key (`KMS_KEY_ARN`). Behind a comma may stand one that data keys were encrypted under before: it still
    /// opens them, and encrypts nothing any more.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "what is read from the environment is handed over")]
    pub fn new(aws: Aws, key_arns: String) -> Self {
        let mut arns = key_arns.split(',').map(ToOwned::to_owned);
        let key_arn = arns.next().unwrap_or_default();
        Self { aws, key_arn, former: arns.collect() }
    }

    /// Opens a data key with one key; `None` if it was sealed by another.
    async fn open_with(
        &self,
        key_arn: &str,
        sealed: &[u8],
        context: &SealContext,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError> {
        let opened = self
            .aws
            .kms()
            .decrypt()
            // Named, so that a data key sealed by any other key is refused.
            .key_id(key_arn)
            .ciphertext_blob(Blob::new(sealed))
            .set_encryption_context(Some(encryption_context(context)))
            .send()
            .await;
        let opened = match opened {
            Ok(opened) => opened,
            Err(error) if error.as_service_error().is_some_and(DecryptError::is_incorrect_key_exception) => {
                return Ok(None);
            }
            Err(error) if error.as_service_error().is_some_and(DecryptError::is_invalid_ciphertext_exception) => {
                return Err(VaultError::Unreadable(CHANGED));
            }
            Err(error) => return Err(VaultError::Unavailable(DisplayErrorContext(&error).to_string())),
        };
        let plain = opened.plaintext.ok_or_else(|| VaultError::Unavailable("Decrypt gave no key".into()))?;
        Ok(Some(Zeroizing::new(plain.into_inner())))
    }
}

const CHANGED: &str = "the data key was changed, or sealed for something else";

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
        for key_arn in std::iter::once(&self.key_arn).chain(&self.former) {
            if let Some(plain) = self.open_with(key_arn, sealed, context).await? {
                return Ok(plain);
            }
        }
        Err(VaultError::Unreadable(CHANGED))
    }

    async fn rewrap(&self, sealed: &[u8], context: &SealContext) -> Result<Vec<u8>, VaultError> {
        let anew = self
            .aws
            .kms()
            .re_encrypt()
            // KMS reads out of a ciphertext which key it is under. Which that may be, the function's role says
            // (kms:ReEncryptFrom).
            .ciphertext_blob(Blob::new(sealed))
            .set_source_encryption_context(Some(encryption_context(context)))
            .destination_key_id(&self.key_arn)
            .set_destination_encryption_context(Some(encryption_context(context)))
            .send()
            .await
            .map_err(|error| match error.as_service_error() {
                Some(known) if known.is_invalid_ciphertext_exception() || known.is_incorrect_key_exception() => {
                    VaultError::Unreadable(CHANGED)
                }
                _ => VaultError::Unavailable(DisplayErrorContext(&error).to_string()),
            })?;
        let sealed = anew.ciphertext_blob.ok_or_else(|| VaultError::Unavailable("ReEncrypt gave no key".into()))?;
        Ok(sealed.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine, engine::general_purpose::STANDARD};
    use serde_json::json;

    fn context() -> SealContext {
        let integration = "int_01JD0000000000000000000000".parse().unwrap();
        SealContext {
            tenant: "acme".parse().unwrap(),
            owner: domain::secret::SecretOwner::Integration(integration),
            version: 3,
        }
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

    #[tokio::test]
    async fn a_data_key_is_encrypted_anew_by_the_key_service_in_its_own_context() {
        let (aws, asked) = Aws::scripted(|_, _| (200, json!({ "CiphertextBlob": STANDARD.encode([3; 64]) })));
        let kms = AwsKms::new(aws, "arn:new,arn:old".into());
        assert_eq!(kms.rewrap(&[2; 64], &context()).await.unwrap(), [3; 64]);
        let asked = asked.lock().unwrap();
        let bound = json!({ "tenant": "acme", "integration": "int_01JD0000000000000000000000", "version": "3" });
        assert_eq!(
            asked[0].1,
            json!({
                "CiphertextBlob": STANDARD.encode([2; 64]), "DestinationKeyId": "arn:new",
                "SourceEncryptionContext": bound, "DestinationEncryptionContext": bound,
            })
        );
    }

    #[tokio::test]
    async fn what_a_former_key_sealed_opens_while_it_is_named() {
        let under_old = |_: &str, request: &serde_json::Value| match request["KeyId"].as_str() {
            Some("arn:old") => (200, json!({ "Plaintext": STANDARD.encode([1; 32]) })),
            _ => (400, json!({ "__type": "IncorrectKeyException" })),
        };
        let (aws, _) = Aws::scripted(under_old);
        assert_eq!(*AwsKms::new(aws.clone(), "arn:new,arn:old".into()).open(&[1], &context()).await.unwrap(), [1; 32]);
        let refused = AwsKms::new(aws, "arn:new".into()).open(&[1], &context()).await;
        assert!(matches!(refused, Err(VaultError::Unreadable(_))));
    }
}
