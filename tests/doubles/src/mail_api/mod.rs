//! Doubles of the e-mail APIs on one port: `SendGrid` below `/sendgrid`, Postmark below `/postmark`, Amazon SES below
//! `/ses`.
//!
//! They check method, path, headers, login and the shape of the message, and refuse fields that they do not know, so
//! that a misspelt one shows. Contracts: "Mail Send", "Email Activity" and "Errors" in Twilio's `SendGrid` API reference;
//! "Email API", "Messages API" and "Overview" at postmarkapp.com/developer/api; "`SendEmail`" and "`GetAccount`" in the Amazon
//! SES API v2 Reference.
//!
//! | `SendGrid` key | Postmark token | Answer |
//! |---|---|---|
//! | `SG.good...` | `good-...` | accepted |
//! | `SG.noscope...` | | the scopes lack `mail.send`; sending answers 403 `access forbidden` |
//! | `SG.credits...` | `credits-...` | the test passes; sending answers 401 `Maximum credits exceeded`, or code 405 |
//! | `SG.blocked...` | `suspended-...` | the test passes; 403 temporary block, or code 413 |
//! | | `pending-...` | the test passes; code 412 |
//! | `SG.residency...` | | 451 |
//! | `SG.activity...` | | accepted, and may search the Email Activity feed; all others are answered 403 there |
//! | any other | any other | 401 |
//!
//! | SES access key id | Answer |
//! |---|---|
//! | `AKIAGOOD...` | accepted |
//! | `AKIASANDBOX...` | recipients that do not begin with `verified` are refused as not verified |
//! | `AKIAPAUSED...`, `AKIASUSPENDED...` | sending is paused, or the account suspended; the test tells |
//! | `AKIADENIED...` | 403 `AccessDeniedException` |
//! | `AKIAQUOTA...` | the test passes; sending answers `LimitExceededException` |
//! | any other, or a signature that is not right | 403 |
//!
//! All of them have the secret access key [`SES_SECRET_ACCESS_KEY`].
//!
//! | The sender's local part | `SendGrid` | Postmark | SES |
//! |---|---|---|---|
//! | `unverified` | 403, field `from` | code 400 | `MessageRejected` |
//! | `unconfirmed` | 403, field `from` | code 401 | `MailFromDomainNotVerifiedException` |
//!
//! | The recipient's local part begins with | `SendGrid` | Postmark |
//! |---|---|---|
//! | `invalid` | 400 for `personalizations.0.to.0.email` | code 300 |
//! | `inactive` | accepted; real ones drop it later | code 406 |
//! | `rate` and a number | at the first call 429; the limit is renewed after as many seconds | 429 without a time |
//! | `flaky` | at the first call 500, then accepted | the same |
//! | `down` | always 503 | 503 with code 100 |
//! | `hang` | no answer, not accepted | the same |
//! | `lost` | accepted, but no answer | the same |
//! | anything else | accepted | accepted |
//!
//! SES does as Postmark does, but takes messages to `inactive` recipients, and says `BadRequestException` to `invalid` ones.
//!
//! Messages that were accepted are found by their delivery, as are `lost` ones; one to a recipient that begins with `late` at
//! the second search only. Postmark knows the streams `outbound` and `broadcast`; any other is code 1235. SES knows the
//! configuration set `trunkline`; any other is 404.

mod postmark;
mod reports;
mod sendgrid;
mod server;
mod ses;

pub use reports::{Posting, Wanted};
pub use ses::{SES_SECRET_ACCESS_KEY, SesEvent};

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{net::TcpListener, task::JoinHandle};

/// The running doubles. They stop when this is dropped.
#[derive(Debug)]
pub struct MailApiDouble {
    address: SocketAddr,
    state: Shared,
    server: JoinHandle<()>,
}

/// Which of the doubles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Which {
    /// `SendGrid`.
    Sendgrid,
    /// Postmark.
    Postmark,
    /// Amazon SES.
    Ses,
}

/// One call that a provider would have seen.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Call {
    /// Whose API was called.
    pub provider: Which,
    /// The path, e.g. `/v3/mail/send`.
    pub path: String,
    /// The recipient; empty where there is none.
    pub recipient: String,
    /// The delivery that the message is tagged with; empty where there is none.
    pub delivery: String,
    /// The id that was given to the message, if it was accepted.
    pub message_id: Option<String>,
    /// The status that was answered; `hang` or `lost` where nothing was.
    pub outcome: String,
    /// The body, if it was JSON.
    pub body: Value,
}

/// How often a recipient was written to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Count {
    /// Calls that tried to send.
    pub calls: u64,
    /// Those that were accepted.
    pub accepted: u64,
}

/// What attempts to send are answered with while it is set. `{}` ends it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Script {
    /// Whose attempts; both if absent.
    #[serde(default)]
    pub provider: Option<Which>,
    /// An HTTP status such as 503; absent ends the script.
    #[serde(default)]
    pub fail: Option<u16>,
    /// The `Retry-After` of the answer, in seconds.
    #[serde(default)]
    pub retry_after: Option<u64>,
}

/// What the doubles have seen. Also the answer of `GET /_double/requests`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Record {
    /// Accepted messages.
    pub accepted: u64,
    /// By recipient.
    pub by_recipient: BTreeMap<String, Count>,
    /// Calls to paths that the providers do not have. A test should find none.
    pub strays: Vec<String>,
    /// Every call, oldest first.
    pub requests: Vec<Call>,
}

#[derive(Debug, Default)]
struct State {
    record: Record,
    script: Script,
    /// The number of the newest message; message ids never repeat.
    messages: u64,
    /// How often a search was made for each delivery.
    searches: BTreeMap<String, u64>,
}

type Shared = Arc<Mutex<State>>;

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MailApiDouble {
    /// Starts the doubles on loopback; port 0 takes a free one.
    pub async fn start(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let address = listener.local_addr()?;
        let state = Shared::default();
        let router = server::router(Arc::clone(&state));
        let server = tokio::spawn(async move {
            // Ends only when the task is aborted.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, state, server })
    }

    /// The base URL, e.g. `http://127.0.0.1:40123`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The URL in place of `https://api.sendgrid.com`.
    pub fn sendgrid_url(&self) -> String {
        format!("{}/sendgrid", self.url())
    }

    /// The URL in place of `https://api.postmarkapp.com`.
    pub fn postmark_url(&self) -> String {
        format!("{}/postmark", self.url())
    }

    /// What they have seen so far.
    pub fn record(&self) -> Record {
        lock(&self.state).record.clone()
    }

    /// Makes attempts to send fail, or ends that.
    pub fn script(&self, script: Script) {
        lock(&self.state).script = script;
    }

    /// Forgets all calls and the script.
    pub fn reset(&self) {
        lock(&self.state).reset();
    }
}

impl Drop for MailApiDouble {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// An attempt to send, as far as its provider has read it.
struct Attempt<'a> {
    provider: Which,
    path: &'static str,
    recipient: &'a str,
    delivery: &'a str,
    /// Refused before the recipient could decide: the status and the body of the refusal.
    refused: Option<(StatusCode, Value)>,
    /// A message that is only checked gets no id.
    sandbox: bool,
    body: &'a Value,
}

/// What happens to an attempt to send.
#[derive(Debug, PartialEq)]
enum Verdict {
    /// Accepted under this number; `None` where it was only checked.
    Accepted(Option<u64>),
    /// Refused for what it is.
    Refused(StatusCode, Value),
    /// The recipient is not an address.
    Invalid,
    /// The recipient is on the provider's list of dead addresses.
    Inactive,
    /// Too many requests; the limit is renewed after so many seconds.
    Limited(u64),
    /// A bad moment with this status.
    Failing(StatusCode, Option<u64>),
    /// No answer.
    Hang,
    /// Accepted under this number, but no answer.
    Lost(u64),
}

impl State {
    /// Message ids go on, because real ones never repeat either.
    fn reset(&mut self) {
        *self = Self { messages: self.messages, ..Self::default() };
    }

    /// Decides about an attempt.
    fn judge(&mut self, attempt: &Attempt<'_>) -> Verdict {
        let first = !self.record.by_recipient.contains_key(attempt.recipient);
        let scripted = self.script.fail.filter(|_| self.script.provider.is_none_or(|which| which == attempt.provider));
        let verdict = match (&attempt.refused, scripted) {
            (Some((status, body)), _) => Verdict::Refused(*status, body.clone()),
            (None, Some(status)) => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                Verdict::Failing(status, self.script.retry_after)
            }
            (None, None) => self.decide(attempt.provider, attempt.recipient, first),
        };
        let count = self.record.by_recipient.entry(attempt.recipient.to_owned()).or_default();
        count.calls += 1;
        if matches!(verdict, Verdict::Accepted(_) | Verdict::Lost(_)) {
            count.accepted += 1;
            self.record.accepted += 1;
        }
        if attempt.sandbox && matches!(verdict, Verdict::Accepted(_)) {
            return Verdict::Accepted(None);
        }
        verdict
    }

    fn decide(&mut self, provider: Which, recipient: &str, first: bool) -> Verdict {
        let is = |word: &str| recipient.starts_with(word);
        let rate = recipient.strip_prefix("rate").map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next());
        let seconds = rate.flatten().and_then(|digits| digits.parse().ok());
        match seconds {
            Some(seconds) if first => return Verdict::Limited(seconds),
            _ if is("invalid") => return Verdict::Invalid,
            // SendGrid takes such a message and drops it later, which only an event tells.
            _ if is("inactive") && provider == Which::Postmark => return Verdict::Inactive,
            _ if is("flaky") && first => return Verdict::Failing(StatusCode::INTERNAL_SERVER_ERROR, None),
            _ if is("down") => return Verdict::Failing(StatusCode::SERVICE_UNAVAILABLE, None),
            _ if is("hang") => return Verdict::Hang,
            _ => {}
        }
        self.messages += 1;
        if is("lost") { Verdict::Lost(self.messages) } else { Verdict::Accepted(Some(self.messages)) }
    }

    /// The message that was taken for a delivery, where a search sees it. Counts how often each recipient was searched.
    fn search(&mut self, provider: Which, delivery: &str) -> Option<Call> {
        let taken = |call: &&Call| call.provider == provider && call.delivery == delivery && call.message_id.is_some();
        let found = self.record.requests.iter().find(taken)?.clone();
        let searches = self.searches.entry(delivery.to_owned()).or_default();
        *searches += 1;
        (*searches > 1 || !found.recipient.starts_with("late")).then_some(found)
    }

    fn note(&mut self, attempt: &Attempt<'_>, outcome: String, message_id: Option<String>) {
        self.record.requests.push(Call {
            provider: attempt.provider,
            path: attempt.path.to_owned(),
            recipient: attempt.recipient.to_owned(),
            delivery: attempt.delivery.to_owned(),
            message_id,
            outcome,
            body: attempt.body.clone(),
        });
    }
}

/// Whether the content type is JSON.
fn is_json(content_type: Option<&str>) -> bool {
    content_type.and_then(|kind| kind.split(';').next()).is_some_and(|kind| kind.trim() == "application/json")
}

/// The local part of an address, or the whole text where it is none.
fn local_part(address: &str) -> &str {
    address.split('@').next().unwrap_or(address)
}

/// Whether a text looks like an address in ASCII.
fn is_address(text: &str) -> bool {
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && !b",;<>\"".contains(&byte));
    plain
        && text
            .split_once('@')
            .is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.') && !domain.contains('@'))
}
