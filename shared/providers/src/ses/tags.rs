//! What SES keeps with a message and repeats in each event about it.
//!
//! A tag's value holds letters, digits, `_` and `-`, at most 256 of them ("`MessageTag`"). All our ids fit but a campaign's,
//! which may hold a `.`: there `.` is written `_d` and `_` is written `_u`.
//!
//! Whoever sends through the same AWS account chooses tags as we do. So each message carries a proof that only somebody
//! with the integration's secret can make for its other four tags.

use crate::Tags;
use domain::{
    ids::{CampaignId, DeliveryId, IntegrationId, TenantId},
    secret::Secret,
};
use ring::hmac;
use subtle::ConstantTimeEq;

/// The names of the tags.
pub(super) const TENANT: &str = "trunkline_tenant";
pub(super) const INTEGRATION: &str = "trunkline_integration";
pub(super) const CAMPAIGN: &str = "trunkline_campaign";
pub(super) const DELIVERY: &str = "trunkline_delivery";
pub(super) const PROOF: &str = "trunkline_proof";

/// How much of the code is shown: 128 bits.
const PROOF_BYTES: usize = 16;

/// What proofs of one integration are made with.
pub(super) struct ProofKey(hmac::Key);

impl ProofKey {
    /// The key that is derived from a secret access key. AWS derives its own from another text ("AWS4" before the secret).
    pub(super) fn of(secret: &Secret) -> Self {
        let master = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
        let derived = hmac::sign(&master, b"trunkline proof of SES message tags, 1");
        Self(hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()))
    }

    /// The proof for a message's tags. None of the ids can hold a `|`.
    pub(super) fn proof(&self, tags: &Tags<'_>) -> String {
        let Tags { tenant, integration, campaign, delivery } = tags;
        let code = hmac::sign(&self.0, format!("{tenant}|{integration}|{campaign}|{delivery}").as_bytes());
        let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value & 15)]);
        code.as_ref().iter().take(PROOF_BYTES).flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
    }

    /// Whether it is the proof for these tags; takes as long for every text of the right length.
    pub(super) fn proves(&self, tags: &Tags<'_>, proof: &str) -> bool {
        self.proof(tags).as_bytes().ct_eq(proof.as_bytes()).into()
    }
}

/// The tags of a message with their values.
pub(super) fn written(tags: &Tags<'_>, key: &ProofKey) -> [(&'static str, String); 5] {
    [
        (TENANT, tags.tenant.to_string()),
        (INTEGRATION, tags.integration.to_string()),
        (CAMPAIGN, encode(tags.campaign)),
        (DELIVERY, tags.delivery.to_string()),
        (PROOF, key.proof(tags)),
    ]
}

/// The ids of a message as its tags say them, not yet believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) tenant: TenantId,
    pub(super) integration: IntegrationId,
    pub(super) campaign: CampaignId,
    pub(super) delivery: DeliveryId,
}

impl Named {
    /// Reads the ids out of the tags' values; `None` if they are not such ids.
    pub(super) fn read<'a>(value: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        Some(Self {
            tenant: value(TENANT)?.parse().ok()?,
            integration: value(INTEGRATION)?.parse().ok()?,
            campaign: decode(value(CAMPAIGN)?)?,
            delivery: value(DELIVERY)?.parse().ok()?,
        })
    }

    pub(super) const fn tags(&self) -> Tags<'_> {
        Tags {
            tenant: &self.tenant,
            integration: &self.integration,
            campaign: &self.campaign,
            delivery: &self.delivery,
        }
    }
}

fn encode(campaign: &CampaignId) -> String {
    campaign.as_str().replace('_', "_u").replace('.', "_d")
}

fn decode(text: &str) -> Option<CampaignId> {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(next) = rest.next() {
        decoded.push(match next {
            '_' => match rest.next()? {
                'u' => '_',
                'd' => '.',
                _ => return None,
            },
            // Never written so, though a campaign may hold it.
            '.' => return None,
            plain => plain,
        });
    }
    decoded.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::tags;
    use proptest::prelude::*;

    const DELIVERY_ID: &str = "dlv_01JD00000000000000000000000102";

    fn key() -> ProofKey {
        ProofKey::of(&Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned()))
    }

    #[test]
    fn a_proof_holds_for_its_message_and_its_secret_only() {
        let (delivery, another) = (DELIVERY_ID.parse().unwrap(), "dlv_01JD00000000000000000000000103".parse().unwrap());
        let proof = key().proof(&tags(&delivery));
        assert_eq!(proof.len(), 32);
        assert!(key().proves(&tags(&delivery), &proof));
        assert!(!key().proves(&tags(&another), &proof));
        assert!(!ProofKey::of(&Secret::new("another secret".to_owned())).proves(&tags(&delivery), &proof));
        for forged in ["", "0", &proof[1..], &proof.to_uppercase()] {
            assert!(!key().proves(&tags(&delivery), forged), "{forged}");
        }
    }

    /// Messages that are on their way when a new version is deployed carry proofs of the old one.
    #[test]
    fn a_proof_stays_what_it_was() {
        let delivery = DELIVERY_ID.parse().unwrap();
        assert_eq!(key().proof(&tags(&delivery)), "ba5ab28691d61794d482c7c227b8054b");
    }

    proptest! {
        #[test]
        fn every_campaign_fits_into_a_tag_and_comes_back(id in "[A-Za-z0-9._-]{1,64}") {
            let campaign: CampaignId = id.parse().unwrap();
            let written = encode(&campaign);
            prop_assert!(written.len() <= 256);
            prop_assert!(written.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)));
            prop_assert_eq!(decode(&written), Some(campaign));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*") {
            if let Some(campaign) = decode(&text) {
                prop_assert_eq!(encode(&campaign), text);
            }
        }
    }
}
