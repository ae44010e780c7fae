//! The routes as a tenant's admin uses them.

use crate::stage::{CANARY, Stage, acme, id_of, refused, taken};
use axum::http::Method;
use domain::{
    bundle::{Outcome, RESEND_WINDOW_MS},
    channel::{Channel, Provider},
    ids::CampaignId,
    integration::Integration,
    log::PageId,
    retry::RetryPolicy,
    time::{HOUR_MS, MINUTE_MS},
    webhook::{Answer, Stop, StopCause, secret::SigningKey},
};
use doubles::webhook::{Answer as Scripted, Setup};
use runtime::testing::{Answered, START, call, key_of};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use store::{Answers as _, Bundles as _, HeldFor, Integrations as _, Logs as _, StoreError};

fn fields(answer: &Answered) -> Vec<String> {
    let errors = answer.body["errors"].as_array().unwrap_or_else(|| panic!("{}", answer.body));
    errors.iter().map(|error| error["field"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn an_endpoint_is_made_with_a_secret_that_is_shown_once() {
    let stage = Stage::new().await;
    let mut wanted = stage.body();
    wanted["name"] = json!(" Orders ");
    wanted["description"] = json!("What the warehouse needs");
    wanted["filter"] = json!({"conditions": [{"field": "total", "op": "gte", "value": 100}]});
    wanted["transform"] = json!({"pick": ["id", "total"], "rename": {"total": "amount"}});
    wanted["limits"] = json!({"per_second": 5});
    wanted["ordered"] = json!(true);
    let made = stage.post("/v1/endpoints", wanted).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let secret = made.body["new_secret"].as_str().unwrap().to_owned();
    assert!(SigningKey::parse(&secret).is_ok());
    let mask = format!("••••••••{}", &secret[secret.len() - 4..]);
    assert_eq!(made.body["secret"], mask);
    insta::assert_json_snapshot!(made.body, {
        ".id" => "[id]", ".url" => "[url]", ".new_secret" => "[secret]", ".secret" => "[mask]", ".updated_by" => "[key]",
    }, @r#"
    {
      "created_at": "2025-11-20T12:00:00.000Z",
      "description": "What the warehouse needs",
      "enabled": true,
      "events": [
        "order.*"
      ],
      "filter": {
        "conditions": [
          {
            "field": "total",
            "op": "gte",
            "value": 100
          }
        ],
        "match": "all"
      },
      "headers": {
        "Authorization": "••••••••4711"
      },
      "id": "[id]",
      "last_test": {
        "badge": "green",
        "code": "ok",
        "detail": "HTTP 405: the endpoint answers",
        "fix": "",
        "fix_ar": "",
        "latency_ms": 0,
        "reason": "",
        "reason_ar": "",
        "status": "ok",
        "tested_at": "2025-11-20T12:00:00.000Z"
      },
      "limits": {
        "per_second": 5
      },
      "name": "Orders",
      "new_secret": "[secret]",
      "ordered": true,
      "previous_secret_until": null,
      "retry_policy": "standard",
      "rev": 1,
      "secret": "[mask]",
      "secret_version": 1,
      "signing": "hmac",
      "stopped": null,
      "transform": {
        "pick": [
          "id",
          "total"
        ],
        "rename": {
          "total": "amount"
        }
      },
      "updated_at": "2025-11-20T12:00:00.000Z",
      "updated_by": "[key]",
      "url": "[url]"
    }
    "#);
    let path = &made.headers["location"];
    assert_eq!(*path, format!("/v1/endpoints/{}", made.body["id"].as_str().unwrap()));
    let read = stage.get(path).await;
    let listed = stage.get("/v1/endpoints").await;
    assert_eq!((listed.body["items"][0].clone(), &listed.body["next"]), (read.body.clone(), &Value::Null));
    assert_eq!((read.body.get("new_secret"), &read.body["secret"]), (None, &json!(mask)));
    assert_eq!(stage.audited().await, ["endpoint.created Orders"]);
    let stored = stage.stored(path).await;
    assert_eq!((stored.retry_policy, stored.provider), (RetryPolicy::Standard, Provider::Webhook));
    let sealed = stage.store.secret(&acme(), &stored.id, 1).await.unwrap().unwrap();
    let opened = stage.vault.open(&acme(), &stored.id, 1, &sealed).await.unwrap();
    assert_eq!(opened["signing_secret"].expose(), secret);
    assert_eq!(opened["header.Authorization"].expose(), CANARY);
}

#[tokio::test]
async fn of_a_key_pair_the_public_half_is_always_shown_and_the_private_never() {
    let stage = Stage::new().await;
    let mut wanted = stage.body();
    wanted["signing"] = json!("ed25519");
    let made = stage.post("/v1/endpoints", wanted.clone()).await;
    assert_eq!((made.status, made.body.get("new_secret"), made.body.get("secret")), (201, None, None));
    let public = made.body["public_key"].as_str().unwrap();
    assert!(public.starts_with("whpk_"));
    assert_eq!(stage.get(&made.headers["location"]).await.body["public_key"], public);
    // One's own: RFC 8032, section 7.1, test 1.
    wanted["secret"] = json!("whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=");
    let made = stage.post("/v1/endpoints", wanted).await;
    assert_eq!(made.body["public_key"], "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
    assert!(!made.body.to_string().contains("nWGxne"));
}

#[tokio::test]
async fn everything_wrong_is_named_at_once_in_the_words_of_this_api() {
    let stage = Stage::new().await;
    let wanted = json!({
        "name": "", "url": "ftp://x", "events": ["order.created", "Order"], "limits": {"per_second": 0},
        "filter": {"conditions": [{"field": "a", "op": "like"}]}, "transform": {"pick": ["a..b"]},
        "headers": {"Host": "x", "X-Good": "y"}, "secret": "short",
    });
    let answer = stage.post("/v1/endpoints", wanted).await;
    assert_eq!(answer.status, 422);
    let mut named = fields(&answer);
    named.sort();
    let expected =
        ["events.1", "filter.conditions.0.op", "headers.Host", "limits.per_second", "name", "transform.pick.0"];
    assert!(expected.iter().all(|field| named.iter().any(|it| it == field)), "{named:?}");
    for (wanted, field) in [
        (json!({"name": "x", "url": "https://10.0.0.1/x"}), "url"),
        (json!({"name": "x", "url": "ftp://example.com/"}), "url"),
        (json!({"name": "x", "url": "https://a.example/", "secret": "whsec_AAAA"}), "secret"),
        (
            json!({"name": "x", "url": "https://a.example/", "signing": "ed25519", "secret": format!("whsec_{}", "A".repeat(32))}),
            "secret",
        ),
        (json!({"name": "x", "url": "https://a.example/", "signing": "rsa"}), "signing"),
        (json!({"name": "x", "url": "https://a.example/", "previous_until": 1}), "previous_until"),
        (json!({"name": "x"}), "url"),
    ] {
        let refused = stage.post("/v1/endpoints?test=false", wanted).await;
        assert_eq!((refused.status, fields(&refused)), (422, vec![field.to_owned()]), "{}", refused.body);
    }
    assert!(stage.store.integrations(&acme()).await.unwrap().is_empty(), "nothing was stored");
}

#[tokio::test]
async fn an_endpoint_is_tested_before_it_is_saved() {
    let stage = Stage::new().await;
    let mut wanted = stage.body();
    wanted["url"] = json!("http://127.0.0.1:9/nobody");
    let answer = stage.post("/v1/endpoints", wanted.clone()).await;
    assert_eq!((answer.status, &answer.body["code"]), (422, &json!("connection_test_failed")));
    assert_eq!((fields(&answer), &answer.body["test"]["status"]), (vec!["url".to_owned()], &json!("fail")));
    assert!(stage.store.integrations(&acme()).await.unwrap().is_empty());
    assert_eq!(stage.audited().await, [""; 0]);
    let saved = stage.post("/v1/endpoints?test=false", wanted).await;
    assert_eq!((saved.status, &saved.body["last_test"]), (201, &Value::Null));
    let path = &saved.headers["location"];
    let refused = stage.patch(path, json!({"headers": {"X-Key": "1"}})).await;
    assert_eq!((refused.status, &refused.body["code"]), (422, &json!("connection_test_failed")));
    assert_eq!(stage.get(path).await.body["rev"], 1);
}

#[tokio::test]
async fn one_may_be_made_paused() {
    let stage = Stage::new().await;
    let mut wanted = stage.body();
    wanted["enabled"] = json!(false);
    let made = stage.post("/v1/endpoints", wanted).await;
    assert_eq!((&made.body["enabled"], &made.body["stopped"]["cause"]), (&json!(false), &json!("paused")));
}

#[tokio::test]
async fn there_is_an_end_to_how_many() {
    let stage = Stage::new().await;
    let path = stage.endpoint().await;
    let first = stage.stored(&path).await;
    let audit = crate::endpoints::entry(&caller(), "endpoint.created", &first, String::new());
    for _ in 1..api::endpoints::ENDPOINTS_MAX {
        let another = Integration { id: domain::ids::IntegrationId::generate(), ..first.clone() };
        stage.store.save_integration(&acme(), &another, None, false, &audit).await.unwrap();
    }
    let answer = stage.post("/v1/endpoints", stage.body()).await;
    assert_eq!((answer.status, &answer.body["code"]), (409, &json!("conflict")));
    assert!(answer.body["detail"].as_str().unwrap().contains("200"));
}

fn caller() -> domain::principal::Caller {
    domain::principal::Caller { scope: acme(), principal: domain::principal::Principal::System, grants: Vec::new() }
}

#[tokio::test]
async fn a_change_is_told_field_by_field_and_tested_where_it_is_about_the_connection() {
    let stage = Stage::new().await;
    let path = stage.endpoint().await;
    let wanted = json!({
        "name": "All", "events": [], "description": "x", "limits": {"per_hour": 9}, "retry_policy": "immediate",
        "filter": {"conditions": [{"field": "a", "op": "exists"}]}, "ordered": true,
    });
    let changed = stage.patch(&path, wanted.clone()).await;
    assert_eq!((changed.status, &changed.body["rev"]), (200, &json!(2)), "{}", changed.body);
    assert_eq!((&changed.body["events"], &changed.body["secret_version"]), (&json!([]), &json!(1)));
    assert_eq!(changed.body["last_test"]["status"], "ok", "its URL is still the one that was tested");
    let told = "endpoint.updated name, limits, retry_policy, description, events, filter, ordered";
    assert_eq!(stage.audited().await[1], told);
    assert_eq!(stage.patch(&path, wanted).await.body["rev"], 2, "nothing was different");
    let cleared = stage.patch(&path, json!({"filter": null, "description": "", "ordered": false})).await;
    assert_eq!((&cleared.body["filter"], &cleared.body["description"]), (&Value::Null, &Value::Null));

    // A header that is saved goes to nobody else.
    let url = stage.receivers.receiver_url("other");
    for query in ["", "?test=false"] {
        let refused = stage.patch(&format!("{path}{query}"), json!({"url": url})).await;
        assert_eq!((refused.status, fields(&refused)), (422, vec!["headers.Authorization".to_owned()]));
    }
    let moved = stage.patch(&path, json!({"url": url, "headers": {"Authorization": "CANARY-other", "X-A": "b"}})).await;
    assert_eq!((moved.status, &moved.body["secret_version"]), (200, &json!(2)), "{}", moved.body);
    assert_eq!(stage.audited().await[3], "endpoint.updated url, headers.Authorization, headers.X-A");
    let fewer = stage.patch(&path, json!({"headers": {"authorization": ""}})).await;
    assert_eq!(fewer.body["headers"], json!({"X-A": "••••••••"}));

    assert_eq!(fields(&stage.patch(&path, json!({"signing": "ed25519"})).await), ["signing"]);
    assert_eq!(fields(&stage.patch(&path, json!({"name": "", "url": "x", "limits": {"per_day": 0}})).await).len(), 3);
    stage.store.fail_next("save_integration", StoreError::Conflict);
    assert_eq!(stage.patch(&path, json!({"name": "B"})).await.body["rev"], 6, "on top of the other's");
}

#[tokio::test]
async fn a_rotation_signs_with_both_for_its_hours() {
    let stage = Stage::new().await;
    let path = stage.endpoint().await;
    let first = stage.get(&path).await.body["secret"].clone();
    let rotate = async |body| stage.post(&format!("{path}/rotate-secret"), body).await;
    let rotated = rotate(Value::Null).await;
    assert_eq!((rotated.status, &rotated.body["secret_version"]), (200, &json!(2)), "{}", rotated.body);
    assert_eq!(rotated.body["previous_secret_until"], START.plus_ms(24 * HOUR_MS).to_rfc3339());
    assert!(rotated.body["new_secret"].as_str().unwrap().starts_with("whsec_"));
    let stored = stage.stored(&path).await;
    assert_eq!(json!(stored.masks["previous_secret"]), first);
    assert_eq!(stored.config["previous_until"], json!(START.plus_ms(24 * HOUR_MS)));
    let sealed = stage.store.secret(&acme(), &stored.id, 2).await.unwrap().unwrap();
    let opened = stage.vault.open(&acme(), &stored.id, 2, &sealed).await.unwrap();
    assert_eq!(opened["header.Authorization"].expose(), CANARY, "headers stay");
    assert_eq!(opened["signing_secret"].expose(), rotated.body["new_secret"]);
    stage.clock.advance_ms(24 * HOUR_MS);
    assert_eq!(stage.get(&path).await.body["previous_secret_until"], Value::Null);

    let given = rotate(json!({"secret": format!("whsec_{}", "QUFB".repeat(8)), "keep_previous_hours": 0})).await;
    assert_eq!((given.status, given.body.get("new_secret")), (200, None), "{}", given.body);
    assert_eq!(given.body["previous_secret_until"], Value::Null);
    assert!(!stage.stored(&path).await.masks.contains_key("previous_secret"));
    // From a shared secret to a key pair.
    let pair = rotate(json!({"signing": "ed25519", "keep_previous_hours": 168})).await;
    assert_eq!((pair.status, &pair.body["signing"], pair.body.get("new_secret")), (200, &json!("ed25519"), None));
    assert!(pair.body["public_key"].as_str().unwrap().starts_with("whpk_"));

    for (body, field) in [
        (json!({"keep_previous_hours": 169}), "keep_previous_hours"),
        (json!({"secret": "whsec_x"}), "secret"),
        (json!({"secret": format!("whsec_{}", "QUFB".repeat(8))}), "secret"),
    ] {
        let refused = rotate(body).await;
        assert_eq!((refused.status, fields(&refused)), (422, vec![field.to_owned()]), "{}", refused.body);
    }
    assert_eq!(stage.audited().await[1], "endpoint.secret_rotated version 2, the one before signs for 24 h more");
    stage.store.fail_next("save_integration", StoreError::Conflict);
    assert_eq!(rotate(json!({})).await.body["secret_version"], 5);
    stage.store.fail_next("save_integration", StoreError::Conflict);
    stage.store.fail_next("save_integration", StoreError::Conflict);
    assert_eq!(rotate(json!({})).await.status, 409);
}

#[tokio::test]
async fn pausing_and_resuming_may_be_asked_for_twice_and_lose_nothing() {
    let stage = Stage::new().await;
    let path = stage.endpoint().await;
    let pause = async || stage.post(&format!("{path}/pause"), Value::Null).await;
    let resume = async || stage.post(&format!("{path}/resume"), Value::Null).await;
    let paused = pause().await;
    assert_eq!((paused.status, &paused.body["enabled"], &paused.body["rev"]), (200, &json!(false), &json!(2)));
    assert_eq!(paused.body["stopped"]["since"], START.to_rfc3339());
    assert!(paused.body["stopped"]["fix_ar"].as_str().unwrap().contains("استأنفه"));
    stage.clock.advance_ms(MINUTE_MS);
    assert_eq!(pause().await.body, paused.body, "it is paused already");

    let bundle = stage.events(&path, &["order.created", "order.paid"]).await;
    let claimed = stage.store.claim(&acme(), &bundle.campaign, &bundle.id, stage.clock_now()).await.unwrap().bundle;
    stage.store.hold(&acme(), &claimed, &HeldFor::Integration(id_of(&path))).await.unwrap();
    let resumed = resume().await;
    assert_eq!((resumed.status, &resumed.body["enabled"], &resumed.body["stopped"]), (200, &json!(true), &Value::Null));
    assert_eq!(stage.queued(), [bundle.id.to_string()]);
    assert_eq!(resume().await.body["rev"], 3, "it goes on already");
    let actions = ["endpoint.created Orders", "endpoint.paused", "endpoint.resumed"];
    assert_eq!(stage.audited().await, actions);
}

#[tokio::test]
async fn whatever_stopped_an_endpoint_is_told_and_ended_by_resuming() {
    let stage = Stage::new().await;
    let path = stage.endpoint().await;
    for (rev, cause) in [(2, StopCause::Gone), (4, StopCause::Failing)] {
        let mut endpoint = stage.stored(&path).await;
        (endpoint.enabled, endpoint.rev) = (false, rev);
        endpoint.stopped = Some(Stop { cause, at: START });
        let audit = crate::endpoints::entry(&caller(), "endpoint.disabled", &endpoint, String::new());
        stage.store.save_integration(&acme(), &endpoint, None, false, &audit).await.unwrap();
        let paused = stage.post(&format!("{path}/pause"), Value::Null).await;
        assert_eq!(paused.body["stopped"]["cause"], json!(cause), "the reason stays");
        let words =
            ["reason", "reason_ar", "fix", "fix_ar"].map(|it| paused.body["stopped"][it].as_str().unwrap().len());
        assert!(words.iter().all(|length| *length > 10));
        let resumed = stage.post(&format!("{path}/resume"), Value::Null).await;
        assert_eq!((&resumed.body["enabled"], &resumed.body["rev"]), (&json!(true), &json!(rev + 1)));
    }
}

#[tokio::test]
async fn a_release_that_fails_is_left_to_the_sweeper() {
    let stage = Stage::new().await;
    let path = stage.endpoint().await;
    stage.post(&format!("{path}/pause"), Value::Null).await;
    stage.store.fail_next("held", StoreError::Unavailable("throttled".into()));
    assert_eq!(stage.post(&format!("{path}/resume"), Value::Null).await.status, 200);
    let due = stage.store.releases_due(START, 9).await.unwrap();
    assert_eq!(due, [(acme(), HeldFor::Integration(id_of(&path)))]);
}

#[tokio::test]
async fn a_deleted_endpoint_is_gone_and_what_is_held_for_it_is_let_go_to_be_cancelled() {
    let stage = Stage::new().await;
    let path = stage.endpoint().await;
    let bundle = stage.events(&path, &["order.created"]).await;
    let claimed = stage.store.claim(&acme(), &bundle.campaign, &bundle.id, START).await.unwrap().bundle;
    stage.store.hold(&acme(), &claimed, &HeldFor::Integration(id_of(&path))).await.unwrap();
    let deleted = stage.ask(Method::DELETE, &path, Value::Null).await;
    assert_eq!((deleted.status, stage.queued()), (204, vec![bundle.id.to_string()]));
    assert_eq!(stage.get(&path).await.status, 404);
    assert_eq!(stage.ask(Method::DELETE, &path, Value::Null).await.status, 404);
    assert_eq!(stage.get("/v1/endpoints").await.body["items"], json!([]));
    assert_eq!(stage.audited().await[1], "endpoint.deleted");
}

#[tokio::test]
async fn a_test_posts_a_signed_event_and_shows_the_answer() {
    let stage = Stage::today().await;
    let made = stage.post("/v1/endpoints", stage.body()).await;
    let path = made.headers["location"].clone();
    let keys = vec![made.body["new_secret"].as_str().unwrap().to_owned()];
    let refuses = Scripted {
        status: 500,
        body: "no such table".into(),
        headers: BTreeMap::from([("x-debug".into(), "1".into())]),
        ..Scripted::default()
    };
    let answers = [Scripted::status(204), refuses].into();
    stage.receivers.set_up("orders", Setup { keys, answers, ..Setup::default() });
    let before = stage.stored(&path).await;

    let good = stage.post(&format!("{path}/test"), Value::Null).await;
    assert_eq!(
        (good.status, &good.body["ok"], &good.body["status"]),
        (200, &json!(true), &json!(204)),
        "{}",
        good.body
    );
    assert_eq!((&good.body["type"], &good.body["error"]), (&json!("endpoint.test"), &Value::Null));
    stage.clock.advance_ms(1);
    let wanted = json!({"type": "order.created", "data": {"id": 7}});
    let bad = stage.post(&format!("{path}/test"), wanted).await;
    assert_eq!((bad.status, &bad.body["ok"], &bad.body["status"]), (200, &json!(false), &json!(500)), "{}", bad.body);
    assert_eq!(bad.body["body"], "no such table");
    let headers = bad.body["headers"].as_array().unwrap();
    assert!(headers.contains(&json!({"name": "x-debug", "value": "1"})));
    assert_eq!(bad.body["error"]["code"], "endpoint_error");
    assert!(!bad.body["error"]["reason_ar"].as_str().unwrap().is_empty());

    let seen = stage.receivers.seen("orders");
    assert_eq!((seen.count.posts, seen.count.refused, seen.posts[0].proven_by.len()), (2, 0, 1), "{seen:?}");
    assert_eq!((&seen.posts[1].kind, &seen.posts[1].body["data"]), (&"order.created".to_owned(), &json!({"id": 7})));
    assert_eq!(seen.posts[1].id, bad.body["event_id"]);
    assert_eq!(seen.posts[1].headers["authorization"], CANARY);
    // Only its health is stored.
    let after = stage.stored(&path).await;
    assert_eq!(
        (after.rev, after.last_test.as_ref().map(|test| test.code.as_str())),
        (before.rev, Some("endpoint_error"))
    );
    let bundles = stage.store.bundles(&acme(), &CampaignId::of_endpoint(&after.id), None, 9).await.unwrap();
    assert_eq!((bundles.items.len(), stage.queued().len()), (0, 0));
    let too_much = stage.post(&format!("{path}/test"), json!({"data": "x".repeat(300 << 10)})).await;
    assert_eq!(fields(&too_much), ["data"]);
    assert_eq!(fields(&stage.post(&format!("{path}/test"), json!({"type": "Order"})).await), ["type"]);
}

#[tokio::test]
async fn a_delivery_tells_its_whole_story_with_what_was_answered() {
    let stage = Stage::new().await;
    let path = stage.endpoint().await;
    let bundle = stage.events(&path, &["order.created", "order.paid"]).await;
    let long = Answer { apart: true, headers: Vec::new(), body: String::new(), ..refused(503).1 };
    let next =
        stage.attempt_by(&bundle, vec![taken(), (refused(503).0, long.clone())], RetryPolicy::Standard).await.remove(0);
    let whole = Answer { body: "x".repeat(2_000), headers: vec![("x".into(), "y".into())], ..long };
    let claimed = stage.store.generations(&acme(), &bundle.campaign, &bundle.id).await.unwrap().remove(0);
    stage.store.save_answers(&acme(), &claimed, &BTreeMap::from([(1, whole)])).await.unwrap();
    let delivery = bundle.id.delivery(1);
    let told = stage.get(&format!("{path}/deliveries/{delivery}")).await;
    assert_eq!((told.status, &told.body["status"]), (200, &json!("retrying")), "{}", told.body);
    assert_eq!(told.body["next_attempt_at"], next.due.to_rfc3339());
    assert_eq!(told.body["attempts"][0]["body"].as_str().unwrap().len(), 2_000);
    assert_eq!(told.body["attempts"][0]["headers"], json!([{"name": "x", "value": "y"}]));

    stage.clock.advance_ms(HOUR_MS);
    stage.attempt(&next, vec![refused(400)]).await;
    let told = stage.get(&format!("{path}/deliveries/{delivery}")).await;
    insta::assert_json_snapshot!(told.body, {
        ".id" => "[id]", ".endpoint_id" => "[endpoint]", ".event.id" => "[event]",
        ".attempts[].id" => "[attempt]", ".attempts[0].body" => "[2,000 characters]",
    }, @r#"
    {
      "attempts": [
        {
          "at": "2025-11-20T12:00:00.000Z",
          "body": "[2,000 characters]",
          "duration_ms": 12,
          "error": {
            "code": "endpoint_refused",
            "detail": "HTTP 503 no",
            "fix": "Read its answer: often the signature check, a missing header or the path is the cause. It is retried by the retry policy.",
            "fix_ar": "اقرأ إجابتها: فغالبًا ما يكون السبب التحقق من التوقيع أو ترويسة ناقصة أو المسار. تُعاد المحاولة وفق السياسة.",
            "reason": "The endpoint refused the event (a 4xx answer).",
            "reason_ar": "رفضت نقطة النهاية الحدث (إجابة 4xx)."
          },
          "headers": [
            {
              "name": "x",
              "value": "y"
            }
          ],
          "id": "[attempt]",
          "number": 1,
          "result": "retrying",
          "status": 503
        },
        {
          "at": "2025-11-20T13:00:00.000Z",
          "body": "no",
          "duration_ms": 12,
          "error": {
            "code": "endpoint_refused",
            "detail": "HTTP 400 no",
            "fix": "Read its answer: often the signature check, a missing header or the path is the cause. It is retried by the retry policy.",
            "fix_ar": "اقرأ إجابتها: فغالبًا ما يكون السبب التحقق من التوقيع أو ترويسة ناقصة أو المسار. تُعاد المحاولة وفق السياسة.",
            "reason": "The endpoint refused the event (a 4xx answer).",
            "reason_ar": "رفضت نقطة النهاية الحدث (إجابة 4xx)."
          },
          "headers": [
            {
              "name": "content-type",
              "value": "text/plain"
            }
          ],
          "id": "[attempt]",
          "number": 2,
          "result": "dead",
          "status": 400
        }
      ],
      "created_at": "2025-11-20T12:00:00.000Z",
      "endpoint_id": "[endpoint]",
      "event": {
        "at": "2025-11-20T12:00:00.000Z",
        "data": {
          "number": 1
        },
        "id": "[event]",
        "key": null,
        "type": "order.paid"
      },
      "id": "[id]",
      "next_attempt_at": null,
      "status": "dead",
      "updated_at": "2025-11-20T13:00:00.000Z"
    }
    "#);
    for (number, attempt) in told.body["attempts"].as_array().unwrap().iter().enumerate() {
        let one = stage.get(&format!("{path}/attempts/{}", attempt["id"].as_str().unwrap())).await;
        assert_eq!((one.status, &one.body["body"]), (200, &attempt["body"]), "{number}");
        assert_eq!((&one.body["delivery_id"], &one.body["event"]), (&json!(delivery), &told.body["event"]));
    }
    let other = stage.get(&format!("{path}/deliveries/{}", bundle.id.delivery(0))).await;
    assert_eq!((&other.body["status"], &other.body["attempts"][0]["status"]), (&json!("sent"), &json!(204)));
}

#[tokio::test]
async fn what_is_no_delivery_or_attempt_of_the_endpoint_is_404() {
    let stage = Stage::new().await;
    let (path, other) = (stage.endpoint().await, stage.endpoint().await);
    let bundle = stage.events(&path, &["order.created", "order.paid"]).await;
    let delivery = bundle.id.delivery(1);
    assert_eq!(stage.get(&format!("{path}/deliveries/{delivery}")).await.status, 200);
    for path in [
        format!("{other}/deliveries/{delivery}"),
        format!("{path}/attempts/{delivery}"),
        format!("{path}/deliveries/{}", bundle.id.delivery(7)),
        format!("{path}/deliveries/dlv_01JD0000000000000000000000"),
        format!("{path}/deliveries/x"),
        format!("{path}/attempts/{delivery}~99"),
        format!("{path}/attempts/{delivery}~x"),
    ] {
        assert_eq!(stage.get(&path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn an_event_is_posted_again_from_every_state_that_is_final() {
    let stage = Stage::new().await;
    let path = stage.endpoint().await;
    let bundle = stage.events(&path, &["order.created", "order.paid"]).await;
    let resend = async |number: u16, body: Value| {
        stage.post(&format!("{path}/deliveries/{}/resend", bundle.id.delivery(number)), body).await
    };
    assert_eq!(resend(0, Value::Null).await.status, 409, "it waits");
    stage.attempt(&bundle, vec![taken(), refused(400)]).await;
    stage.queues.drain();
    let sent = resend(0, Value::Null).await;
    assert_eq!((sent.status, &sent.body["code"]), (409, &json!("conflict")));
    assert!(sent.body["detail"].as_str().unwrap().contains("force"));
    let failed = resend(1, json!({})).await;
    assert_eq!((failed.status, failed.body), (202, json!({"id": bundle.id.delivery(1), "status": "queued"})));
    assert_eq!(resend(1, json!({})).await.status, 409, "it is under way");
    let forced = resend(0, json!({"force": true})).await;
    assert_eq!((forced.status, stage.queued().len()), (202, 2));
    assert_eq!(fields(&resend(0, json!({"forced": true})).await), ["forced"]);

    let generations = stage.store.generations(&acme(), &bundle.campaign, &bundle.id).await.unwrap();
    let again = generations.iter().find(|it| it.members == [0] && it.id.generation > 0).unwrap();
    stage.clock.advance_ms(1);
    stage.attempt(again, vec![taken()]).await;
    let told = stage.get(&format!("{path}/deliveries/{}", bundle.id.delivery(0))).await.body;
    let results: Vec<_> = told["attempts"].as_array().unwrap().iter().map(|it| it["result"].clone()).collect();
    assert_eq!((json!(results), &told["status"]), (json!(["sent", "sent"]), &json!("sent")));
    assert_eq!(stage.audited().await[1], format!("endpoint.resent {}", bundle.id.delivery(1)));

    let held = stage.events(&path, &["order.created"]).await;
    let claimed = stage.store.claim(&acme(), &held.campaign, &held.id, stage.clock_now()).await.unwrap().bundle;
    stage.store.hold(&acme(), &claimed, &HeldFor::Integration(id_of(&path))).await.unwrap();
    let answer = stage.post(&format!("{path}/deliveries/{}/resend", held.id.delivery(0)), Value::Null).await;
    assert!(answer.status == 409 && answer.body["detail"].as_str().unwrap().contains("Resume"));
    let dead = stage.dead(&path, "order.created").await;
    stage.store.fail_next("resend", StoreError::Conflict);
    stage.clock.advance_ms(RESEND_WINDOW_MS);
    assert_eq!(stage.post(&format!("{path}/deliveries/{dead}/resend"), Value::Null).await.status, 202, "read anew");
    let old = stage.dead(&path, "order.created").await;
    stage.clock.advance_ms(RESEND_WINDOW_MS + 1);
    assert_eq!(stage.post(&format!("{path}/deliveries/{old}/resend"), Value::Null).await.status, 409, "too old");
}

#[tokio::test]
async fn dead_letters_are_listed_newest_first_by_filter_and_page() {
    let stage = Stage::new().await;
    let path = stage.endpoint().await;
    for kind in ["order.created", "order.paid", "user.created"] {
        stage.dead(&path, kind).await;
        stage.clock.advance_ms(MINUTE_MS);
    }
    let bundle = stage.events(&path, &["order.shipped"; 3]).await;
    stage.attempt(&bundle, vec![refused(400), taken(), refused(500)]).await;
    let list = async |query: &str| stage.get(&format!("{path}/dead-letters{query}")).await;
    let all = list("").await;
    let kinds = |answer: &Answered| -> Vec<String> {
        let items = answer.body["items"].as_array().unwrap_or_else(|| panic!("{}", answer.body));
        items.iter().map(|it| it["type"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(kinds(&all), ["order.shipped", "order.shipped", "user.created", "order.paid", "order.created"]);
    insta::assert_json_snapshot!(all.body["items"][1], {".delivery_id" => "[delivery]", ".event_id" => "[event]"}, @r#"
    {
      "attempts": 1,
      "delivery_id": "[delivery]",
      "error": {
        "code": "endpoint_refused",
        "detail": "HTTP 500 no",
        "fix": "Read its answer: often the signature check, a missing header or the path is the cause. It is retried by the retry policy.",
        "fix_ar": "اقرأ إجابتها: فغالبًا ما يكون السبب التحقق من التوقيع أو ترويسة ناقصة أو المسار. تُعاد المحاولة وفق السياسة.",
        "reason": "The endpoint refused the event (a 4xx answer).",
        "reason_ar": "رفضت نقطة النهاية الحدث (إجابة 4xx)."
      },
      "event_id": "[event]",
      "failed_at": "2025-11-20T12:03:00.000Z",
      "response_status": 500,
      "status": "dead",
      "type": "order.shipped"
    }
    "#);
    assert_eq!(kinds(&list("?type=order.*&limit=200").await).len(), 4);
    assert_eq!(kinds(&list("?code=endpoint_gone").await), [""; 0]);
    let since = START.plus_ms(2 * MINUTE_MS).to_rfc3339();
    assert_eq!(kinds(&list(&format!("?since={since}")).await).len(), 3);
    assert_eq!(kinds(&list(&format!("?until={since}")).await).len(), 3);
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = list(&format!("?limit=1&type=order.*{cursor}")).await;
        seen.extend(page.body["items"].as_array().unwrap().iter().map(|it| it["delivery_id"].clone()));
        let Some(next) = page.body["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    let expected: Vec<_> =
        all.body["items"].as_array().unwrap().iter().filter(|it| it["type"] != "user.created").collect();
    assert_eq!(seen, expected.iter().map(|it| it["delivery_id"].clone()).collect::<Vec<_>>());
    assert_eq!(fields(&list("?since=yesterday&until=now").await), ["since", "until"]);
    assert_eq!(list("?cursor=*").await.status, 422);
    stage.clock.advance_ms(RESEND_WINDOW_MS);
    assert_eq!(kinds(&list("").await).len(), 2, "they are kept for 30 days");
}

#[tokio::test]
async fn a_redrive_moves_what_is_meant_and_nothing_else() {
    let stage = Stage::new().await;
    let path = stage.endpoint().await;
    let bundle = stage.events(&path, &["order.created", "user.created", "order.paid"]).await;
    stage.attempt(&bundle, vec![refused(400), refused(400), taken()]).await;
    stage.queues.drain();
    stage.clock.advance_ms(1);
    let redrive = async |body| stage.post(&format!("{path}/dead-letters/redrive"), body).await;
    assert_eq!(redrive(json!({"code": "endpoint_gone"})).await.body, json!({"redriven": 0, "left": 0, "next": null}));
    let answer = redrive(json!({"type": "order.*"})).await;
    assert_eq!((answer.status, answer.body), (202, json!({"redriven": 1, "left": 0, "next": null})));
    assert_eq!(stage.queued().len(), 1);
    let generations = stage.store.generations(&acme(), &bundle.campaign, &bundle.id).await.unwrap();
    assert_eq!(generations[1].members, [0]);
    assert_eq!(redrive(json!({"type": "order.*"})).await.body["redriven"], 0, "a repeat finds nothing");
    let recovered = stage.post(&format!("{path}/recover"), json!({"since": START.to_rfc3339()})).await;
    assert_eq!((recovered.status, recovered.body["redriven"].clone()), (202, json!(1)));
    let since = START.to_rfc3339();
    let told = stage.audited().await;
    assert!(told[1].starts_with("endpoint.redriven 1 deliveries"), "{told:?}");
    assert_eq!(told[2], format!("endpoint.recovered 1 deliveries given up since {since}"));
    let long_ago = START.plus_ms(-RESEND_WINDOW_MS - MINUTE_MS).to_rfc3339();
    for since in [long_ago.as_str(), "x"] {
        assert_eq!(fields(&stage.post(&format!("{path}/recover"), json!({"since": since})).await), ["since"]);
    }
    assert_eq!(fields(&redrive(json!({"until": "x"})).await), ["until"]);
}

#[tokio::test]
async fn a_large_redrive_takes_several_calls_and_meets_nothing_twice() {
    let stage = Stage::new().await;
    let path = stage.endpoint().await;
    for _ in 0..43 {
        let bundle = stage.events(&path, &["order.created"; 25]).await;
        stage.attempt(&bundle, vec![refused(400); 25]).await;
        stage.clock.advance_ms(1);
    }
    let redrive = async |body| stage.post(&format!("{path}/dead-letters/redrive"), body).await;
    let first = redrive(json!({"type": "order.created"})).await;
    assert_eq!((first.status, &first.body["redriven"]), (202, &json!(1_000)), "{}", first.body);
    // All of it fails again at once.
    stage.clock.advance_ms(1);
    let campaign = CampaignId::of_endpoint(&id_of(&path));
    for bundle in stage.store.bundles(&acme(), &campaign, None, 1_000).await.unwrap().items {
        if bundle.results.is_empty() {
            stage.attempt(&bundle, vec![refused(400); bundle.members.len()]).await;
        }
    }
    let second = redrive(first.body["next"].clone()).await;
    assert_eq!(second.body, json!({"redriven": 75, "left": 0, "next": null}));
    stage.store.fail_next("resend", StoreError::Unavailable("throttled".into()));
    assert_eq!(redrive(json!({})).await.status, 503);
    assert!(stage.audited().await.last().unwrap().starts_with("endpoint.redriven"), "what went is told of");
}

#[tokio::test]
async fn attempts_are_listed_from_the_log_with_their_events() {
    let stage = Stage::new().await;
    let path = stage.endpoint().await;
    let bundle = stage.events(&path, &["order.created", "user.created"]).await;
    let old = stage.store.claim(&acme(), &bundle.campaign, &bundle.id, START).await.unwrap().bundle;
    let mut new = old.clone();
    let (outcomes, answers): (Vec<Outcome>, Vec<Answer>) = [taken(), refused(400)].into_iter().unzip();
    let rules = domain::bundle::FinishRules {
        retry_policy: RetryPolicy::Manual,
        on_unknown: domain::channel::OnUnknown::Retry,
        class: domain::channel::ProviderClass::Deduplicates,
        jitter: 0.0,
        one_by_one: false,
    };
    new.finish(outcomes, rules, START);
    new.answers = answers;
    stage.store.finish(&acme(), &new, &[], true).await.unwrap();
    for (number, entry) in domain::log::of::attempts(Some(&old), &new).into_iter().enumerate() {
        let page = PageId::of(entry.at, [&[u8::try_from(number).unwrap()][..]]);
        stage.store.put_log_entry(&acme(), page, &entry).await.unwrap();
    }
    let list = async |query: &str| stage.get(&format!("{path}/attempts{query}")).await;
    let all = list("").await;
    assert_eq!(all.body["items"].as_array().unwrap().len(), 2, "{}", all.body);
    let failed = list("?status=failed").await.body["items"].clone();
    insta::assert_json_snapshot!(failed, {
        "[].id" => "[id]", "[].delivery_id" => "[delivery]", "[].event_id" => "[event]",
    }, @r#"
    [
      {
        "at": "2025-11-20T12:00:00.000Z",
        "delivery_id": "[delivery]",
        "duration_ms": 12,
        "error": {
          "code": "endpoint_refused",
          "detail": "HTTP 400 no",
          "fix": "Read its answer: often the signature check, a missing header or the path is the cause. It is retried by the retry policy.",
          "fix_ar": "اقرأ إجابتها: فغالبًا ما يكون السبب التحقق من التوقيع أو ترويسة ناقصة أو المسار. تُعاد المحاولة وفق السياسة.",
          "reason": "The endpoint refused the event (a 4xx answer).",
          "reason_ar": "رفضت نقطة النهاية الحدث (إجابة 4xx)."
        },
        "event_id": "[event]",
        "id": "[id]",
        "number": 1,
        "result": "failed",
        "status": 400,
        "type": "user.created"
      }
    ]
    "#);
    assert_eq!(list("?type=order.*").await.body["items"][0]["result"], "delivered");
    assert_eq!(list("?type=invoice.*").await.body["items"], json!([]));
    assert_eq!(list(&format!("?until={}", START.plus_ms(-MINUTE_MS).to_rfc3339())).await.body["items"], json!([]));
    let one = stage.get(&format!("{path}/attempts/{}", failed[0]["id"].as_str().unwrap())).await;
    assert_eq!((one.status, &one.body["body"]), (200, &json!("no")), "{}", one.body);
    assert_eq!(fields(&list("?status=lost").await), ["status"]);
    assert_eq!(fields(&list("?since=x").await), ["since"]);
}

impl Stage {
    fn clock_now(&self) -> domain::time::Timestamp {
        domain::time::Clock::now(&*self.clock)
    }
}

/// A body for a route with a delivery.
fn body_of(request: Option<&str>, stage: &Stage) -> Value {
    match request {
        None => Value::Null,
        Some("EndpointCreate") => stage.body(),
        Some("EndpointPatch") => json!({"name": "Mine now"}),
        Some("RecoverRequest") => json!({"since": START.to_rfc3339()}),
        Some(_) => json!({}),
    }
}

#[tokio::test]
async fn every_route_asks_for_its_scope_and_finds_ones_own_only() {
    use api::routes::{Access, ROUTES};
    let stage = Stage::new().await;
    let path = stage.endpoint().await;
    let delivery = stage.dead(&path, "order.created").await;
    let before = (stage.stored(&path).await, stage.audited().await);
    let mut tried = 0;
    for route in ROUTES.iter().filter(|route| route.function == "endpoints") {
        let Access::Scope(scope) = route.access else { panic!("{} is not public", route.path) };
        let id = id_of(&path).to_string();
        let target = [("{id}", id), ("{delivery_id}", delivery.to_string()), ("{attempt_id}", delivery.to_string())]
            .into_iter()
            .fold(route.path.to_owned(), |path, (name, value)| path.replace(name, &value));
        let (method, body): (Method, _) = (route.method.parse().unwrap(), body_of(route.request, &stage));
        let without = key_of("acme", "integrations:* hooks:* events:write");
        let refused = call(&stage.app, &without, method.clone(), &target, body.clone()).await;
        assert_eq!(refused.status, 403, "{method} {target}");
        assert!(refused.body["detail"].as_str().unwrap().contains(scope.as_str()));
        if route.path.contains('{') {
            let hidden = call(&stage.app, &key_of("globex", "*"), method.clone(), &target, body).await;
            assert_eq!((hidden.status, &hidden.body["code"]), (404, &json!("not_found")), "{method} {target}");
        }
        tried += 1;
    }
    assert_eq!(tried, 16);
    assert_eq!((stage.stored(&path).await, stage.audited().await), before, "nothing was changed");
    assert_eq!(
        call(&stage.app, &key_of("globex", "*"), Method::GET, "/v1/endpoints", Value::Null).await.body["items"],
        json!([])
    );
}

#[tokio::test]
async fn another_kind_of_integration_is_no_endpoint() {
    let stage = Stage::new().await;
    let mail = runtime::testing::integration(Provider::Smtp);
    let audit = crate::endpoints::entry(&caller(), "integration.created", &mail, String::new());
    stage.store.save_integration(&acme(), &mail, None, false, &audit).await.unwrap();
    assert_eq!(mail.channel(), Some(Channel::Email));
    assert_eq!(stage.get(&format!("/v1/endpoints/{}", mail.id)).await.status, 404);
    assert_eq!(stage.get("/v1/endpoints").await.body["items"], json!([]));
}

#[tokio::test]
async fn no_answer_to_anything_holds_a_secret() {
    let stage = Stage::today().await;
    let mut wanted = stage.body();
    wanted["secret"] = json!("whsec_Q0FOQVJZQ0FOQVJZQ0FOQVJZQ0FOQVJZ");
    let made = stage.post("/v1/endpoints", wanted.clone()).await;
    let path = made.headers["location"].clone();
    let delivery = stage.dead(&path, "order.created").await;
    let echo = Scripted { status: 400, body: "no".into(), ..Scripted::default() };
    stage.receivers.set_up("orders", Setup { then: echo, ..Setup::default() });
    wanted["events"] = json!(["Not good"]);
    wanted["headers"]["bad name"] = json!(CANARY);
    let answers = [
        made,
        stage.post("/v1/endpoints", wanted).await,
        stage.get(&path).await,
        stage.get("/v1/endpoints").await,
        stage.patch(&path, json!({"headers": {"Authorization": format!("{CANARY}-2")}})).await,
        stage.patch(&path, json!({"headers": [CANARY]})).await,
        stage
            .post(&format!("{path}/rotate-secret"), json!({"secret": "whsec_Q0FOQVJZQ0FOQVJZQ0FOQVJZQ0FOQVJaCANARY"}))
            .await,
        stage.post(&format!("{path}/rotate-secret"), json!({"secret": {"CANARY": 1}})).await,
        stage.post(&format!("{path}/test"), Value::Null).await,
        stage.get(&format!("{path}/deliveries/{delivery}")).await,
        stage.get(&format!("{path}/dead-letters")).await,
    ];
    for answer in answers {
        let text = format!("{answer:?}");
        assert!(!text.contains("CANARY") && !text.contains("Q0FOQVJZQ0"), "{text}");
    }
    let stored = format!("{:?} {:?}", *stage.store, stage.audited().await);
    assert!(!stored.contains("CANARY") && !stored.contains("Q0FOQVJZ"), "in the store");
}
