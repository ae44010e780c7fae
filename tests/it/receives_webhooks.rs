//! Inbound webhooks, called as providers call them.

use crate::{
    await_until::await_until,
    bus,
    stack::Stack,
    tenant::{Answer, Tenant},
    time_of_day::now_s,
};
use domain::digest::hex;
use reqwest::Method;
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
};
use serde_json::{Value, json};

/// A hook, and how its provider signs.
struct Hook<'t> {
    tenant: &'t Tenant,
    id: String,
    scheme: &'static str,
    secret: String,
    /// SendGrid's private key.
    pair: Option<EcdsaKeyPair>,
}

fn base64(bytes: &[u8]) -> String {
    base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes)
}

fn mac(algorithm: hmac::Algorithm, key: &[u8], signed: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(algorithm, key), signed).as_ref().to_vec()
}

/// What a `SubjectPublicKeyInfo` of P-256 begins with (RFC 5480).
const SPKI: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgA";

impl<'t> Hook<'t> {
    async fn new(tenant: &'t Tenant, scheme: &'static str) -> Self {
        Self::with(tenant, scheme, json!({})).await
    }

    /// A hook with more settings.
    async fn with(tenant: &'t Tenant, scheme: &'static str, more: Value) -> Self {
        let mut wanted = json!({"name": format!("From {scheme}"), "scheme": scheme});
        let mut secret = "a secret that both sides know".to_owned();
        let mut pair = None;
        match scheme {
            "standard_webhooks" => secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into(),
            "sendgrid" => {
                let (random, of) = (SystemRandom::new(), &ECDSA_P256_SHA256_ASN1_SIGNING);
                let document = EcdsaKeyPair::generate_pkcs8(of, &random).unwrap();
                let fresh = EcdsaKeyPair::from_pkcs8(of, document.as_ref(), &random).unwrap();
                // 26 bytes before the point: 24 of them fill base 64, and the rest begins with 0x42 0x00.
                let point = fresh.public_key().as_ref();
                let begin =
                    base64::Engine::decode(&base64::engine::general_purpose::STANDARD, format!("{SPKI}E")).unwrap();
                secret = base64(&[&begin[..26], point].concat());
                pair = Some(fresh);
            }
            "hmac" => {
                wanted["hmac"] = json!({
                    "header": "X-Acme-Signature", "prefix": "sha512=", "algorithm": "sha512", "encoding": "base64",
                    "template": "{timestamp}.{body}", "timestamp_header": "X-Acme-Time", "event_pointer": "/type",
                });
            }
            _ => {}
        }
        wanted["secret"] = secret.clone().into();
        wanted.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        if scheme == "twilio" {
            wanted["public_url"] = "https://hooks.acme.example/in".into();
        }
        let made = tenant.post("/v1/hooks", &wanted).await.expect(201);
        Self { tenant, id: made["id"].as_str().unwrap().into(), scheme, secret, pair }
    }

    fn path(&self, rest: &str) -> String {
        format!("/v1/hooks/{}{rest}", self.id)
    }

    /// The headers with which the provider signs this body at that time.
    fn signed(&self, body: &str, at: i64) -> Vec<(&'static str, String)> {
        let (key, at) = (self.secret.as_bytes(), at.to_string());
        let sha256 = |signed: &str| hex(&mac(hmac::HMAC_SHA256, key, signed.as_bytes()));
        match self.scheme {
            "hmac" => {
                let signature = base64(&mac(hmac::HMAC_SHA512, key, format!("{at}.{body}").as_bytes()));
                vec![("x-acme-time", at), ("x-acme-signature", format!("sha512={signature}"))]
            }
            "standard_webhooks" => {
                let encoded = self.secret.trim_start_matches("whsec_");
                let key = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, encoded).unwrap();
                let id = format!("msg_{}", hex(&mac(hmac::HMAC_SHA256, b"id", body.as_bytes())));
                let signature = base64(&mac(hmac::HMAC_SHA256, &key, format!("{id}.{at}.{body}").as_bytes()));
                vec![("webhook-id", id), ("webhook-timestamp", at), ("webhook-signature", format!("v1,{signature}"))]
            }
            "slack" => {
                let signature = sha256(&format!("v0:{at}:{body}"));
                vec![("x-slack-request-timestamp", at), ("x-slack-signature", format!("v0={signature}"))]
            }
            "github" => {
                vec![("x-github-event", "push".into()), ("x-hub-signature-256", format!("sha256={}", sha256(body)))]
            }
            "stripe" => vec![("stripe-signature", format!("t={at},v1={}", sha256(&format!("{at}.{body}"))))],
            "shopify" => {
                let signature = base64(&mac(hmac::HMAC_SHA256, key, body.as_bytes()));
                vec![("x-shopify-topic", "orders/create".into()), ("x-shopify-hmac-sha256", signature)]
            }
            "twilio" => {
                let body_hash = hex(ring::digest::digest(&ring::digest::SHA256, body.as_bytes()).as_ref());
                let url = format!("https://hooks.acme.example/in?bodySHA256={body_hash}");
                let signature = mac(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key, url.as_bytes());
                vec![("x-twilio-signature", base64(&signature))]
            }
            "sendgrid" => {
                let pair = self.pair.as_ref().unwrap();
                let signature = pair.sign(&SystemRandom::new(), format!("{at}{body}").as_bytes()).unwrap();
                vec![
                    ("x-twilio-email-event-webhook-timestamp", at),
                    ("x-twilio-email-event-webhook-signature", base64(signature.as_ref())),
                ]
            }
            "graph" => vec![],
            "greenhouse" => vec![("signature", format!("sha256 {}", sha256(body)))],
            "bamboohr" => {
                let signature = sha256(&format!("{body}{at}"));
                vec![("x-bamboohr-timestamp", at), ("x-bamboohr-signature", signature)]
            }
            "checkr" => vec![("x-checkr-signature", sha256(body))],
            "jira" => vec![("x-hub-signature", format!("sha256={}", sha256(body)))],
            other => panic!("how does {other} sign?"),
        }
    }

    /// A body of this scheme that is like no other.
    fn body(&self, n: u32) -> String {
        match self.scheme {
            "graph" => json!({"value": [{"id": format!("n{n}"), "clientState": self.secret, "changeType": "updated"}]})
                .to_string(),
            "sendgrid" => json!([{"event": "delivered", "sg_event_id": format!("e{n}")}]).to_string(),
            _ => json!({"type": "thing.done", "n": n, "text": "حدث"}).to_string(),
        }
    }

    async fn deliver(&self, body: &str, headers: &[(&'static str, String)]) -> Answer {
        let mut path = self.path("/in");
        if self.scheme == "twilio" {
            let signed = ring::digest::digest(&ring::digest::SHA256, body.as_bytes());
            path = format!("{path}?bodySHA256={}", hex(signed.as_ref()));
        }
        let mut request = self.tenant.request(Method::POST, &path).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        self.tenant.ask(request.body(body.to_owned())).await
    }

    async fn send(&self, body: &str) -> Answer {
        self.deliver(body, &self.signed(body, now_s())).await
    }

    async fn events(&self) -> Vec<Value> {
        let listed = self.tenant.get(&self.path("/events")).await.expect(200);
        listed["items"].as_array().unwrap().clone()
    }
}

/// A hook of the tenant and an event that it received, by their ids.
pub(crate) async fn a_hook_and_its_event(tenant: &Tenant) -> (String, String) {
    let hook = Hook::new(tenant, "github").await;
    let received = hook.send(&hook.body(1)).await.expect(200);
    (hook.id, received["event_id"].as_str().unwrap().to_owned())
}

/// The cause for which a call was turned away.
#[track_caller]
fn cause(answer: Answer, status: u16) -> String {
    answer.expect(status)["errors"][0]["code"].as_str().unwrap_or_default().to_owned()
}

const SCHEMES: [&str; 13] = [
    "hmac",
    "standard_webhooks",
    "slack",
    "github",
    "stripe",
    "shopify",
    "twilio",
    "sendgrid",
    "graph",
    "greenhouse",
    "bamboohr",
    "checkr",
    "jira",
];
/// Those that sign a time.
const TIMED: [&str; 6] = ["hmac", "standard_webhooks", "slack", "stripe", "sendgrid", "bamboohr"];

#[tokio::test]
async fn of_every_scheme_good_forged_repeated_and_old_and_the_good_ones_are_told_to_others() {
    let tenant = Tenant::new().await;
    for scheme in SCHEMES {
        let hook = Hook::new(&tenant, scheme).await;
        let body = hook.body(1);
        let headers = hook.signed(&body, now_s());
        let good = hook.deliver(&body, &headers).await;
        assert_eq!(good.status, 200, "{scheme}: {}", good.text);
        // The same call again, and the same body signed anew where the body names the event.
        assert_eq!(hook.deliver(&body, &headers).await.status, 200, "{scheme}");

        // Another body under the same signature.
        let forged = if scheme == "graph" { body.replace(&hook.secret, "another client state") } else { hook.body(2) };
        let refused = if scheme == "twilio" {
            // Its address, which is signed, would be another, too.
            hook.deliver(&forged, &[("x-twilio-signature", headers[0].1.clone())]).await
        } else {
            hook.deliver(&forged, &headers).await
        };
        let expected = if scheme == "graph" { "client_state_mismatch" } else { "signature_mismatch" };
        assert_eq!(cause(refused, 401), expected, "{scheme}");
        if TIMED.contains(&scheme) {
            let old = hook.deliver(&hook.body(3), &hook.signed(&hook.body(3), now_s() - 400)).await;
            assert_eq!(cause(old, 401), "timestamp_too_old", "{scheme}");
            let early = hook.deliver(&hook.body(4), &hook.signed(&hook.body(4), now_s() + 400)).await;
            assert_eq!(cause(early, 401), "timestamp_in_future", "{scheme}");
        }
        let [event] = &hook.events().await[..] else { panic!("{scheme}: one event was stored") };
        let told = await_until(&format!("the bus tells of {scheme}"), async || {
            let events = bus::events_named(&tenant, "webhook.received");
            let found = events.iter().find(|told| told["detail"]["event_id"] == event["id"]).cloned();
            found.ok_or_else(|| format!("{} others", events.len()))
        })
        .await;
        let detail = &told["detail"];
        assert_eq!(
            (&detail["hook_id"], &detail["scheme"], &detail["replay"]),
            (&json!(hook.id), &json!(scheme), &json!(0))
        );
        let expected: Value = serde_json::from_str(&body).unwrap();
        if scheme == "graph" {
            assert!(!told.to_string().contains(&hook.secret), "the client state stays here");
        } else {
            assert_eq!(detail["body"], expected, "{scheme}");
        }
        let counted = tenant.get(&hook.path("/rejections")).await.expect(200)["items"].clone();
        let causes: Vec<_> = counted.as_array().unwrap().iter().map(|item| item["cause"].as_str().unwrap()).collect();
        assert!(causes.contains(&"duplicate") && causes.len() >= 2, "{scheme}: {causes:?}");
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_and_a_large_one_is_kept_and_referred_to() {
    let tenant = Tenant::new().await;
    let hook = Hook::new(&tenant, "github").await;
    let large = json!({"text": "x".repeat(900 << 10)}).to_string();
    let id = hook.send(&large).await.expect(200)["event_id"].as_str().unwrap().to_owned();
    let kept = tenant.get(&hook.path(&format!("/events/{id}"))).await.expect(200);
    assert_eq!(kept["body"]["text"].as_str().unwrap().len(), 900 << 10);
    let told = await_until("the bus tells of it", async || {
        bus::events_named(&tenant, "webhook.received").pop().ok_or("nothing")
    })
    .await;
    assert_eq!(told["detail"]["body_url"], hook.path(&format!("/events/{id}")));
    let too_large = "x".repeat((1 << 20) + 1);
    let refused = hook.send(&too_large).await;
    assert_eq!(cause(refused, 413), "body_too_large");
}

#[tokio::test]
async fn a_replay_is_told_again_under_the_same_id() {
    let tenant = Tenant::new().await;
    let hook = Hook::new(&tenant, "checkr").await;
    let id = hook.send(&hook.body(1)).await.expect(200)["event_id"].as_str().unwrap().to_owned();
    let answer = tenant.post(&hook.path(&format!("/events/{id}/replay")), &Value::Null).await.expect(202);
    assert_eq!(answer, json!({"id": id, "replay": 1}));
    let told = await_until("both are told", async || {
        let told = bus::events_named(&tenant, "webhook.received");
        if told.len() >= 2 { Ok(told) } else { Err(told.len()) }
    })
    .await;
    let ids: Vec<_> = told.iter().map(|event| (&event["detail"]["event_id"], &event["detail"]["replay"])).collect();
    assert_eq!(ids, [(&json!(id), &json!(0)), (&json!(id), &json!(1))]);
    assert_eq!(told[0]["detail"]["body"], told[1]["detail"]["body"]);
    let trail = tenant.get("/v1/audit").await.expect(200)["items"].to_string();
    assert!(trail.contains("hook.created") && trail.contains("hook.event_replayed"), "{trail}");
}

#[tokio::test]
async fn both_secrets_are_valid_while_one_is_rotated() {
    let tenant = Tenant::new().await;
    let mut hook = Hook::new(&tenant, "github").await;
    assert_eq!(hook.send(&hook.body(1)).await.status, 200);
    let rotated = tenant.post(&hook.path("/rotate-secret"), &json!({})).await.expect(200);
    assert_eq!(hook.send(&hook.body(2)).await.status, 200, "the one before");
    let before = std::mem::replace(&mut hook.secret, rotated["new_secret"].as_str().unwrap().into());
    let mut n = 2;
    await_until("the new one is taken", async || {
        n += 1;
        let answer = hook.send(&hook.body(n)).await;
        if answer.status == 200 { Ok(()) } else { Err(answer.text) }
    })
    .await;
    tenant.post(&hook.path("/rotate-secret"), &json!({"grace_hours": 0})).await.expect(200);
    hook.secret = before;
    await_until("both old ones end", async || {
        n += 1;
        let answer = hook.send(&hook.body(n)).await;
        if answer.status == 401 { Ok(()) } else { Err(answer.status) }
    })
    .await;
}

#[tokio::test]
async fn a_disabled_hook_refuses_and_a_deleted_one_is_gone() {
    let tenant = Tenant::new().await;
    let hook = Hook::with(&tenant, "jira", json!({"enabled": false})).await;
    let refused = hook.send(&hook.body(1)).await;
    assert_eq!(cause(refused, 403), "hook_disabled");
    let other = Hook::with(&tenant, "github", json!({"events": ["issues.*"]})).await;
    assert_eq!(other.send(&other.body(1)).await.expect(200)["verdict"], "filtered");
    tenant.call(Method::DELETE, &other.path(""), &Value::Null).await.expect(204);
    await_until("nobody answers there", async || {
        let answer = other.send(&other.body(2)).await;
        if answer.status == 404 { Ok(()) } else { Err(answer.status) }
    })
    .await;
}

#[tokio::test]
async fn a_burst_of_forgeries_is_counted_and_stores_nothing() {
    let tenant = Tenant::new().await;
    let hook = Hook::new(&tenant, "stripe").await;
    let before = tenant.items().await.len();
    for n in 0..40 {
        let forged = hook.deliver(&hook.body(n), &[("stripe-signature", format!("t={},v1=00", now_s()))]).await;
        assert_eq!(cause(forged, 401), "signature_mismatch");
    }
    let counted = tenant.get(&hook.path("/rejections")).await.expect(200)["items"].clone();
    let counts: u64 = counted.as_array().unwrap().iter().map(|item| item["count"].as_u64().unwrap()).sum();
    assert!((20..=40).contains(&counts), "{counted}");
    let minutes = counted.as_array().unwrap().len();
    assert_eq!(tenant.items().await.len(), before + minutes, "one record a minute");
    assert!(hook.events().await.is_empty());
}

#[tokio::test]
async fn another_tenants_secret_opens_nothing_here() {
    let (ours, theirs) = (Tenant::new().await, Tenant::new().await);
    let (hook, other) =
        (Hook::new(&ours, "hmac").await, Hook::with(&theirs, "hmac", json!({"secret": "their own secret"})).await);
    let body = hook.body(1);
    let stolen =
        Hook { id: hook.id.clone(), tenant: &theirs, scheme: "hmac", secret: "their own secret".into(), pair: None };
    assert_eq!(stolen.send(&body).await.status, 401);
    assert_eq!(hook.send(&body).await.status, 200);
    assert!(other.events().await.is_empty());
    let told = await_until("the bus tells of it", async || {
        bus::events_named(&ours, "webhook.received").pop().ok_or("nothing")
    })
    .await;
    assert_eq!(told["detail"]["tenant_id"], *ours.id);
    assert!(bus::events_named(&theirs, "webhook.received").is_empty());
    theirs.get(&hook.path("")).await.expect(404);
}

#[tokio::test]
async fn microsoft_graph_shakes_hands() {
    let tenant = Tenant::new().await;
    let hook = Hook::new(&tenant, "graph").await;
    let path = hook.path("/in?validationToken=Validation%3A%20Testing%20client%20a%2Bb");
    let answer = tenant.ask(tenant.request(Method::POST, &path)).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, "Validation: Testing client a+b"));
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
}

/// Everything once where the template's IAM policies are enforced.
#[tokio::test]
async fn with_no_more_rights_than_the_template_gives() {
    let (stack, _turn) = Stack::alone().await;
    let tenant = Tenant::on(stack).await;
    let hook = Hook::new(&tenant, "github").await;
    let large = json!({"text": "x".repeat(400 << 10)}).to_string();
    let id = hook.send(&large).await.expect(200)["event_id"].as_str().unwrap().to_owned();
    assert_eq!(hook.send(&large).await.expect(200)["verdict"], "duplicate");
    assert_eq!(cause(hook.deliver("{}", &[]).await, 401), "signature_missing");
    assert_eq!(hook.events().await.len(), 1);
    let kept = tenant.get(&hook.path(&format!("/events/{id}"))).await.expect(200);
    assert_eq!(kept["body"]["text"].as_str().unwrap().len(), 400 << 10);
    tenant.post(&hook.path(&format!("/events/{id}/replay")), &Value::Null).await.expect(202);
    await_until("the bus tells of both", async || {
        let told = bus::events_named(&tenant, "webhook.received").len();
        if told == 2 { Ok(()) } else { Err(told) }
    })
    .await;
    assert_eq!(tenant.get(&hook.path("/rejections")).await.expect(200)["items"].as_array().unwrap().len(), 2);
    tenant.call(Method::PATCH, &hook.path(""), &json!({"name": "Renamed"})).await.expect(200);
    tenant.post(&hook.path("/rotate-secret"), &json!({})).await.expect(200);
    assert_eq!(tenant.get("/v1/hooks").await.expect(200)["items"].as_array().unwrap().len(), 1);
    tenant.call(Method::DELETE, &hook.path(""), &Value::Null).await.expect(204);
}
