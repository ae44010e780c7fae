//! A tenant of its own for each test, with what its people do most.

use crate::{
    await_until::await_until,
    emulator::{Emulator, client},
    inbox::{self, Mail},
    stack::Stack,
};
use domain::ids::IntegrationId;
use reqwest::{Client, Method, RequestBuilder, header::HeaderMap};
use serde_json::{Value, json};
use std::{
    fmt::Write,
    fs,
    sync::{Mutex, PoisonError},
};

/// A tenant and the key it calls with.
pub(crate) struct Tenant {
    pub(crate) stack: &'static Stack,
    pub(crate) id: String,
    /// Its own number, for what may only hold digits.
    pub(crate) digits: String,
    pub(crate) key: String,
    pub(crate) aws: Emulator,
    http: Client,
    answers: Mutex<String>,
}

/// What the API answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    /// The body, if it is JSON.
    pub(crate) body: Value,
}

impl Answer {
    /// The body, if the status is as expected.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.body
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Tenant {
    /// A new tenant of the shared stack, with a key that may do everything.
    pub(crate) async fn new() -> Self {
        Self::on(Stack::shared()).await
    }

    /// A new tenant of a stack.
    pub(crate) async fn on(stack: &'static Stack) -> Self {
        // As good a source of unique names as any: a ULID.
        let unique = IntegrationId::generate().to_string();
        let unique = unique.trim_start_matches("int_");
        let mut tenant = Self {
            stack,
            id: format!("t{}", unique.to_lowercase()),
            digits: unique.bytes().rev().take(12).map(|byte| char::from(b'0' + byte % 10)).collect(),
            key: stack.operator_key.clone(),
            aws: Emulator::of(stack),
            http: client(),
            answers: Mutex::default(),
        };
        tenant.post("/v1/tenants", &json!({"id": tenant.id, "name": "Acme"})).await.expect(201);
        tenant.key = tenant.operators_key(&["*"]).await;
        tenant.answers = Mutex::default();
        tenant
    }

    /// A key of this tenant, made by the operator.
    async fn operators_key(&self, scopes: &[&str]) -> String {
        // Tests wait by asking again and again.
        let wanted = json!({"name": "first", "scopes": scopes, "tier": "premium"});
        let request = self.request(Method::POST, "/v1/keys").bearer_auth(&self.stack.operator_key).json(&wanted);
        let made = self.ask(request.header("X-Trunkline-Tenant", &self.id)).await.expect(201);
        made["key"].as_str().expect("a key is shown when it is made").to_owned()
    }

    /// Another caller of the same tenant, whose key may do only this.
    pub(crate) async fn with_scopes(&self, scopes: &[&str]) -> Self {
        let key = self.operators_key(scopes).await;
        self.with_key(key)
    }

    /// The same tenant called with another key.
    pub(crate) fn with_key(&self, key: String) -> Self {
        Self {
            stack: self.stack,
            id: self.id.clone(),
            digits: self.digits.clone(),
            key,
            aws: Emulator::of(self.stack),
            http: client(),
            answers: Mutex::default(),
        }
    }

    // ---- Calls ------------------------------------------------------------------------------------------------------

    /// A request without a credential.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.stack.api_url))
    }

    /// Sends a request as it is and keeps the answer in the transcript.
    pub(crate) async fn ask(&self, request: RequestBuilder) -> Answer {
        let response = request.send().await.expect("the API answers");
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.expect("the answer is text");
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = write!(answers, "{status} {headers:?}\n{text}\n");
        Answer { status, headers, body: serde_json::from_str(&text).unwrap_or_default(), text }
    }

    /// Everything the API has answered so far.
    pub(crate) fn transcript(&self) -> String {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Calls the API with the tenant's key; `null` sends no body.
    pub(crate) async fn call(&self, method: Method, path: &str, body: &Value) -> Answer {
        let request = self.request(method, path).bearer_auth(&self.key);
        self.ask(if body.is_null() { request } else { request.json(body) }).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, &Value::Null).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::POST, path, body).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::PUT, path, body).await
    }

    // ---- Integrations -----------------------------------------------------------------------------------------------

    /// An e-mail integration with the stack's mail server, as a body to be sent.
    pub(crate) fn email_settings(&self) -> Value {
        let smtp = &self.stack.smtp;
        let authority = fs::read_to_string(&smtp.ca_file).expect("the mail server's authority is there");
        json!({
            "provider": "smtp", "name": "Company mail",
            "config": {
                "host": smtp.host, "port": smtp.port, "security": "starttls", "username": smtp.username,
                "from_address": "news@acme.example", "from_name": "أكمي", "ca_certificate": authority,
            },
            "secrets": {"password": smtp.password},
            "probe_interval_minutes": 60,
        })
    }

    /// A Slack integration with the stack's double, as a body to be sent.
    pub(crate) fn slack_settings(&self) -> Value {
        json!({
            "provider": "slack", "name": "Company Slack",
            "config": {"mode": "bot_token", "channel": self.channel("")},
            "secrets": {"bot_token": format!("xoxb-good-{}", self.digits)},
            "probe_interval_minutes": 60,
        })
    }

    /// Creates an integration; its id.
    pub(crate) async fn create(&self, settings: &Value) -> String {
        let made = self.post("/v1/integrations", settings).await.expect(201);
        made["id"].as_str().expect("an integration has an id").to_owned()
    }

    pub(crate) async fn email(&self) -> String {
        self.create(&self.email_settings()).await
    }

    pub(crate) async fn slack(&self) -> String {
        self.create(&self.slack_settings()).await
    }

    /// An address of this tenant alone; its local part chooses what the mail server does.
    pub(crate) fn address(&self, local_part: &str) -> String {
        format!("{local_part}@{}", self.domain())
    }

    /// What this tenant's addresses end with.
    pub(crate) fn domain(&self) -> String {
        format!("{}.example", self.id)
    }

    /// A Slack channel of this tenant alone; the behaviour chooses what the double does.
    pub(crate) fn channel(&self, behaviour: &str) -> String {
        format!("C{}{behaviour}", self.digits)
    }

    // ---- Campaigns --------------------------------------------------------------------------------------------------

    /// Sends a plain message and expects it to be accepted; the ids of the deliveries.
    pub(crate) async fn send(&self, campaign: &str, channel: &str, addresses: &[String]) -> Vec<String> {
        self.send_through(campaign, channel, None, addresses).await
    }

    /// The same through one integration.
    pub(crate) async fn send_through(
        &self,
        campaign: &str,
        channel: &str,
        integration: Option<&str>,
        addresses: &[String],
    ) -> Vec<String> {
        let mut request = message(channel, addresses);
        if let Some(integration) = integration {
            request["integration_id"] = integration.into();
        }
        let accepted = self.post(&format!("/v1/campaigns/{campaign}/deliveries"), &request).await.expect(202);
        let deliveries = accepted["deliveries"].as_array().expect("each delivery is told");
        deliveries.iter().filter_map(|delivery| delivery["id"].as_str().map(str::to_owned)).collect()
    }

    /// A campaign's totals, without those that are zero.
    pub(crate) async fn totals(&self, campaign: &str) -> Value {
        let campaign = self.get(&format!("/v1/campaigns/{campaign}")).await.expect(200);
        let mut totals = campaign["totals"].clone();
        if let Some(totals) = totals.as_object_mut() {
            totals.retain(|_, count| *count != 0);
        }
        totals
    }

    /// Waits until a campaign's totals hold all of this.
    pub(crate) async fn await_totals(&self, campaign: &str, expected: Value) -> Value {
        let expected = expected.as_object().expect("counts by status").clone();
        await_until(&format!("the totals of {campaign} become {expected:?}"), async || {
            let totals = self.totals(campaign).await;
            if expected.iter().all(|(status, count)| totals[status] == *count) { Ok(totals) } else { Err(totals) }
        })
        .await
    }

    /// Waits until nothing more happens by itself; the totals.
    pub(crate) async fn settled(&self, campaign: &str) -> Value {
        self.await_totals(campaign, json!({"settled": true})).await
    }

    /// One delivery with all its attempts.
    pub(crate) async fn delivery(&self, campaign: &str, id: &str) -> Value {
        self.get(&format!("/v1/campaigns/{campaign}/deliveries/{id}")).await.expect(200)
    }

    /// Every delivery of a campaign, over all pages.
    pub(crate) async fn deliveries(&self, campaign: &str) -> Vec<Value> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("/v1/campaigns/{campaign}/deliveries?limit=50{cursor}")).await.expect(200);
            all.extend(page["items"].as_array().cloned().unwrap_or_default());
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return all,
            }
        }
    }

    // ---- What came of it --------------------------------------------------------------------------------------------

    /// The mail that its recipients received.
    pub(crate) fn mail(&self) -> Vec<Mail> {
        inbox::received(self.stack, &self.domain())
    }

    /// How often an address received something.
    pub(crate) fn mails_to(&self, local_part: &str) -> usize {
        let address = self.address(local_part);
        self.mail().iter().filter(|mail| mail.to == address).count()
    }

    /// What is stored of it.
    pub(crate) async fn items(&self) -> Vec<Value> {
        self.aws.items_of(&self.id).await
    }
}

/// A request to send the same plain message to each address.
pub(crate) fn message(channel: &str, addresses: &[String]) -> Value {
    let recipients: Vec<Value> = addresses
        .iter()
        .enumerate()
        .map(|(number, address)| json!({"user_id": format!("u{number}"), "address": address}))
        .collect();
    json!({"channel": channel, "message": {"subject": "News", "text": "There is news."}, "recipients": recipients})
}
