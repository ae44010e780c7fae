//! Proves that a presented key is the one on record.
//!
//! The hash that counts is bcrypt at cost 12: a quarter of a second of CPU on a whole core, and several times that on
//! the share of one that a function gets. Paid at every cold start of an authorizer for every key, that would be most of what the hub costs. So
//! once bcrypt has agreed, an HMAC of the key under a pepper is kept beside it and checked from then on, in
//! microseconds. That gives nothing away: a key holds 256 random bits, so a hash of it, however fast, leaves nothing to
//! guess, and the pepper stands in Secrets Manager, not in the table.

use base64::{Engine, engine::general_purpose::STANDARD};
use domain::{
    key::{ApiKey, KeyMac, KeyRecord},
    secret::Secret,
    time::Timestamp,
};
use ring::hmac;
use runtime::secrets::{Rotating, SecretSource, SecretUnavailable, Version};

/// What came of comparing a key with its record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// It is another key.
    Wrong,
    /// It is the key with the secret that it had before, which works until then.
    Before(Timestamp),
    /// It is the key. There is a new keyed hash to be remembered where there was none, or one under an old pepper.
    Right(Option<KeyMac>),
}

/// Compares a key with its record: by the keyed hash where its pepper is still good, by bcrypt otherwise.
pub(crate) async fn prove<P: SecretSource>(key: &ApiKey, record: &KeyRecord, pepper: &Rotating<P>) -> Proof {
    let proof = compare(key, Hashes { bcrypt: &record.bcrypt, mac: record.mac.as_ref() }, pepper).await;
    match (&record.previous, proof) {
        (Some(previous), Proof::Wrong) => {
            let hashes = Hashes { bcrypt: &previous.bcrypt, mac: previous.mac.as_ref() };
            match compare(key, hashes, pepper).await {
                Proof::Wrong => Proof::Wrong,
                Proof::Right(_) | Proof::Before(_) => Proof::Before(previous.until),
            }
        }
        (_, proof) => proof,
    }
}

/// What is kept of one secret.
#[derive(Clone, Copy)]
struct Hashes<'a> {
    bcrypt: &'a str,
    mac: Option<&'a KeyMac>,
}

async fn compare<P: SecretSource>(key: &ApiKey, hashes: Hashes<'_>, pepper: &Rotating<P>) -> Proof {
    match by_mac(key, hashes, pepper).await {
        Ok(Some(proof)) => proof,
        Ok(None) => by_bcrypt(key, hashes, pepper.get().await.ok().map(|peppers| peppers.current.clone())).await,
        Err(error) => {
            // Slow is better than closed: bcrypt needs no pepper.
            tracing::warn!(%error, "verifying without the pepper");
            by_bcrypt(key, hashes, None).await
        }
    }
}

/// `None` when there is no keyed hash that could be checked.
async fn by_mac<P: SecretSource>(
    key: &ApiKey,
    hashes: Hashes<'_>,
    pepper: &Rotating<P>,
) -> Result<Option<Proof>, SecretUnavailable> {
    let Some(mac) = hashes.mac else { return Ok(None) };
    let Some(made_with) = pepper.version(&mac.pepper).await? else { return Ok(None) };
    let Ok(expected) = STANDARD.decode(&mac.hash) else { return Ok(None) };
    if hmac::verify(&hashing(&made_with.value), key.whole().expose().as_bytes(), &expected).is_err() {
        return Ok(Some(Proof::Wrong));
    }
    let current = &pepper.get().await?.current;
    Ok(Some(Proof::Right((made_with.id != current.id).then(|| keyed_hash(key, current)))))
}

async fn by_bcrypt(key: &ApiKey, hashes: Hashes<'_>, pepper: Option<Version>) -> Proof {
    let (whole, hash) = (key.whole().clone(), hashes.bcrypt.to_owned());
    let compared = tokio::task::spawn_blocking(move || bcrypt::verify(whole.expose(), &hash)).await;
    match compared {
        Ok(Ok(true)) => Proof::Right(pepper.map(|pepper| keyed_hash(key, &pepper))),
        Ok(Ok(false)) => Proof::Wrong,
        Ok(Err(error)) => {
            tracing::error!(%error, key = key.prefix(), "the stored hash of a key cannot be read");
            Proof::Wrong
        }
        Err(error) => {
            tracing::error!(%error, "comparing a key failed");
            Proof::Wrong
        }
    }
}

fn keyed_hash(key: &ApiKey, pepper: &Version) -> KeyMac {
    let hash = hmac::sign(&hashing(&pepper.value), key.whole().expose().as_bytes());
    KeyMac { pepper: pepper.id.clone(), hash: STANDARD.encode(hash) }
}

fn hashing(pepper: &Secret) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, pepper.expose().as_bytes())
}
