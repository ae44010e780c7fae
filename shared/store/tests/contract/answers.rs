//! What DynamoDB may answer and no emulator does: scripted.

use crate::fixtures::{NOON, SENT, acme, audit, bundle_of, done, next, payload, request, spring};
use aws_sdk_dynamodb::{
    Client,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig},
};
use aws_smithy_runtime_api::{
    client::{
        http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};
use trunkline_store::{
    Audit as _, Bundles as _, ClaimError, StoreError,
    dynamo::{DynamoStore, Tables},
};

/// What comes back.
#[derive(Clone, Debug)]
enum Answer {
    Json(u16, Value),
    NoneInTime,
}

/// Gives the scripted answers in turn and keeps what it was asked.
#[derive(Clone, Debug, Default)]
struct Script {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    requests: Arc<Mutex<Vec<Value>>>,
}

impl HttpConnector for Script {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        self.requests.lock().unwrap().push(body);
        let answer = self.answers.lock().unwrap().pop_front().unwrap();
        HttpConnectorFuture::ready(match answer {
            Answer::NoneInTime => Err(ConnectorError::timeout("no answer came".into())),
            Answer::Json(status, body) => {
                Ok(HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(body.to_string())))
            }
        })
    }
}

/// A store to which DynamoDB gives these answers.
fn scripted(answers: impl IntoIterator<Item = Answer>) -> (DynamoStore, Script) {
    let script = Script { answers: Arc::new(Mutex::new(answers.into_iter().collect())), ..Script::default() };
    let connector = script.clone();
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .http_client(http_client_fn(move |_, _| SharedHttpConnector::new(connector.clone())))
        .build();
    let tables = Tables { tenant: "tenant".to_owned(), auth: "auth".to_owned() };
    (DynamoStore::new(Client::from_conf(config), tables), script)
}

fn ok(body: Value) -> Answer {
    Answer::Json(200, body)
}

fn error(code: &str) -> Answer {
    let kind = format!("com.amazonaws.dynamodb.v20120810#{code}");
    Answer::Json(400, json!({"__type": kind, "message": "a secret value is wrong"}))
}

fn cancelled(reasons: &[&str]) -> Answer {
    let reasons: Vec<_> = reasons.iter().map(|code| json!({"Code": code})).collect();
    let kind = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException";
    Answer::Json(400, json!({"__type": kind, "message": "cancelled", "CancellationReasons": reasons}))
}

#[tokio::test(start_paused = true)]
async fn what_a_batch_left_over_is_written_again() {
    let request = request(2);
    let bundles: Vec<_> = (0..2).map(|number| (bundle_of(&request, Some(number), 1), payload(1))).collect();
    let left = json!([{"PutRequest": {"Item": {"pk": {"S": "p"}, "sk": {"S": "left over"}}}}]);
    let (store, script) =
        scripted([ok(json!({"UnprocessedItems": {"tenant": left}})), ok(json!({"UnprocessedItems": {}}))]);
    store.write_bundles(&acme(), &bundles, false).await.unwrap();
    let requests = script.requests.lock().unwrap().clone();
    assert_eq!(requests[0]["RequestItems"]["tenant"].as_array().unwrap().len(), 4);
    assert_eq!(requests[1]["RequestItems"]["tenant"], left);

    let (store, script) = scripted((0..8).map(|_| ok(json!({"UnprocessedItems": {"tenant": left}}))));
    let answer = store.write_bundles(&acme(), &bundles, false).await;
    assert!(matches!(answer, Err(StoreError::Unavailable(_))), "nobody waits for ever");
    assert_eq!(script.requests.lock().unwrap().len(), 8);
}

#[tokio::test(start_paused = true)]
async fn what_a_batch_did_not_read_is_read_again() {
    let id = bundle_of(&request(1), Some(0), 1).id;
    let key = json!({"pk": {"S": "T#acme#C#spring"}, "sk": {"S": format!("P#{}#00000", id.request)}});
    let mut item = key.clone();
    item["p"] = json!({"L": [{"M": {"u": {"S": "u1"}, "a": {"S": "u1@example.com"}}}]});
    let (store, script) = scripted([
        ok(json!({"Responses": {"tenant": []}, "UnprocessedKeys": {"tenant": {"Keys": [key]}}})),
        ok(json!({"Responses": {"tenant": [item]}, "UnprocessedKeys": {}})),
    ]);
    let found = store.payloads(&acme(), &spring(), &[id]).await.unwrap();
    assert_eq!(found[0].as_ref().unwrap().recipients[0].address, "u1@example.com");
    assert_eq!(script.requests.lock().unwrap()[1]["RequestItems"]["tenant"]["Keys"], json!([key]));
}

#[tokio::test(start_paused = true)]
async fn only_the_audit_record_is_made_anew_when_somebody_was_faster() {
    let head = || ok(json!({"Item": {"seq": {"N": "1"}, "hash": {"S": "0c"}}}));
    let empty = || ok(json!({"Items": []}));
    let (store, script) = scripted([
        head(),
        cancelled(&["ConditionalCheckFailed", "None"]),
        head(),
        empty(),
        cancelled(&["TransactionConflict", "None"]),
        head(),
        empty(),
        ok(json!({})),
    ]);
    store.append_audit(&acme(), &audit("something.happened")).await.unwrap();
    assert_eq!(script.requests.lock().unwrap().len(), 8);

    let lost = || cancelled(&["None", "ConditionalCheckFailed"]);
    let busy = [head(), lost()].into_iter().chain((0..11).flat_map(|_| [head(), empty(), lost()]));
    let (store, script) = scripted(busy);
    let answer = store.append_audit(&acme(), &audit("something.happened")).await;
    assert!(matches!(answer, Err(StoreError::Unavailable(_))), "nobody waits for ever");
    assert_eq!(script.requests.lock().unwrap().len(), 35);
}

#[tokio::test(start_paused = true)]
async fn a_change_that_met_another_transaction_is_made_again() {
    let bundle = bundle_of(&request(1), Some(0), 1);
    let sent = done(&bundle, &SENT);
    let (store, _) = scripted([error("TransactionConflictException"), ok(json!({}))]);
    assert_eq!(store.finish(&acme(), &sent, &[], false).await, Ok(()));
    let (store, _) = scripted([cancelled(&["TransactionConflict", "None"]), ok(json!({}))]);
    assert_eq!(store.finish(&acme(), &sent, &[next(&bundle, 0, NOON)], false).await, Ok(()));
    let (store, _) = scripted([cancelled(&["ConditionalCheckFailed", "None"])]);
    let gone = store.finish(&acme(), &sent, &[next(&bundle, 0, NOON)], false).await;
    assert_eq!(gone, Err(StoreError::Conflict));
    let (store, _) = scripted([cancelled(&["ValidationError", "None"])]);
    let wrong = store.finish(&acme(), &sent, &[next(&bundle, 0, NOON)], false).await;
    assert!(matches!(wrong, Err(StoreError::Unavailable(_))), "a defect is not tried again");
}

#[tokio::test(start_paused = true)]
async fn infrastructure_faults_tell_the_code_and_no_content() {
    let id = bundle_of(&request(1), Some(0), 1).id;
    for (answer, told) in [
        (error("ProvisionedThroughputExceededException"), "UpdateItem: ProvisionedThroughputExceededException"),
        (error("ValidationException"), "UpdateItem: ValidationException"),
        (Answer::NoneInTime, "UpdateItem: timeout"),
        (Answer::Json(500, json!({})), "UpdateItem: unknown error"),
    ] {
        let (store, _) = scripted([answer]);
        let fault = store.claim(&acme(), &spring(), &id, NOON).await;
        assert_eq!(fault, Err(ClaimError::Store(StoreError::Unavailable(told.to_owned()))));
    }
}
