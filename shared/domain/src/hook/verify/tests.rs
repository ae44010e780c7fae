//! Each scheme against its provider's published example or, where there is none, against what the provider's own library
//! makes (`standardwebhooks` 1.1, `svix` 2.9, `slack_sdk` 3.47, `twilio` 9.13 and `stripe` 16.1 for Python) or Python's `hmac`.

use super::*;
use crate::hook::{REPLAY_WINDOW_S, SchemeName};
use crate::{ids::HookId, principal::Principal};
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;

/// A genuine call of one scheme.
struct Case {
    scheme: Scheme,
    secret: &'static str,
    url: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: &'static [u8],
    now_s: i64,
    event: Option<&'static str>,
    id: Option<&'static str>,
    /// Where the signature stands.
    signature: &'static str,
    /// Whether a signed time limits a replay.
    timed: bool,
}

const URL: &str = "https://hooks.example/v1/hooks/whk_1/in";
const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const SENDGRID_KEY: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==";

fn hmac(settings: serde_json::Value) -> Scheme {
    Scheme::Hmac(serde_json::from_value(settings).unwrap())
}

#[expect(clippy::too_many_lines, reason = "it is a table")]
fn cases() -> Vec<Case> {
    vec![
        // The example of the Standard Webhooks specification.
        Case {
            scheme: Scheme::StandardWebhooks,
            secret: WHSEC,
            url: URL,
            headers: &[
                ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
                ("webhook-timestamp", "1614265330"),
                ("webhook-signature", "v1a,AAAA v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
            ],
            body: br#"{"test": 2432232314}"#,
            now_s: 1_614_265_330,
            event: None,
            id: Some("msg_p5jXN8AQM9LWM0D4loKWxJek"),
            signature: "webhook-signature",
            timed: true,
        },
        Case {
            scheme: Scheme::StandardWebhooks,
            secret: WHSEC,
            url: URL,
            headers: &[
                ("svix-id", "msg_1"),
                ("svix-timestamp", "1763640000"),
                ("svix-signature", "v1,cnr9qCTitBb3QE6raezETmzlkE19Gy0YTUWnUUpUd2M="),
            ],
            body: r#"{"type":"user.created","name":"ليلى"}"#.as_bytes(),
            now_s: 1_763_640_299,
            event: Some("user.created"),
            id: Some("msg_1"),
            signature: "svix-signature",
            timed: true,
        },
        // "Verifying requests from Slack", step by step.
        Case {
            scheme: Scheme::Slack,
            secret: "8f742231b10e8888abcd99yyyzzz85a5",
            url: URL,
            headers: &[
                ("content-type", "application/x-www-form-urlencoded"),
                ("x-slack-request-timestamp", "1531420618"),
                ("x-slack-signature", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"),
            ],
            body: b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c",
            now_s: 1_531_420_618,
            event: Some("command:webhook-collect"),
            id: Some("398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"),
            signature: "x-slack-signature",
            timed: true,
        },
        Case {
            scheme: Scheme::Slack,
            secret: "8f742231b10e8888abcd99yyyzzz85a5",
            url: URL,
            headers: &[
                ("content-type", "application/json"),
                ("x-slack-request-timestamp", "1763640000"),
                ("x-slack-signature", "v0=2469528bba08edaedab98f3256ed15938654a6937a98bb1e66e7e445f0448027"),
            ],
            body: br#"{"type":"event_callback","token":"old","event_id":"Ev1","event":{"type":"message"}}"#,
            now_s: 1_763_640_000,
            event: Some("message"),
            id: Some("Ev1"),
            signature: "x-slack-signature",
            timed: true,
        },
        // "Validating webhook deliveries", "Testing the webhook payload validation".
        Case {
            scheme: Scheme::Github,
            secret: "It's a Secret to Everybody",
            url: URL,
            headers: &[
                ("x-github-event", "push"),
                ("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958"),
                ("x-hub-signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"),
            ],
            body: b"Hello, World!",
            now_s: 0,
            event: Some("push"),
            id: Some("72d3162e-cc78-11e3-81ab-4c9367dc0958"),
            signature: "x-hub-signature-256",
            timed: false,
        },
        Case {
            scheme: Scheme::Stripe,
            secret: "whsec_stripe_secret",
            url: URL,
            headers: &[(
                "stripe-signature",
                "t=1763640000,v1=0000,v1=e0d2f99b4071f370a6122c569c27ebaa094dca1c55f8b98f4e28dc8377e0b125,v0=77",
            )],
            body: br#"{"id":"evt_1","type":"invoice.paid"}"#,
            now_s: 1_763_639_701,
            event: Some("invoice.paid"),
            id: Some("evt_1"),
            signature: "stripe-signature",
            timed: true,
        },
        Case {
            scheme: Scheme::Shopify,
            secret: "hush-hush",
            url: URL,
            headers: &[
                ("x-shopify-topic", "orders/create"),
                ("x-shopify-webhook-id", "b54557e4"),
                ("x-shopify-hmac-sha256", "xP02f1wlCxM/KJVfZiF3TMBIcVH2R36hhxiEfN2oo00="),
            ],
            body: br#"{"id":1}"#,
            now_s: 0,
            event: Some("orders/create"),
            id: Some("b54557e4"),
            signature: "x-shopify-hmac-sha256",
            timed: false,
        },
        // "Validating signatures from Twilio", the example.
        Case {
            scheme: Scheme::Twilio { public_url: None },
            secret: "12345",
            url: "https://mycompany.com/myapp.php?foo=1&bar=2",
            headers: &[
                ("content-type", "application/x-www-form-urlencoded; charset=UTF-8"),
                ("x-twilio-signature", "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
            ],
            body: b"Digits=1234&To=%2B18005551212&From=%2B14158675309&Caller=%2B14158675309&CallSid=CA1234567890ABCDE",
            now_s: 0,
            event: None,
            id: Some("CA1234567890ABCDE"),
            signature: "x-twilio-signature",
            timed: false,
        },
        // Repeated names, an empty value, Arabic; behind a proxy, and with the port in the address.
        Case {
            scheme: Scheme::Twilio { public_url: Some("https://mycompany.com:443/in".into()) },
            secret: "12345",
            url: "http://10.0.0.7/whatever",
            headers: &[
                ("content-type", "application/x-www-form-urlencoded"),
                ("x-twilio-signature", "aGv+T0MPBX6V3bI9xXpapO8f4oY="),
            ],
            body: b"Sid=SM2&Sid=SM1&a=x&Sid=SM1&B=&Body=%D9%85%D8%B1%D8%AD%D8%A8%D8%A7+%2B1%262",
            now_s: 0,
            event: None,
            id: Some("SM1"),
            signature: "x-twilio-signature",
            timed: false,
        },
        Case {
            scheme: Scheme::Twilio { public_url: None },
            secret: "12345",
            url: "https://mycompany.com/in?bodySHA256=015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862",
            headers: &[
                ("content-type", "application/json"),
                ("x-twilio-signature", "aQnK0M4E7fyT1PR1tH0ln5TgKqo="),
            ],
            body: br#"{"a":1}"#,
            now_s: 0,
            event: None,
            id: None,
            signature: "x-twilio-signature",
            timed: false,
        },
        // The example in the tests of SendGrid's own libraries.
        Case {
            scheme: Scheme::Sendgrid,
            secret: SENDGRID_KEY,
            url: URL,
            headers: &[
                ("x-twilio-email-event-webhook-timestamp", "1600112502"),
                (
                    "x-twilio-email-event-webhook-signature",
                    "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM=",
                ),
            ],
            body: b"[{\"email\":\"hello@world.com\",\"event\":\"dropped\",\"reason\":\"Bounced Address\",\"sg_event_id\":\"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA\",\"sg_message_id\":\"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0\",\"smtp-id\":\"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>\",\"timestamp\":1600112492}]\r\n",
            now_s: 1_600_112_502,
            event: Some("dropped"),
            id: Some("ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA"),
            signature: "x-twilio-email-event-webhook-signature",
            timed: true,
        },
        Case {
            scheme: Scheme::Greenhouse,
            secret: "green-key",
            url: URL,
            headers: &[
                ("greenhouse-event-id", "7"),
                ("signature", "sha256 87f07b5d4dd8563cffd91f68925e13070e17c71bce215fd646a0b6580568c50c"),
            ],
            body: br#"{"action":"hire_candidate"}"#,
            now_s: 0,
            event: Some("hire_candidate"),
            id: Some("7"),
            signature: "signature",
            timed: false,
        },
        Case {
            scheme: Scheme::Bamboohr,
            secret: "private-key",
            url: URL,
            headers: &[
                ("x-bamboohr-timestamp", "1763640000"),
                ("x-bamboohr-signature", "45dd2e3f0d2d74a600a1e3f8305f9de6a31d6f6d740fba4c9c1ba99fab21142d"),
            ],
            body: br#"{"type":"employee.updated"}"#,
            now_s: 1_763_640_100,
            event: Some("employee.updated"),
            id: None,
            signature: "x-bamboohr-signature",
            timed: true,
        },
        Case {
            scheme: Scheme::Checkr,
            secret: "checkr-key",
            url: URL,
            headers: &[("x-checkr-signature", "476a03cab496143780469bf60969b059ca86b4d6b9cf17be8725b8da6fe54cc8")],
            body: br#"{"id":"e1","type":"report.completed"}"#,
            now_s: 0,
            event: Some("report.completed"),
            id: Some("e1"),
            signature: "x-checkr-signature",
            timed: false,
        },
        // "Webhooks" of Jira Cloud, "Secure admin webhooks", the test values.
        Case {
            scheme: Scheme::Jira,
            secret: "It's a Secret to Everybody",
            url: URL,
            headers: &[
                ("x-atlassian-webhook-identifier", "a-1"),
                ("x-hub-signature", "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"),
            ],
            body: b"Hello World!",
            now_s: 0,
            event: None,
            id: Some("a-1"),
            signature: "x-hub-signature",
            timed: false,
        },
        Case {
            scheme: hmac(json!({
                "header": "X-Sig", "prefix": "v=", "algorithm": "sha512", "encoding": "base64",
                "template": "{id}|{timestamp}|{body}", "timestamp_header": "X-Time", "id_header": "X-Id",
                "event_pointer": "/event/type",
            })),
            secret: "generic-key",
            url: URL,
            headers: &[
                ("x-id", "msg_7"),
                ("x-time", "1763640000"),
                (
                    "x-sig",
                    "v=h5daXjrwXMV2hrL+JzsDN33HoZCHvfsfIWd+MIViGkVCS1uII7y2Br+Z/ovUrs4dMKw9wtBQw7PwfP6Dze3BCg==",
                ),
            ],
            body: br#"{"event":{"type":"x.y"}}"#,
            now_s: 1_763_640_000,
            event: Some("x.y"),
            id: Some("msg_7"),
            signature: "x-sig",
            timed: true,
        },
        Case {
            scheme: hmac(json!({"header": "X-Sig", "algorithm": "sha1", "event_header": "X-Event"})),
            secret: "generic-key",
            url: URL,
            headers: &[("x-event", "ping"), ("x-sig", "e8ffb019a99106bd9565aeeeffe24ad53bf264f1")],
            body: b"{}",
            now_s: 0,
            event: Some("ping"),
            id: None,
            signature: "x-sig",
            timed: false,
        },
    ]
}

fn hook(scheme: Scheme) -> Hook {
    Hook {
        id: HookId::generate(),
        name: "Under test".into(),
        scheme,
        events: vec![],
        enabled: true,
        replay_window_s: REPLAY_WINDOW_S,
        secret_mask: String::new(),
        secret_version: 1,
        previous: None,
        created_at: Timestamp(0),
        updated_at: Timestamp(0),
        updated_by: Principal::System,
        rev: 1,
    }
}

fn secrets(all: &[&str]) -> Vec<Secret> {
    all.iter().map(|text| Secret::new((*text).to_owned())).collect()
}

impl Case {
    fn headers(&self) -> BTreeMap<String, String> {
        self.headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn judge(&self, headers: &BTreeMap<String, String>, body: &[u8], now_s: i64) -> Result<Verified, Cause> {
        let call = Call { url: self.url, headers, body };
        let secrets = secrets(&[self.secret]);
        verify(&hook(self.scheme.clone()), &secrets, &call, Timestamp(now_s * 1_000)).map_err(|refusal| refusal.cause)
    }
}

#[test]
fn what_providers_publish_is_accepted_and_understood() {
    let all: std::collections::BTreeSet<_> = cases().iter().map(|case| case.scheme.name()).collect();
    assert_eq!(all.len() + 1, SchemeName::ALL.len(), "all but Graph, which signs nothing");
    for case in cases() {
        let name = case.scheme.name();
        let verified =
            case.judge(&case.headers(), case.body, case.now_s).unwrap_or_else(|cause| panic!("{name}: {cause}"));
        assert_eq!((verified.event.as_deref(), verified.provider_id.as_deref()), (case.event, case.id), "{name}");
        assert!(verified.fingerprint.is_some() && verified.handshake.is_none(), "{name}");
    }
}

#[test]
fn what_is_missing_is_named() {
    for case in cases() {
        let name = case.scheme.name();
        let mut headers = case.headers();
        headers.remove(case.signature);
        assert_eq!(case.judge(&headers, case.body, case.now_s), Err(Cause::SignatureMissing), "{name}");
        for (header, _) in case.headers.iter().filter(|(header, _)| header.contains("time")) {
            let mut headers = case.headers();
            headers.remove(*header);
            assert_eq!(case.judge(&headers, case.body, case.now_s), Err(Cause::TimestampMissing), "{name}");
            for junk in ["soon", "-1", "1.5", "9999999999999", "0x1"] {
                headers.insert((*header).to_owned(), junk.to_owned());
                assert_eq!(
                    case.judge(&headers, case.body, case.now_s),
                    Err(Cause::TimestampMalformed),
                    "{name} {junk}"
                );
            }
        }
        let mut headers = case.headers();
        headers.insert(case.signature.to_owned(), "t=1763640000,nonsense".to_owned());
        assert_eq!(case.judge(&headers, case.body, case.now_s), Err(Cause::SignatureMalformed), "{name}");
    }
}

#[test]
fn a_call_is_good_within_the_window_only_where_its_time_is_signed() {
    for case in cases() {
        let name = case.scheme.name();
        let signed_s = case
            .headers
            .iter()
            .find(|(header, _)| header.contains("time"))
            .map_or(1_763_640_000, |(_, at)| at.parse().unwrap());
        let judged = |now_s: i64| case.judge(&case.headers(), case.body, now_s).map(|_| ());
        assert_eq!((judged(signed_s + 300), judged(signed_s - 300)), (Ok(()), Ok(())), "{name}");
        let outside = [judged(signed_s + 301), judged(signed_s - 301)];
        let expected =
            if case.timed { [Err(Cause::TimestampTooOld), Err(Cause::TimestampInFuture)] } else { [Ok(()), Ok(())] };
        assert_eq!(outside, expected, "{name}");
    }
}

#[test]
fn a_forged_call_that_is_also_old_is_told_as_forged() {
    for case in cases() {
        let body = [case.body, b" "].concat();
        let refused = case.judge(&case.headers(), &body, i64::from(u32::MAX));
        let expected = if case.url.contains("bodySHA256") { Cause::BodyHashMismatch } else { Cause::SignatureMismatch };
        assert_eq!(refused, Err(expected), "{}", case.scheme.name());
    }
}

#[test]
fn two_secrets_serve_during_a_rotation_and_a_third_does_not() {
    let other = |case: &Case| match case.scheme {
        Scheme::StandardWebhooks => "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        Scheme::Sendgrid => {
            "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqTxd43gyp8IOEto2LdIfjRQrIbsd4SXZkLW6jDutdhXSJCWHw8REntlo7aNDthvj+y7GjUuFDb/R1NGe1OPzpA=="
        }
        _ => "another secret",
    };
    for case in cases() {
        let headers = case.headers();
        let call = Call { url: case.url, headers: &headers, body: case.body };
        let now = Timestamp(case.now_s * 1_000);
        let judged = |all: &[&str]| {
            verify(&hook(case.scheme.clone()), &secrets(all), &call, now).map_err(|refusal| refusal.cause)
        };
        let other = other(&case);
        assert!(judged(&[case.secret, other]).is_ok() && judged(&[other, case.secret]).is_ok());
        assert_eq!(judged(&[other]), Err(Cause::SignatureMismatch), "{}", case.scheme.name());
    }
}

#[test]
fn a_disabled_hook_and_a_body_that_is_too_large_are_refused_before_anything_else() {
    for case in cases() {
        let headers = case.headers();
        let disabled = Hook { enabled: false, ..hook(case.scheme.clone()) };
        let call = Call { url: case.url, headers: &headers, body: case.body };
        let now = Timestamp(case.now_s * 1_000);
        let refused = verify(&disabled, &secrets(&[case.secret]), &call, now).unwrap_err();
        assert_eq!(refused.cause, Cause::HookDisabled);
        let body = vec![b'x'; BODY_MAX_BYTES + 1];
        assert_eq!(case.judge(&headers, &body, case.now_s), Err(Cause::BodyTooLarge));
    }
}

#[test]
fn a_repeat_is_told_by_what_is_proven() {
    let fingerprint = |case: &Case, headers: &BTreeMap<String, String>| {
        case.judge(headers, case.body, case.now_s).unwrap().fingerprint
    };
    // An id that nobody signs may be changed by whoever replays a call.
    for case in cases() {
        let mut headers = case.headers();
        for name in
            ["x-github-delivery", "x-shopify-webhook-id", "greenhouse-event-id", "x-atlassian-webhook-identifier"]
        {
            headers.entry(name.to_owned()).and_modify(|id| id.push('x'));
        }
        assert_eq!(fingerprint(&case, &headers), fingerprint(&case, &case.headers()), "{}", case.scheme.name());
    }
}

#[test]
fn slacks_question_is_answered_once_it_is_proven() {
    let body = br#"{"type":"url_verification","token":"t","challenge":"3eZbrw1a"}"#;
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"signing secret");
    let signed = [b"v0:1763640000:", &body[..]].concat();
    let signature = format!("v0={}", crate::digest::hex(ring::hmac::sign(&key, &signed).as_ref()));
    let headers = BTreeMap::from([
        ("x-slack-request-timestamp".to_owned(), "1763640000".to_owned()),
        ("x-slack-signature".to_owned(), signature),
    ]);
    let judged = |body: &[u8]| {
        let call = Call { url: URL, headers: &headers, body };
        verify(&hook(Scheme::Slack), &secrets(&["signing secret"]), &call, Timestamp(1_763_640_000_000))
    };
    assert_eq!(judged(body).unwrap().handshake, Some(Handshake::Challenge("3eZbrw1a".into())));
    assert!(judged(br#"{"type":"url_verification","challenge":"other"}"#).is_err());
}

#[test]
fn what_repeats_a_secret_is_kept_without_it() {
    for case in cases().iter().filter(|case| case.scheme == Scheme::Slack) {
        let verified = case.judge(&case.headers(), case.body, case.now_s).unwrap();
        let kept = String::from_utf8(verified.redacted.unwrap()).unwrap();
        assert!(!kept.contains("xyzz0WbapA4vBCDEFasx0q6G") && !kept.contains("\"old\""), "{kept}");
        assert!(kept.contains("webhook-collect") || kept.contains("\"Ev1\""), "{kept}");
    }
}

const STATE: &str = "a client state of ours";

fn graph(url: &str, body: &serde_json::Value) -> Result<Verified, Refusal> {
    let (headers, body) = (BTreeMap::new(), body.to_string());
    let call = Call { url, headers: &headers, body: body.as_bytes() };
    verify(&hook(Scheme::Graph), &secrets(&[STATE]), &call, Timestamp(0))
}

#[test]
fn graphs_token_is_repeated_if_it_is_harmless() {
    let asked = |token: &str| graph(&format!("{URL}?validationToken={token}"), &json!(null));
    let token = "Validation%3a+Testing+client+application+reachability+for+subscription+Request-Id%3a+522a8e7e";
    let told = "Validation: Testing client application reachability for subscription Request-Id: 522a8e7e";
    assert_eq!(asked(token).unwrap().handshake, Some(Handshake::ValidationToken(told.into())));
    for bad in ["", "%3Cscript%3E", "a%0D%0AX-Evil:1", "%22", &"x".repeat(1_001)] {
        assert_eq!(asked(bad), Err(Refusal::of(Cause::ValidationTokenInvalid, "validationToken")), "{bad}");
    }
}

#[test]
fn graph_must_repeat_the_client_state_in_every_notification() {
    let note = |state: Option<&str>, id: Option<&str>| json!({"subscriptionId": "s", "clientState": state, "changeType": "updated", "id": id});
    let judged = |notes: Vec<serde_json::Value>| graph(URL, &json!({"value": notes}));
    let good = judged(vec![note(Some(STATE), None), note(Some(STATE), None)]).unwrap();
    assert_eq!((good.event.as_deref(), good.fingerprint), (Some("updated"), None), "equal words may be two changes");
    assert!(!String::from_utf8(good.redacted.unwrap()).unwrap().contains(STATE));
    assert!(judged(vec![note(Some(STATE), Some("n1"))]).unwrap().fingerprint.is_some());
    let refused = |notes| judged(notes).unwrap_err();
    assert_eq!(
        refused(vec![note(Some(STATE), None), note(Some("a client state of ourS"), None)]),
        Refusal::of(Cause::ClientStateMismatch, "value[1].clientState")
    );
    assert_eq!(refused(vec![note(None, None)]), Refusal::of(Cause::ClientStateMissing, "value[0].clientState"));
    assert_eq!(refused(vec![]).cause, Cause::BodyMalformed);
    for body in [json!(null), json!([]), json!({"value": {}}), json!({"value": "x"})] {
        assert_eq!(graph(URL, &body).unwrap_err().cause, Cause::BodyMalformed);
    }
}

#[test]
fn nothing_of_a_twilio_body_that_is_neither_form_nor_hashed_is_believed() {
    let case = Case { body: b"", ..cases().into_iter().find(|case| case.url.contains("myapp")).unwrap() };
    // Twilio's signature of a call without parameters, taken for one with a body that is not signed.
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"12345");
    let tag = ring::hmac::sign(&key, case.url.as_bytes());
    let mut headers = BTreeMap::from([(
        "x-twilio-signature".to_owned(),
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, tag),
    )]);
    assert!(case.judge(&headers, b"", 0).is_ok());
    headers.insert("content-type".to_owned(), "application/json".to_owned());
    for forged in [&b"{}"[..], b"&", b"&&&"] {
        assert!(case.judge(&headers, forged, 0).is_err(), "{forged:?}");
    }
}

proptest! {
    #[test]
    fn whatever_bit_is_flipped_in_a_body_it_is_refused(at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        for case in cases() {
            let mut body = case.body.to_vec();
            body[at.index(case.body.len())] ^= 1 << bit;
            // Forms are signed by what they mean: `%2b` is `%2B`.
            if matches!(case.scheme, Scheme::Twilio { .. }) && crate::hook::form_pairs(&body) == crate::hook::form_pairs(case.body) {
                continue;
            }
            prop_assert!(case.judge(&case.headers(), &body, case.now_s).is_err(), "{}", case.scheme.name());
        }
    }

    #[test]
    fn whatever_bit_is_flipped_in_a_signature_it_is_refused(at in any::<prop::sample::Index>(), bit in 0_u8..7) {
        for case in cases() {
            let mut headers = case.headers();
            let given = headers[case.signature].clone();
            let mut bytes = given.clone().into_bytes();
            bytes[at.index(given.len())] ^= 1 << bit;
            let Ok(forged) = String::from_utf8(bytes) else { continue };
            headers.insert(case.signature.to_owned(), forged.clone());
            // What stands beside the signature that counts: other versions, and the case of hexadecimal digits.
            let same = forged.trim().eq_ignore_ascii_case(given.trim())
                || matches!(case.scheme, Scheme::Stripe | Scheme::StandardWebhooks)
                    && case.headers.iter().any(|(name, value)| *name == case.signature
                        && value.split([',', ' ']).filter(|part| part.len() > 40).all(|part| forged.to_lowercase().contains(&part.to_lowercase()))
                        && (case.scheme != Scheme::Stripe || forged.contains("t=1763640000,")));
            if !same {
                prop_assert!(case.judge(&headers, case.body, case.now_s).is_err(), "{} {forged}", case.scheme.name());
            }
        }
    }

    #[test]
    fn no_call_makes_it_panic(
        headers in prop::collection::btree_map("[ -~]{0,20}", any::<String>(), 0..5),
        values in prop::collection::vec(any::<String>(), 6),
        url in any::<String>(), body in prop::collection::vec(any::<u8>(), 0..200), now in any::<i64>(),
    ) {
        for case in cases() {
            let mut headers = headers.clone();
            for ((name, _), value) in case.headers.iter().zip(&values) {
                headers.insert((*name).to_owned(), value.clone());
            }
            let call = Call { url: &url, headers: &headers, body: &body };
            let judged = verify(&hook(case.scheme.clone()), &secrets(&[case.secret]), &call, Timestamp(now));
            prop_assert!(judged.is_err());
            let _ = verify(&hook(Scheme::Graph), &secrets(&[STATE]), &call, Timestamp(now));
        }
    }
}
