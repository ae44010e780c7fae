//! What Microsoft accepts.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use ring::{
    digest::{SHA256, digest},
    signature::{KeyPair as _, RSA_PSS_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey},
};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    time::{SystemTime, UNIX_EPOCH},
};

/// The fields of a simulation that may be given when it is created.
const FIELDS: [&str; 16] = [
    "attackTechnique",
    "attackType",
    "createdBy",
    "description",
    "displayName",
    "durationInDays",
    "endUserNotificationSetting",
    "includedAccountTarget",
    "landingPage@odata.bind",
    "lastModifiedBy",
    "launchDateTime",
    "loginPage@odata.bind",
    "payload@odata.bind",
    "payloadDeliveryPlatform",
    "status",
    "trainingSetting",
];
const TECHNIQUES: [&str; 5] =
    ["credentialHarvesting", "attachmentMalware", "driveByUrl", "linkInAttachment", "linkToMalwareFile"];

/// Whether the content of a PEM block is what the rest says it is.
fn der(pem: &str) -> Vec<u8> {
    let content: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(content).unwrap_or_default()
}

/// Checks a client assertion ("certificate credentials"): its header, its claims and its signature. Answers its `jti`.
pub(super) fn assertion(text: &str, client_id: &str, audience: &str) -> Result<String, &'static str> {
    let (signed, signature) = text.rsplit_once('.').ok_or("it is no JWT")?;
    let (header, claims) = signed.split_once('.').ok_or("it is no JWT")?;
    let part = |text: &str| -> Option<Value> { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok() };
    let header = part(header).ok_or("its header is no JSON")?;
    let claims = part(claims).ok_or("its claims are no JSON")?;
    let thumbprint = URL_SAFE_NO_PAD.encode(digest(&SHA256, &der(super::CERTIFICATE)));
    if header["alg"] != "PS256" || header["typ"] != "JWT" || header["x5t#S256"] != *thumbprint {
        return Err("the certificate is not registered");
    }
    if claims["iss"] != *client_id || claims["sub"] != *client_id || claims["aud"] != *audience {
        return Err("it was made for somebody else");
    }
    #[expect(clippy::disallowed_methods, reason = "the login server has a clock of its own")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let time = |name: &str| claims[name].as_u64().ok_or("a time is missing");
    let (from, to) = (time("nbf")?, time("exp")?);
    if now < from || to <= now || to - from > 600 {
        return Err("it is not good now, or for too long");
    }
    let key = RsaKeyPair::from_pkcs8(&der(super::PRIVATE_KEY)).map_err(|_| "the double has no key")?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| "its signature is not base 64")?;
    UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, key.public_key())
        .verify(signed.as_bytes(), &signature)
        .map_err(|_| "its signature is wrong")?;
    claims["jti"].as_str().map(str::to_owned).ok_or("it has no id")
}

/// A simulation that may be created: its name, its status, its targets.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) name: String,
    pub(super) status: String,
    pub(super) targets: Vec<String>,
}

/// Checks the body of "Create simulation". `base` is where payloads and pages are.
pub(super) fn creation(body: &Value, base: &str) -> Result<Wanted, String> {
    let object = body.as_object().ok_or("the body must be an object")?;
    if let Some(unknown) = object.keys().find(|name| !FIELDS.contains(&name.as_str())) {
        return Err(format!("the property '{unknown}' does not exist on type 'microsoft.graph.simulation'"));
    }
    let text = |name: &str| body[name].as_str().filter(|text| !text.is_empty()).ok_or(format!("{name} is required"));
    let name = text("displayName")?.to_owned();
    let status = text("status")?.to_owned();
    if !matches!(status.as_str(), "draft" | "scheduled") {
        return Err(format!("status {status} cannot be created"));
    }
    if !TECHNIQUES.contains(&text("attackTechnique")?) || text("attackType")? != "social" {
        return Err("attackTechnique or attackType is unknown".to_owned());
    }
    if text("payloadDeliveryPlatform")? != "email" {
        return Err("payloadDeliveryPlatform must be email".to_owned());
    }
    for author in ["createdBy", "lastModifiedBy"] {
        if !body[author]["email"].as_str().is_some_and(|email| email.contains('@')) {
            return Err(format!("{author} must name a user"));
        }
    }
    let days = body["durationInDays"].as_i64().ok_or("durationInDays must be an Int32")?;
    if !(1..=30).contains(&days) {
        return Err("durationInDays is out of range".to_owned());
    }
    if object.contains_key("launchDateTime") && !text("launchDateTime")?.ends_with('Z') {
        return Err("launchDateTime must be in UTC".to_owned());
    }
    for (bound, kind, required) in [
        ("payload@odata.bind", "payloads", true),
        ("landingPage@odata.bind", "landingPages", false),
        ("loginPage@odata.bind", "loginPages", false),
    ] {
        if !required && !object.contains_key(bound) {
            continue;
        }
        let id = text(bound)?.strip_prefix(&format!("{base}/{kind}/")).ok_or(format!("{bound} leads nowhere"))?;
        if id.is_empty() || id.contains('/') || id.contains("missing") {
            return Err(format!("{bound} leads nowhere"));
        }
    }
    if body["trainingSetting"]["settingType"] != "noTraining"
        || body["endUserNotificationSetting"]["settingType"] != "noNotification"
    {
        return Err("trainingSetting or endUserNotificationSetting is unknown".to_owned());
    }
    let target = &body["includedAccountTarget"];
    if target["@odata.type"] != "#microsoft.graph.addressBookAccountTargetContent" || target["type"] != "addressBook" {
        return Err("includedAccountTarget is of another type".to_owned());
    }
    let emails = target["accountTargetEmails"].as_array().ok_or("accountTargetEmails is required")?;
    let targets: Option<Vec<String>> = emails.iter().map(|email| email.as_str().map(str::to_owned)).collect();
    let targets = targets.ok_or("accountTargetEmails must be texts")?;
    let distinct: BTreeSet<String> = targets.iter().map(|email| email.to_lowercase()).collect();
    if targets.is_empty() || distinct.len() != targets.len() || !targets.iter().all(|email| email.contains('@')) {
        return Err("accountTargetEmails must name each user once".to_owned());
    }
    Ok(Wanted { name, status, targets })
}

/// The text of `displayName eq '...'`.
pub(super) fn named(filter: &str) -> Option<String> {
    let quoted = filter.strip_prefix("displayName eq '")?.strip_suffix('\'')?;
    let text = quoted.replace("''", "\0");
    (!text.contains('\'')).then(|| text.replace('\0', "'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_reads_quotation_marks() {
        assert_eq!(named("displayName eq 'It''s [1]'").as_deref(), Some("It's [1]"));
        for bad in ["", "displayName eq 'a' or true", "displayName eq 'It's'", "status eq 'x'"] {
            assert_eq!(named(bad), None, "{bad}");
        }
    }
}
