//! The emulated AWS as an operator reaches it: tables, queues, functions and their logs. This is how tests look behind
//! the API and how they inject faults. Its protocols are plain JSON over HTTP, so no SDK is needed.

use crate::stack::Stack;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use std::collections::HashSet;

/// Calls to one stack's emulator.
pub(crate) struct Emulator {
    stack: &'static Stack,
    http: Client,
}

/// What a function answered.
#[derive(Debug)]
pub(crate) struct Invoked {
    /// Whether it failed instead of answering.
    pub(crate) failed: bool,
    pub(crate) answer: Value,
}

impl Emulator {
    pub(crate) fn of(stack: &'static Stack) -> Self {
        Self { stack, http: client() }
    }

    /// Every item of the tenant, in both tables, in the order of their keys: what an action has changed shows here.
    pub(crate) async fn items_of(&self, tenant: &str) -> Vec<Value> {
        let partition = format!("T#{tenant}#");
        let mut items = self.items("TenantTable").await;
        items.retain(|item| item["pk"]["S"].as_str().unwrap_or_default().starts_with(&partition));
        let auth = self.items("AuthTable").await;
        items.extend(auth.into_iter().filter(|item| item["tenant"]["S"] == *tenant));
        // What a key used of its limits is counted by every request, and every request is in the log.
        items.retain(|item| item["sk"]["S"] != "use");
        let log = [format!("T#{tenant}#LOG"), format!("T#{tenant}#LOGH")];
        items.retain(|item| !log.iter().any(|partition| item["pk"]["S"] == partition.as_str()));
        for item in items.iter_mut().filter_map(Value::as_object_mut) {
            // A key remembers a cheaper hash of itself when it is first used.
            item.remove("mac");
        }
        items.sort_by_key(|item| format!("{} {}", item["pk"]["S"], item["sk"]["S"]));
        items
    }

    /// Every item of a table.
    pub(crate) async fn items(&self, table: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut request = json!({"TableName": self.stack.outputs[table], "ConsistentRead": true});
        loop {
            let page = self.call("dynamodb", "DynamoDB_20120810.Scan", &request).await;
            items.extend(page["Items"].as_array().cloned().unwrap_or_default());
            match page.get("LastEvaluatedKey") {
                Some(last) => request["ExclusiveStartKey"] = last.clone(),
                None => return items,
            }
        }
    }

    /// Sets a number in an item, as time would.
    pub(crate) async fn set_number(&self, item: &Value, name: &str, value: i64) {
        self.set_number_in("TenantTable", item, name, value).await;
    }

    /// The same in either table.
    pub(crate) async fn set_number_in(&self, table: &str, item: &Value, name: &str, value: i64) {
        let request = json!({
            "TableName": self.stack.outputs[table],
            "Key": {"pk": item["pk"], "sk": item["sk"]},
            "UpdateExpression": "SET #n = :v",
            "ExpressionAttributeNames": {"#n": name},
            "ExpressionAttributeValues": {":v": {"N": value.to_string()}},
        });
        self.call("dynamodb", "DynamoDB_20120810.UpdateItem", &request).await;
    }

    /// Sets a text in an item, as somebody with access to the table could.
    pub(crate) async fn set_text(&self, key: &Value, name: &str, text: &str) {
        let request = json!({
            "TableName": self.stack.outputs["TenantTable"], "Key": key, "UpdateExpression": "SET #n = :v",
            "ExpressionAttributeNames": {"#n": name}, "ExpressionAttributeValues": {":v": {"S": text}},
        });
        self.call("dynamodb", "DynamoDB_20120810.UpdateItem", &request).await;
    }

    /// Deletes an item, as somebody with access to the table could.
    pub(crate) async fn delete_item(&self, key: &Value) {
        let request = json!({"TableName": self.stack.outputs["TenantTable"], "Key": key});
        self.call("dynamodb", "DynamoDB_20120810.DeleteItem", &request).await;
    }

    /// Puts a text on a queue; the id of the message.
    pub(crate) async fn queue(&self, queue: &str, body: &str) -> String {
        let request = json!({"QueueUrl": self.stack.outputs[queue], "MessageBody": body});
        let answer = self.call("sqs", "AmazonSQS.SendMessage", &request).await;
        answer["MessageId"].as_str().expect("a message has an id").to_owned()
    }

    /// How many messages wait in a queue or are being worked on.
    pub(crate) async fn messages_in(&self, queue: &str) -> u64 {
        let attributes = self.attributes(queue).await;
        let number = |name: &str| number_in(&attributes[name]);
        number("ApproximateNumberOfMessages") + number("ApproximateNumberOfMessagesNotVisible")
    }

    /// For how many seconds a queue hides a message that was received.
    pub(crate) async fn hides_for_s(&self, queue: &str) -> u64 {
        number_in(&self.attributes(queue).await["VisibilityTimeout"])
    }

    async fn attributes(&self, queue: &str) -> Value {
        let request = json!({"QueueUrl": self.stack.outputs[queue], "AttributeNames": ["All"]});
        self.call("sqs", "AmazonSQS.GetQueueAttributes", &request).await["Attributes"].clone()
    }

    /// Invokes a function and waits for its answer.
    pub(crate) async fn invoke(&self, function: &str, event: &Value) -> Invoked {
        let request = self.function(Method::POST, function, "invocations").json(event);
        let response = request.send().await.expect("the emulator answers");
        let failed = response.headers().contains_key("x-amz-function-error");
        Invoked { failed, answer: response.json().await.unwrap_or_default() }
    }

    /// After how many seconds a function is ended.
    pub(crate) async fn limit_s(&self, function: &str) -> u64 {
        self.configuration(function).await["Timeout"].as_u64().expect("a function has a limit")
    }

    /// Changes a variable in a function's environment and gives back what it was.
    pub(crate) async fn set_variable(&self, function: &str, name: &str, value: &str) -> String {
        let mut variables = self.configuration(function).await["Environment"]["Variables"].clone();
        let before = variables[name].as_str().expect("the variable is there").to_owned();
        variables[name] = value.into();
        let change = json!({"Environment": {"Variables": variables}});
        let request = self.function(Method::PUT, function, "configuration").json(&change);
        let changed = request.send().await.expect("the emulator answers");
        assert!(changed.status().is_success(), "{changed:?}");
        before
    }

    async fn configuration(&self, function: &str) -> Value {
        let request = self.function(Method::GET, function, "configuration");
        request.send().await.expect("the emulator answers").json().await.expect("it speaks JSON")
    }

    fn function(&self, method: Method, function: &str, what: &str) -> RequestBuilder {
        let url = format!("{}/2015-03-31/functions/{}/{what}", self.stack.endpoint, self.stack.functions[function]);
        self.http.request(method, url).header("authorization", credential("lambda"))
    }

    /// All that a function has logged, a line each.
    pub(crate) async fn logs(&self, function: &str) -> Vec<String> {
        let (mut lines, mut known, mut since) = (Vec::new(), HashSet::new(), 0);
        loop {
            // The emulator gives 10,000 events and no token to go on with, so what follows is asked for by its time.
            let request = json!({"logGroupName": self.stack.log_groups[function], "startTime": since});
            let page = self.call("logs", "Logs_20140328.FilterLogEvents", &request).await;
            let before = known.len();
            for event in page["events"].as_array().into_iter().flatten() {
                since = event["timestamp"].as_i64().expect("an event has its time");
                if known.insert(event.to_string()) {
                    lines.push(event["message"].as_str().expect("an event has its message").to_owned());
                }
            }
            if known.len() == before {
                return lines;
            }
        }
    }

    async fn call(&self, service: &str, target: &str, body: &Value) -> Value {
        let request = self
            .http
            .post(&self.stack.endpoint)
            .header("x-amz-target", target)
            .header("content-type", "application/x-amz-json-1.0")
            .header("authorization", credential(service))
            .body(body.to_string());
        let response = request.send().await.expect("the emulator answers");
        let status = response.status();
        let answer: Value = response.json().await.expect("the emulator speaks JSON");
        assert!(status.is_success(), "{target}: {status} {answer}");
        answer
    }
}

/// Numbers of queues are texts.
fn number_in(text: &Value) -> u64 {
    text.as_str().and_then(|text| text.parse().ok()).expect("a number")
}

/// The emulator reads service and region out of a signature, and checks nothing else of it.
fn credential(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
    )
}

/// A client for addresses on loopback.
#[expect(clippy::disallowed_methods, reason = "it speaks to the stack on loopback, which no tenant chose")]
pub(crate) fn client() -> Client {
    // reqwest is built without a TLS provider of its own; that another test was first is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().build().expect("a client without special wishes")
}
