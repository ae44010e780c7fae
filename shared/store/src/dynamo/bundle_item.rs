//! A bundle as an item. It is written three times in its life, each time billed by its whole size, so its names are
//! short and what is usual is left out: with 25 results it stays within 1 KB, one write unit.
//!
//! | name | what |
//! |---|---|
//! | `c`, `i` | channel, integration |
//! | `st` | `q`ueued, `s`ending, `h`eld, `d`one, `c`ancelled |
//! | `w` | what `st` was before the newest claim |
//! | `m` | members: `0-24`, or `0,3,7-9` |
//! | `r` | results: `s 1763640000.000100` sent, `f address_invalid no such user` failed; `d`ead, `u`nknown, `r`etrying, `w`aiting, rese`n`t |
//! | `f`, `l` | fence, end of the lease |
//! | `d`, `t`, `e` | due, created, finished |
//! | `a`, `n`, `x` | attempts before, resends, sandbox; absent when there are none |
//! | `o`, `u` | open to other integrations (so one that was stored before there were others is not), in doubt; absent when not |
//! | `y`, `z` | what an endpoint answered, as JSON; the bundle that has to be over before; absent elsewhere |
//! | `ttl` | when DynamoDB may delete it |
//!
//! A request's header: `h` hash of the body, `b` number of bundles, `q` whether they are queued, `v` envelope, `t`, `k` the
//! API call. A single one has both sets, and `p`, its recipients, or `ev`, its events.

use super::{
    attributes::{Item, get_number, get_text, number, record_of, text, value_of},
    calls::corrupt,
    keys::{self, Key, Named},
};
use crate::{Request, Result, retention::delivery_ttl};
use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    bundle::{Bundle, BundleId, BundleState, Cause, MemberResult, Payload, Recipient},
    ids::{CampaignId, RequestId},
    log::ApiCall,
    tenant::TenantScope,
    time::Timestamp,
    webhook::{Answer, OutEvent},
};
use serde::Deserialize;

pub(super) const QUEUED: &str = "q";
pub(super) const SENDING: &str = "s";
pub(super) const HELD: &str = "h";
pub(super) const DONE: &str = "d";
pub(super) const CANCELLED: &str = "c";

/// What the names above stand for.
pub(super) fn write_bundle(key: Key, bundle: &Bundle) -> Item {
    let mut item = key.item();
    let mut set = |name: &str, value| item.insert(name.to_owned(), value);
    set("c", text(bundle.channel.as_str()));
    set("i", text(bundle.integration.as_str()));
    set("st", text(write_state(bundle.state)));
    set("m", text(write_members(&bundle.members)));
    set("f", number(bundle.fence));
    set("d", number(bundle.due.0));
    set("t", number(bundle.created_at.0));
    set("ttl", number(delivery_ttl(bundle.created_at)));
    if !bundle.results.is_empty() {
        set("r", write_results(&bundle.results));
    }
    if bundle.lease_until.0 != 0 {
        set("l", number(bundle.lease_until.0));
    }
    if let Some(finished_at) = bundle.finished_at {
        set("e", number(finished_at.0));
    }
    if bundle.attempts > 0 {
        set("a", number(bundle.attempts));
    }
    if bundle.resends > 0 {
        set("n", number(bundle.resends));
    }
    if bundle.sandbox {
        set("x", AttributeValue::Bool(true));
    }
    if !bundle.pinned {
        set("o", AttributeValue::Bool(true));
    }
    if bundle.uncertain {
        set("u", AttributeValue::Bool(true));
    }
    if !bundle.answers.is_empty() {
        set("y", write_answers(&bundle.answers));
    }
    if let Some(after) = &bundle.after {
        set("z", text(after.to_string()));
    }
    item
}

/// An answer as JSON. One that cannot be written is left out: it is no reason to lose the result.
pub(super) fn write_answers(answers: &[Answer]) -> AttributeValue {
    let one = |answer: &Answer| text(serde_json::to_string(answer).unwrap_or_else(|_| "{\"m\":0}".to_owned()));
    AttributeValue::L(answers.iter().map(one).collect())
}

fn read_answers(value: &AttributeValue) -> Option<Vec<Answer>> {
    value.as_l().ok()?.iter().map(|value| serde_json::from_str(value.as_s().ok()?).ok()).collect()
}

/// Reads an item that may be a bundle: `None` for a header.
pub(super) fn read_bundle(item: &Item) -> Result<Option<(TenantScope, Bundle)>> {
    if !item.contains_key("st") {
        return Ok(None);
    }
    let key = Key::of(item).ok_or_else(|| corrupt(item, "no key"))?;
    let (scope, campaign, id) = match keys::parse(&key) {
        Some((scope, Named::Bundle(campaign, id))) => (scope, campaign, id),
        Some((scope, Named::Request(campaign, request))) => {
            (scope, campaign, BundleId { request, number: None, generation: 0 })
        }
        _ => return Err(corrupt(item, "not the key of a bundle")),
    };
    let missing = |name: &str| corrupt(item, format!("`{name}` is missing or malformed"));
    let moment = |name: &str| get_number(item, name).map(Timestamp);
    let bundle = Bundle {
        id,
        campaign,
        channel: get_text(item, "c").and_then(|text| text.parse().ok()).ok_or_else(|| missing("c"))?,
        integration: get_text(item, "i").and_then(|text| text.parse().ok()).ok_or_else(|| missing("i"))?,
        state: get_text(item, "st").and_then(read_state).ok_or_else(|| missing("st"))?,
        members: get_text(item, "m").and_then(read_members).ok_or_else(|| missing("m"))?,
        results: item.get("r").map_or(Some(Vec::new()), read_results).ok_or_else(|| missing("r"))?,
        attempts: get_number(item, "a").unwrap_or(0),
        fence: get_number(item, "f").ok_or_else(|| missing("f"))?,
        lease_until: moment("l").unwrap_or(Timestamp(0)),
        due: moment("d").ok_or_else(|| missing("d"))?,
        created_at: moment("t").ok_or_else(|| missing("t"))?,
        finished_at: moment("e"),
        resends: get_number(item, "n").unwrap_or(0),
        sandbox: item.contains_key("x"),
        pinned: !item.contains_key("o"),
        // Of a claim that ran out, `w` tells it until it is settled.
        uncertain: item.contains_key("u") || interrupted(item),
        answers: item.get("y").map_or(Some(Vec::new()), read_answers).ok_or_else(|| missing("y"))?,
        after: get_text(item, "z").map(str::parse).transpose().map_err(|_| missing("z"))?,
    };
    Ok(Some((scope, bundle)))
}

/// Whether the newest claim followed one that ran out.
pub(super) fn interrupted(item: &Item) -> bool {
    get_text(item, "st") == Some(SENDING) && get_text(item, "w") == Some(SENDING)
}

/// Reads an item that has to be a bundle.
pub(super) fn bundle_in(item: &Item) -> Result<Bundle> {
    read_bundle(item)?.map(|(_, bundle)| bundle).ok_or_else(|| corrupt(item, "`st` is missing"))
}

const fn write_state(state: BundleState) -> &'static str {
    match state {
        BundleState::Queued => QUEUED,
        BundleState::Sending => SENDING,
        BundleState::Held => HELD,
        BundleState::Done => DONE,
        BundleState::Cancelled => CANCELLED,
    }
}

fn read_state(text: &str) -> Option<BundleState> {
    Some(match text {
        QUEUED => BundleState::Queued,
        SENDING => BundleState::Sending,
        HELD => BundleState::Held,
        DONE => BundleState::Done,
        CANCELLED => BundleState::Cancelled,
        _ => return None,
    })
}

fn write_members(members: &[u16]) -> String {
    let mut runs: Vec<(u16, u16)> = Vec::new();
    for member in members.iter().copied() {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(member) => *last = member,
            _ => runs.push((member, member)),
        }
    }
    let runs: Vec<String> = runs
        .into_iter()
        .map(|(first, last)| if first == last { first.to_string() } else { format!("{first}-{last}") })
        .collect();
    runs.join(",")
}

fn read_members(text: &str) -> Option<Vec<u16>> {
    let mut members = Vec::new();
    for run in text.split(',').filter(|run| !run.is_empty()) {
        let (first, last) = run.split_once('-').unwrap_or((run, run));
        members.extend(first.parse::<u16>().ok()?..=last.parse::<u16>().ok()?);
    }
    Some(members)
}

pub(super) fn write_results(results: &[MemberResult]) -> AttributeValue {
    let caused = |letter: char, cause: &Cause| {
        let Cause { code, detail } = cause;
        if detail.is_empty() { format!("{letter} {code}") } else { format!("{letter} {code} {detail}") }
    };
    let one = |result: &MemberResult| match result {
        MemberResult::Sent { provider_id: None } => "s".to_owned(),
        MemberResult::Sent { provider_id: Some(id) } => format!("s {id}"),
        MemberResult::Failed(cause) => caused('f', cause),
        MemberResult::Dead(cause) => caused('d', cause),
        MemberResult::Unknown(cause) => caused('u', cause),
        MemberResult::Retrying(cause) => caused('r', cause),
        MemberResult::Waiting => "w".to_owned(),
        MemberResult::Resent(None) => "n".to_owned(),
        MemberResult::Resent(Some(cause)) => caused('n', cause),
    };
    AttributeValue::L(results.iter().map(|result| text(one(result))).collect())
}

fn read_results(value: &AttributeValue) -> Option<Vec<MemberResult>> {
    let one = |text: &String| {
        let (letter, rest) = match text.split_once(' ') {
            Some((letter, rest)) => (letter, Some(rest)),
            None => (text.as_str(), None),
        };
        let cause = || {
            let (code, detail) = rest?.split_once(' ').unwrap_or((rest?, ""));
            Some(Cause { code: code.to_owned(), detail: detail.to_owned() })
        };
        Some(match letter {
            "s" => MemberResult::Sent { provider_id: rest.map(ToOwned::to_owned) },
            "f" => MemberResult::Failed(cause()?),
            "d" => MemberResult::Dead(cause()?),
            "u" => MemberResult::Unknown(cause()?),
            "r" => MemberResult::Retrying(cause()?),
            "w" => MemberResult::Waiting,
            "n" if rest.is_none() => MemberResult::Resent(None),
            "n" => MemberResult::Resent(Some(cause()?)),
            _ => return None,
        })
    };
    value.as_l().ok()?.iter().map(|value| value.as_s().ok().and_then(one)).collect()
}

/// A request's header; a single one's bundle and recipients come besides.
pub(super) fn write_request(key: Key, request: &Request, single: Option<(&Bundle, &Payload)>) -> Result<Item> {
    let mut item = match single {
        Some((bundle, payload)) => {
            let mut item = write_bundle(key, bundle);
            put_payload(&mut item, payload)?;
            item
        }
        None => key.item(),
    };
    let mut set = |name: &str, value| item.insert(name.to_owned(), value);
    set("h", text(&request.body_hash));
    set("v", value_of(&request.envelope)?);
    set("t", number(request.created_at.0));
    set("ttl", number(delivery_ttl(request.created_at)));
    if request.bundles > 0 {
        set("b", number(request.bundles));
    }
    if request.dispatched {
        set("q", AttributeValue::Bool(true));
    }
    if let Some(call) = &request.call {
        set("k", value_of(call)?);
    }
    Ok(item)
}

#[derive(Deserialize)]
struct Header {
    h: String,
    #[serde(default)]
    b: u16,
    #[serde(default)]
    q: bool,
    t: Timestamp,
    v: domain::bundle::Envelope,
    #[serde(default)]
    k: Option<ApiCall>,
    /// A single one that was claimed must have been queued.
    #[serde(default)]
    f: u64,
}

pub(super) fn read_request(item: Item, campaign: &CampaignId, id: &RequestId) -> Result<Request> {
    let header: Header = record_of(item)?;
    Ok(Request {
        id: id.clone(),
        campaign: campaign.clone(),
        body_hash: header.h,
        bundles: header.b,
        dispatched: header.q || header.f > 0,
        created_at: header.t,
        envelope: header.v,
        call: header.k,
    })
}

/// The API call that a request came with, and when the request was accepted.
pub(super) fn call_in(item: &Item) -> Result<Option<(ApiCall, Timestamp)>> {
    let Some(call) = item.get("k") else { return Ok(None) };
    let call = serde_dynamo::from_attribute_value(call.clone()).map_err(|error| corrupt(item, error.to_string()))?;
    let at = get_number(item, "t").map(Timestamp).ok_or_else(|| corrupt(item, "`t` is missing or malformed"))?;
    Ok(Some((call, at)))
}

/// A bundle's recipients, on their own.
pub(super) fn write_payload(key: Key, created_at: Timestamp, payload: &Payload) -> Result<Item> {
    let mut item = key.item();
    put_payload(&mut item, payload)?;
    item.insert("ttl".to_owned(), number(delivery_ttl(created_at)));
    Ok(item)
}

fn put_payload(item: &mut Item, payload: &Payload) -> Result<()> {
    if payload.events.is_empty() {
        item.insert("p".to_owned(), value_of(&payload.recipients)?);
    } else {
        item.insert("ev".to_owned(), value_of(&payload.events)?);
    }
    Ok(())
}

#[derive(Deserialize)]
struct Stored {
    #[serde(default)]
    p: Vec<Recipient>,
    #[serde(default)]
    ev: Vec<OutEvent>,
}

/// The recipients or events in an item; `None` in a header.
pub(super) fn read_payload(item: Item) -> Result<Option<Payload>> {
    if !item.contains_key("p") && !item.contains_key("ev") {
        return Ok(None);
    }
    record_of::<Stored>(item).map(|found| Some(Payload { recipients: found.p, events: found.ev }))
}

#[cfg(test)]
mod tests {
    use super::super::attributes::size_of;
    use super::*;
    use domain::{bundle::BUNDLE_MAX, channel::Channel, ids::IntegrationId};
    use proptest::prelude::*;

    const NOON: Timestamp = Timestamp(1_763_640_000_123);

    fn full(provider_id: &str) -> Item {
        #[expect(clippy::disallowed_methods, reason = "a test is its own authority")]
        let scope = TenantScope::established("acme-security".parse().unwrap());
        let bundle = Bundle {
            id: BundleId { request: RequestId::generate(), number: Some(39), generation: 0 },
            campaign: "2026-q4-phishing-awareness".parse().unwrap(),
            channel: Channel::Email,
            integration: IntegrationId::generate(),
            state: BundleState::Done,
            members: (0..25).collect(),
            results: vec![MemberResult::Sent { provider_id: Some(provider_id.to_owned()) }; BUNDLE_MAX],
            attempts: 2,
            fence: 12,
            lease_until: NOON,
            due: NOON,
            created_at: NOON,
            finished_at: Some(NOON),
            resends: 1,
            sandbox: true,
            pinned: false,
            uncertain: true,
            answers: Vec::new(),
            after: None,
        };
        write_bundle(keys::bundle(&scope, &bundle.campaign, &bundle.id), &bundle)
    }

    #[test]
    fn a_full_bundle_is_one_write_unit() {
        let slack = "1763640000.123456";
        // What Postfix and Amazon SES call a message.
        let smtp = ["4dWq3F2Zl3z9sRK", "0100019aa1b2c3d4-5e6f7a8b"];
        for id in [slack, smtp[0], smtp[1]] {
            let size = size_of(&full(id));
            assert!(size <= 1024, "{size} bytes with ids such as {id}");
        }
    }

    #[test]
    fn a_claimed_bundle_is_read_back() {
        let item = full("x");
        let (scope, bundle) = read_bundle(&item).unwrap().unwrap();
        assert_eq!(write_bundle(keys::bundle(&scope, &bundle.campaign, &bundle.id), &bundle), item);
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_key_but_without_content() {
        let mut item = full("secret-id");
        item.insert("m".to_owned(), text("many"));
        let error = read_bundle(&item).unwrap_err().to_string();
        assert!(error.contains("B#") && error.contains("`m`") && !error.contains("secret-id"), "{error}");
    }

    fn causes() -> impl Strategy<Value = Cause> {
        ("[a-z_]{1,20}", ".{0,40}").prop_map(|(code, detail)| Cause { code, detail })
    }

    fn results() -> impl Strategy<Value = MemberResult> {
        prop_oneof![
            proptest::option::of(".{0,40}").prop_map(|provider_id| MemberResult::Sent { provider_id }),
            causes().prop_map(MemberResult::Failed),
            causes().prop_map(MemberResult::Dead),
            causes().prop_map(MemberResult::Unknown),
            causes().prop_map(MemberResult::Retrying),
            Just(MemberResult::Waiting),
            proptest::option::of(causes()).prop_map(MemberResult::Resent),
        ]
    }

    proptest! {
        #[test]
        fn results_are_read_back(results in proptest::collection::vec(results(), 0..25)) {
            prop_assert_eq!(read_results(&write_results(&results)), Some(results));
        }

        #[test]
        fn members_are_read_back(members in proptest::collection::vec(any::<u16>(), 0..25)) {
            prop_assert_eq!(read_members(&write_members(&members)), Some(members));
        }
    }
}
