//! HMAC as the tenant describes it.

use super::{
    Judged, Verified, seconds,
    signature::{decode, is_hmac},
    text_at,
};
use crate::hook::{Cause, HmacSettings, Refusal};

pub(super) fn verify(judged: &Judged<'_>, settings: &HmacSettings) -> Result<Verified, Refusal> {
    let header = settings.header.as_str();
    let given = judged.header(header, Cause::SignatureMissing)?;
    let timestamp = match &settings.timestamp_header {
        Some(name) => {
            let text = judged.header(name, Cause::TimestampMissing)?;
            Some((text, seconds(text, name)?, name))
        }
        None => None,
    };
    let signs_id = settings.template.contains("{id}");
    let id = match &settings.id_header {
        Some(name) if signs_id => Some(judged.header(name, Cause::IdMissing)?),
        Some(name) => judged.call.header(name),
        None => None,
    };
    let malformed = || Refusal::of(Cause::SignatureMalformed, header);
    let given = decode(settings.encoding, given.strip_prefix(&settings.prefix).ok_or_else(malformed)?, header)?;
    // Around the body, so that nothing in a body is ever taken for a placeholder.
    let filled = |part: &str| {
        part.replace("{timestamp}", timestamp.map_or("", |(text, ..)| text)).replace("{id}", id.unwrap_or_default())
    };
    let (before, after) = settings.template.split_once("{body}").unwrap_or((&settings.template, ""));
    let (before, after) = (filled(before), filled(after));
    let parts = [before.as_bytes(), judged.call.body, after.as_bytes()];
    if !judged.any_secret(|secret| is_hmac(settings.algorithm, secret.expose().as_bytes(), &parts, &given)) {
        return Err(Refusal::of(Cause::SignatureMismatch, header));
    }
    if let Some((_, at, name)) = timestamp {
        judged.in_time(at, name)?;
    }
    let event = settings.event_header.as_deref().and_then(|name| judged.call.header(name)).map(str::to_owned);
    let event = event.or_else(|| text_at(&judged.json(), settings.event_pointer.as_deref()?));
    let fingerprint = match id.filter(|_| signs_id) {
        Some(id) => judged.fingerprint(&[id.as_bytes()]),
        None => judged.fingerprint(&parts),
    };
    Ok(Verified { event, provider_id: id.map(str::to_owned), fingerprint, ..Verified::default() })
}
