//! `trunkline logs`

use super::{
    Outcome,
    api::{self, Api, table, table_or},
};
use ::api::logs::{LogEntryDetail, LogEntryView, LogStats, STATS_HOURS_DEFAULT};
use clap::{Args as Arguments, Subcommand};
use comfy_table::{Cell, Color};
use domain::{
    ids::{CampaignId, HookId, IntegrationId},
    log::{Direction, EntryStatus, EntryType, LogId},
    time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, Timestamp},
};
use std::{
    io::Write as _,
    process::ExitCode,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use trunkline::{
    client::{Client, LogQuery},
    tail::Tail,
};

/// How often the log is asked for more.
const POLL: Duration = Duration::from_secs(2);

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    which: Which,
    /// Go on as more happens, the oldest first; an entry comes some seconds after what it tells of.
    #[arg(long, short)]
    follow: bool,
    /// At most this many, the newest.
    #[arg(long, default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    api: Api,
}

#[derive(Subcommand)]
enum Verb {
    /// One entry, with what its code means.
    Show {
        /// Which, `log_...`.
        id: LogId,
    },
    /// Counts, error rates and durations by type.
    Stats {
        /// How many hours back, up to 2,160.
        #[arg(long, default_value_t = STATS_HOURS_DEFAULT)]
        hours: u32,
    },
    /// Print all of it as CSV.
    Csv {
        #[command(flatten)]
        which: Which,
    },
}

/// Which entries.
#[derive(Arguments)]
#[command(next_help_heading = "Which entries")]
struct Which {
    /// Only of this type: api, delivery, webhook, probe, sync, automation.
    #[arg(long = "type", value_parser = kind)]
    kind: Option<EntryType>,
    /// Only inbound or outbound ones.
    #[arg(long, value_parser = direction)]
    direction: Option<Direction>,
    /// Only those that went like this: success, warning, error.
    #[arg(long, value_parser = status)]
    status: Option<EntryStatus>,
    /// Only of this integration, or endpoint.
    #[arg(long, value_name = "ID")]
    integration: Option<IntegrationId>,
    /// Only of this inbound webhook.
    #[arg(long, value_name = "ID")]
    hook: Option<HookId>,
    /// Only of this campaign.
    #[arg(long, value_name = "ID")]
    campaign: Option<CampaignId>,
    /// Only of this event, or beginning so: `delivery.*`
    #[arg(long)]
    event: Option<String>,
    /// Only with this code.
    #[arg(long)]
    code: Option<String>,
    /// Since when: `30s`, `15m`, `1h`, `7d`, or a time like 2026-11-20T10:00:00Z.
    #[arg(long, value_parser = Since::parse)]
    since: Option<Since>,
}

/// A moment, or how long ago it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Since {
    At(Timestamp),
    AgoMs(i64),
}

impl Since {
    fn parse(text: &str) -> Result<Self, String> {
        let units = [("s", SECOND_MS), ("m", MINUTE_MS), ("h", HOUR_MS), ("d", DAY_MS)];
        let ago = units.iter().find_map(|(unit, ms)| {
            let count: i64 = text.strip_suffix(unit)?.parse().ok().filter(|count| *count >= 0)?;
            count.checked_mul(*ms)
        });
        let at = || Timestamp::parse(text).map(Self::At);
        ago.map(Self::AgoMs).or_else(at).ok_or_else(|| "use 30s, 15m, 1h, 7d, or a time in RFC 3339".to_owned())
    }

    fn moment(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(moment) => moment,
            Self::AgoMs(span_ms) => now.plus_ms(-span_ms),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "what a person calls an hour ago is an hour before the command")]
fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

fn one_of<T: std::str::FromStr + std::fmt::Display>(text: &str, all: &[T]) -> Result<T, String> {
    let names: Vec<_> = all.iter().map(ToString::to_string).collect();
    text.parse().map_err(|_| format!("use one of {}", names.join(", ")))
}

fn kind(text: &str) -> Result<EntryType, String> {
    one_of(text, EntryType::ALL)
}

fn direction(text: &str) -> Result<Direction, String> {
    one_of(text, Direction::ALL)
}

fn status(text: &str) -> Result<EntryStatus, String> {
    one_of(text, EntryStatus::ALL)
}

impl Which {
    fn query(self) -> LogQuery {
        let Self { kind, direction, status, integration, hook, campaign, event, code, since } = self;
        let since = since.map(|since| since.moment(now()));
        LogQuery { kind, direction, status, integration, hook, campaign, event, code, since, until: None }
    }
}

pub(crate) async fn run(Args { verb, which, follow, limit, api }: Args) -> Outcome {
    api::ended(api.json, carry_out(verb, which, follow, limit, &api).await)
}

async fn carry_out(verb: Option<Verb>, which: Which, follow: bool, limit: usize, api: &Api) -> Outcome {
    let client = api.tenant()?;
    match verb {
        None if follow => followed(&client, which.query(), api.json).await,
        None => api.show(&client.logs(&which.query(), limit).await?, |entries| listed(entries)),
        Some(Verb::Show { id }) => api.show(&client.log_entry(id).await?, one),
        Some(Verb::Stats { hours }) => api.show(&client.log_stats(hours).await?, counted),
        Some(Verb::Csv { which }) => file(&client, which.query(), api.json).await,
    }
}

/// Prints what happens until it is ended.
async fn followed(client: &Client, query: LogQuery, json: bool) -> Outcome {
    let mut tail = Tail::since(query.since.unwrap_or_else(now));
    loop {
        let mut pages = Vec::new();
        let mut cursor = None;
        let asked = LogQuery { since: Some(tail.from()), ..query.clone() };
        loop {
            let page = client.logs_page(&asked, cursor.as_deref()).await?;
            pages.extend(page.items);
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        for entry in tail.fresh(pages) {
            if json {
                println!("{}", serde_json::to_string(&entry)?);
            } else {
                println!("{}", line(&entry));
            }
        }
        std::io::stdout().flush()?;
        tokio::time::sleep(POLL).await;
    }
}

async fn file(client: &Client, query: LogQuery, json: bool) -> Outcome {
    let mut next = None;
    let mut whole = String::new();
    loop {
        let (part, more) = client.logs_csv(&query, next.as_deref()).await?;
        // Each part has a heading of its own.
        let part = match next {
            None => part.as_str(),
            Some(_) => part.split_once("\r\n").map_or("", |(_, rows)| rows),
        };
        if json {
            whole.push_str(part.trim_start_matches('\u{feff}'));
        } else {
            print!("{part}");
        }
        next = more;
        if next.is_none() {
            break;
        }
    }
    if json {
        println!("{}", serde_json::json!({ "csv": whole }));
    }
    Ok(ExitCode::SUCCESS)
}

/// Green, yellow, red; the colour shows on a terminal only.
fn coloured(status: EntryStatus) -> Cell {
    let colour = match status {
        EntryStatus::Success => Color::Green,
        EntryStatus::Warning => Color::Yellow,
        EntryStatus::Error => Color::Red,
    };
    Cell::new(status.as_str()).fg(colour)
}

/// The most telling words of an entry.
fn gist(entry: &LogEntryView) -> String {
    let http = entry.http_status.map(|status| status.to_string());
    let times = (entry.count > 1).then(|| format!("{} times", entry.count));
    let with = [
        entry.hook_id.as_ref().map(ToString::to_string),
        entry.delivery_id.as_ref().map(ToString::to_string),
        entry.integration_id.as_ref().filter(|_| entry.delivery_id.is_none()).map(ToString::to_string),
    ];
    let words = [http, entry.code.clone(), entry.detail.clone(), times].into_iter().chain(with).flatten();
    words.collect::<Vec<_>>().join(" ")
}

fn took(entry: &LogEntryView) -> String {
    entry.duration_ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms} ms"))
}

fn listed(entries: &[LogEntryView]) -> String {
    let mut shown = table(["WHEN", "STATUS", "TYPE", "EVENT", "TOOK", "WHAT", "ENTRY"]);
    for it in entries {
        shown.add_row([
            Cell::new(&it.at),
            coloured(it.status),
            Cell::new(it.kind.as_str()),
            Cell::new(&it.event),
            Cell::new(took(it)),
            Cell::new(gist(it)),
            Cell::new(it.id),
        ]);
    }
    table_or(&shown, "Nothing of this kind is in the log.")
}

/// An entry on a line of its own: a table cannot be drawn before its end is known.
fn line(entry: &LogEntryView) -> String {
    let mut shown = comfy_table::Table::new();
    shown.load_preset(comfy_table::presets::NOTHING).add_row([
        Cell::new(&entry.at),
        coloured(entry.status),
        Cell::new(entry.kind.as_str()),
        Cell::new(&entry.event),
        Cell::new(took(entry)),
        Cell::new(gist(entry)),
    ]);
    shown.trim_fmt()
}

fn one(detail: &LogEntryDetail) -> String {
    let entry = &detail.entry;
    let mut shown = table(["", ""]);
    let text = serde_json::to_value(entry).unwrap_or_default();
    for (name, value) in text.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        shown.add_row([Cell::new(name), Cell::new(value)]);
    }
    for (name, words) in [("reason", &detail.reason), ("fix", &detail.fix)] {
        if let Some(words) = words {
            shown.add_row([Cell::new(name), Cell::new(words)]);
        }
    }
    shown.trim_fmt()
}

fn counted(stats: &LogStats) -> String {
    let mut shown = table(["TYPE", "COUNT", "SUCCESS", "WARNING", "ERROR", "ERROR RATE", "P50", "P95"]);
    let duration = |ms: Option<u64>| ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms} ms"));
    for it in &stats.types {
        shown.add_row([
            it.kind.as_str().to_owned(),
            it.count.to_string(),
            it.success.to_string(),
            it.warning.to_string(),
            it.error.to_string(),
            format!("{:.2} %", it.error_rate_percent),
            duration(it.p50_ms),
            duration(it.p95_ms),
        ]);
    }
    table_or(&shown, &format!("Nothing happened since {}.", stats.since))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_told_by_its_unit() {
        let now = Timestamp(1_763_640_000_000);
        for (text, moment) in [
            ("30s", now.plus_ms(-30_000)),
            ("1h", now.plus_ms(-HOUR_MS)),
            ("7d", now.plus_ms(-7 * DAY_MS)),
            ("2025-11-20T12:00:00Z", now),
        ] {
            assert_eq!(Since::parse(text).unwrap().moment(now), moment, "{text}");
        }
        for text in ["", "h", "-1h", "1w", "yesterday"] {
            assert!(Since::parse(text).is_err(), "{text}");
        }
    }
}
