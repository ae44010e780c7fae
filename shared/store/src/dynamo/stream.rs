//! Committed changes, as the stream of the tenant table tells them.

use super::{
    attributes::{Item, record_of},
    bundle_item::{call_in, read_bundle},
    calls::corrupt,
    feedbacks::{read_feedback, read_reporter},
    hooks::inline_body,
    keys::{self, Key, Named},
    logs::alone_in,
};
use crate::{Reporter, Result, retention::is_over};
use domain::{
    bundle::{Bundle, BundleId},
    feedback::Feedback,
    hook::{HookEvent, Rejection},
    ids::{CampaignId, HookId, KeyId},
    integration::Integration,
    key::KeyNotice,
    log::{ApiCall, Entry},
    rule::Run,
    simulation::Simulation,
    tenant::TenantScope,
    time::Timestamp,
};

/// An item's image in the stream, of the type that `aws_lambda_events` has.
pub type StreamItem = serde_dynamo::Item;

/// What was committed.
#[derive(Clone, Debug, PartialEq)]
pub enum Committed {
    /// A bundle was created or changed.
    Bundle {
        /// Whose it is.
        scope: TenantScope,
        /// As it was before; `None` for a new one.
        old: Option<Box<Bundle>>,
        /// As it is now.
        new: Box<Bundle>,
        /// The API call that created it, where that is kept in the same item and the item is new.
        call: Option<Box<ApiCall>>,
    },
    /// A request was created that has its API call with it.
    Call {
        /// Whose it is.
        scope: TenantScope,
        /// The campaign that it sends to, or the endpoint.
        campaign: CampaignId,
        /// The call.
        call: Box<ApiCall>,
        /// When the request was accepted.
        at: Timestamp,
    },
    /// An integration was created or changed.
    Integration {
        /// Whose it is.
        scope: TenantScope,
        /// As it was before; `None` for a new one.
        old: Option<Box<Integration>>,
        /// As it is now.
        new: Box<Integration>,
    },
    /// A simulation was created or looked at.
    Simulation {
        /// Whose it is.
        scope: TenantScope,
        /// As it was before; `None` for a new one.
        old: Option<Box<Simulation>>,
        /// As it is now.
        new: Box<Simulation>,
    },
    /// An API key was created or changed.
    Key {
        /// Whose it is.
        scope: TenantScope,
        /// Which.
        id: KeyId,
        /// As it was before; `None` for a new one.
        old: Option<Box<KeyNotice>>,
        /// As it is now.
        new: Box<KeyNotice>,
    },
    /// Something was reported of deliveries for the first time.
    Feedback {
        /// Whose they are.
        scope: TenantScope,
        /// The bundle that they began in.
        origin: BundleId,
        /// Through whom it came.
        reporter: Reporter,
        /// What was not known before, sorted by delivery.
        new: Vec<Feedback>,
    },
    /// A hook received an event, or one was replayed.
    HookEvent {
        /// Whose it is.
        scope: TenantScope,
        /// As it was before; `None` for a new one.
        old: Option<Box<HookEvent>>,
        /// As it is now.
        new: Box<HookEvent>,
        /// Its body, if that is kept with it.
        body: Option<Vec<u8>>,
    },
    /// A hook turned calls away.
    HookRejection {
        /// Whose it is.
        scope: TenantScope,
        /// Which.
        hook: HookId,
        /// What was counted of this minute and cause before; `None` for the first.
        old: Option<Box<Rejection>>,
        /// What is counted now.
        new: Box<Rejection>,
    },
    /// A run of an automation rule began or ended.
    Run {
        /// Whose it is.
        scope: TenantScope,
        /// As it was before; `None` for one that began.
        old: Option<Box<Run>>,
        /// As it is now.
        new: Box<Run>,
    },
    /// An entry was put into the log by itself, which is to be counted.
    LogEntry {
        /// Whose it is.
        scope: TenantScope,
        /// The entry.
        entry: Box<Entry>,
    },
}

/// Reads a change; `None` for what nobody is told of.
pub fn committed(old: Option<StreamItem>, new: StreamItem) -> Result<Option<Committed>> {
    let new = Item::from(new);
    let Some((scope, named)) = Key::of(&new).as_ref().and_then(keys::parse) else { return Ok(None) };
    let old = old.map(Item::from);
    match named {
        Named::Integration(_) => {
            let (old, new): (Option<Integration>, Integration) = (old.map(record_of).transpose()?, record_of(new)?);
            Ok(Some(Committed::Integration { scope, old: old.map(Box::new), new: Box::new(new) }))
        }
        Named::Request(campaign, _) | Named::Bundle(campaign, _) => {
            let call = call_in(&new)?;
            let Some((_, new)) = read_bundle(&new)? else {
                let Some((call, at)) = call.filter(|_| old.is_none()) else { return Ok(None) };
                return Ok(Some(Committed::Call { scope, campaign, call: Box::new(call), at }));
            };
            let old = old.as_ref().map(read_bundle).transpose()?.flatten().map(|(_, old)| old);
            // What was over and not yet deleted is no predecessor.
            let old = old.filter(|old| !is_over(old.created_at, new.created_at));
            let call = call.filter(|_| old.is_none()).map(|(call, _)| Box::new(call));
            Ok(Some(Committed::Bundle { scope, old: old.map(Box::new), new: Box::new(new), call }))
        }
        Named::Simulation(..) => {
            let (old, new): (Option<Simulation>, Simulation) = (old.map(record_of).transpose()?, record_of(new)?);
            Ok(Some(Committed::Simulation { scope, old: old.map(Box::new), new: Box::new(new) }))
        }
        Named::Key(id) => {
            let (old, new): (Option<KeyNotice>, KeyNotice) = (old.map(record_of).transpose()?, record_of(new)?);
            Ok(Some(Committed::Key { scope, id, old: old.map(Box::new), new: Box::new(new) }))
        }
        Named::Feedback(campaign, origin) => {
            let reporter = read_reporter(&new).ok_or_else(|| corrupt(&new, "it does not tell who reported"))?;
            let known = old.map(|old| read_feedback(&campaign, &origin, &old)).unwrap_or_default();
            let mut new = read_feedback(&campaign, &origin, &new);
            new.retain(|feedback| !known.contains(feedback));
            Ok(Some(Committed::Feedback { scope, origin, reporter, new }))
        }
        Named::HookEvent(..) => {
            let body = inline_body(&new);
            let (old, new): (Option<HookEvent>, HookEvent) = (old.map(record_of).transpose()?, record_of(new)?);
            Ok(Some(Committed::HookEvent { scope, old: old.map(Box::new), new: Box::new(new), body }))
        }
        Named::HookRejection(hook) => {
            let (old, new): (Option<Rejection>, Rejection) = (old.map(record_of).transpose()?, record_of(new)?);
            Ok(Some(Committed::HookRejection { scope, hook, old: old.map(Box::new), new: Box::new(new) }))
        }
        Named::Run(..) => {
            let (old, new): (Option<Run>, Run) = (old.map(record_of).transpose()?, record_of(new)?);
            Ok(Some(Committed::Run { scope, old: old.map(Box::new), new: Box::new(new) }))
        }
        Named::LogPage(_) if old.is_none() => {
            Ok(alone_in(&new)?.map(|entry| Committed::LogEntry { scope, entry: Box::new(entry) }))
        }
        Named::LogPage(_) | Named::Release(_) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        attributes::{number, text},
        bundle_item::write_bundle,
    };
    use super::*;
    use aws_sdk_dynamodb::types::AttributeValue;
    use domain::{
        bundle::{BundleId, BundleState, KEEP_MS},
        channel::Channel,
        feedback::FeedbackKind,
        ids::{IntegrationId, RequestId},
        time::Timestamp,
    };

    const NOON: Timestamp = Timestamp(1_763_640_000_000);

    fn image(bundle: &Bundle) -> StreamItem {
        #[expect(clippy::disallowed_methods, reason = "a test is its own authority")]
        let scope = TenantScope::established("acme".parse().unwrap());
        write_bundle(keys::bundle(&scope, &bundle.campaign, &bundle.id), bundle).into()
    }

    fn bundle(number: Option<u16>) -> Bundle {
        Bundle::first(
            BundleId { request: RequestId::generate(), number, generation: 0 },
            &"spring".parse().unwrap(),
            Channel::Slack,
            &IntegrationId::generate(),
            1,
            NOON,
        )
    }

    #[test]
    fn a_bundle_is_read_with_what_it_was_before() {
        for old in [bundle(Some(3)), bundle(None)] {
            let new = Bundle { state: BundleState::Cancelled, ..old.clone() };
            let change = committed(Some(image(&old)), image(&new)).unwrap();
            let Some(Committed::Bundle { scope, old: before, new: now, call: None }) = change else {
                panic!("{change:?}")
            };
            assert_eq!(scope.tenant().as_str(), "acme");
            assert_eq!((before.as_deref(), *now), (Some(&old), new));
        }
    }

    #[test]
    fn of_reports_only_what_is_new_is_told() {
        let bundle = bundle(Some(3)).id;
        let image = |reports: &[(&str, i64)]| {
            let mut item = Item::from([
                ("pk".to_owned(), text("T#acme#C#spring")),
                ("sk".to_owned(), text(format!("E#{}#00003", bundle.request))),
                ("i".to_owned(), text("int_01JD0000000000000000000000")),
                ("ch".to_owned(), text("email")),
            ]);
            item.extend(reports.iter().map(|(name, ms)| ((*name).to_owned(), number(NOON.plus_ms(*ms).0))));
            StreamItem::from(item)
        };
        let change = committed(Some(image(&[("d0", 1)])), image(&[("d0", 1), ("o1", 3), ("d1", 2)])).unwrap();
        let Some(Committed::Feedback { scope, origin, reporter, new }) = change else { panic!("{change:?}") };
        assert_eq!((scope.tenant().as_str(), &origin, reporter.channel), ("acme", &bundle, Channel::Email));
        let told: Vec<_> = new.iter().map(|it| (it.delivery.clone(), it.kind, it.at)).collect();
        let delivery = bundle.delivery(1);
        let expected = [(FeedbackKind::Delivered, NOON.plus_ms(2)), (FeedbackKind::Opened, NOON.plus_ms(3))];
        assert_eq!(told, expected.map(|(kind, at)| (delivery.clone(), kind, at)));
    }

    #[test]
    fn a_key_is_read_from_its_pointer_of_the_form_before_too() {
        let image = |more: &[(&str, i64)]| {
            let mut item = Item::from([
                ("pk".to_owned(), text("T#acme#CFG")),
                ("sk".to_owned(), text("KEY#key_01JD0000000000000000000000")),
                ("prefix".to_owned(), text("abcdefgh")),
            ]);
            item.extend(more.iter().map(|(name, value)| ((*name).to_owned(), number(*value))));
            StreamItem::from(item)
        };
        let change = committed(Some(image(&[])), image(&[("expires_at", NOON.0), ("reminded", 7)])).unwrap();
        let Some(Committed::Key { scope, id, old, new }) = change else { panic!("{change:?}") };
        assert_eq!((scope.tenant().as_str(), id.as_str()), ("acme", "key_01JD0000000000000000000000"));
        assert_eq!((old.unwrap().reminded, new.reminded, new.expires_at), (None, Some(7), Some(NOON)));
    }

    #[test]
    fn what_was_over_is_no_predecessor() {
        let old = bundle(None);
        let new = Bundle { created_at: NOON.plus_ms(KEEP_MS + 1_000), ..old.clone() };
        let change = committed(Some(image(&old)), image(&new)).unwrap();
        assert!(matches!(change, Some(Committed::Bundle { old: None, .. })));
    }

    fn with_call(bundle: &Bundle) -> Item {
        let mut item = Item::from(image(bundle));
        let call = serde_json::json!({"p": "system", "r": "POST /v1/events", "i": "r1", "m": 3});
        item.insert("k".to_owned(), serde_dynamo::to_attribute_value(call).unwrap());
        item
    }

    #[test]
    fn a_call_is_told_of_once_with_what_it_created() {
        let single = bundle(None);
        let new = committed(None, with_call(&single).into()).unwrap();
        let Some(Committed::Bundle { call: Some(call), .. }) = new else { panic!("{new:?}") };
        assert_eq!((call.route.as_str(), call.duration_ms), ("POST /v1/events", 3));
        let again = committed(Some(with_call(&single).into()), with_call(&single).into()).unwrap();
        assert!(matches!(again, Some(Committed::Bundle { call: None, .. })), "{again:?}");
        let mut header = with_call(&single);
        header.remove("st");
        let new = committed(None, header.clone().into()).unwrap();
        assert!(matches!(new, Some(Committed::Call { at: NOON, .. })), "{new:?}");
        assert_eq!(committed(Some(header.clone().into()), header.into()), Ok(None));
    }

    #[test]
    fn what_is_logged_alone_is_told_and_pages_are_not() {
        let image = |name: &str, value: AttributeValue| {
            StreamItem::from(Item::from([
                ("pk".to_owned(), text("T#acme#LOG")),
                ("sk".to_owned(), text("01JD0000000000000000000000")),
                (name.to_owned(), value),
            ]))
        };
        let entry = r#"{"t":5,"k":"api","e":"GET /v1/keys","d":"inbound","s":"success"}"#;
        let told = committed(None, image("j", text(entry))).unwrap();
        let Some(Committed::LogEntry { scope, entry }) = told else { panic!("{told:?}") };
        assert_eq!((scope.tenant().as_str(), entry.event.as_str()), ("acme", "GET /v1/keys"));
        assert_eq!(committed(None, image("z", text("x"))), Ok(None));
    }

    #[test]
    fn of_headers_and_strangers_nobody_is_told() {
        let mut header = Item::from(image(&bundle(None)));
        header.remove("st");
        assert_eq!(committed(None, header.into()), Ok(None));
        assert_eq!(committed(None, StreamItem::default()), Ok(None));
    }
}
