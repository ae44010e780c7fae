//! Whom the channels reach, and how many of them meet a bad moment of the provider's.

use super::Fallible;
use api::campaigns::RecipientBody;
use domain::{channel::Channel, template::Locale};
use std::collections::BTreeMap;

/// Recipients that a request names where each has an address of their own.
const MANY: usize = 50;
/// Every so manieth recipient meets a provider that fails at first: 1 %.
const BAD_MOMENT_EVERY: u32 = 100;

/// A channel as it is measured: some provider, and the word by which that provider's double fails at first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    pub(super) name: &'static str,
    pub(super) channel: Channel,
    pub(super) template: &'static str,
    /// Recipients that one request names: an address may stand in it only once.
    pub(super) a_request: usize,
    address: fn(number: u32, bad_moment: bool) -> String,
}

pub(super) const SMTP: Way = Way {
    name: "e-mail by SMTP",
    channel: Channel::Email,
    template: "trunkline.email.invitation",
    a_request: MANY,
    address: |number, bad| format!("{}-{number}@smtp.acme.example", if bad { "later-451" } else { "reader" }),
};
pub(super) const API: Way = Way {
    name: "e-mail by an API",
    channel: Channel::Email,
    template: "trunkline.email.invitation",
    a_request: MANY,
    address: |number, bad| format!("{}-{number}@api.acme.example", if bad { "flaky" } else { "reader" }),
};
pub(super) const SLACK: Way = Way {
    name: "Slack",
    channel: Channel::Slack,
    template: "trunkline.slack.invitation",
    a_request: MANY,
    address: |number, bad| format!("U{number:010}{}", if bad { "FLAKY" } else { "" }),
};
pub(super) const TEAMS: Way = Way {
    name: "Teams",
    channel: Channel::Teams,
    template: "trunkline.teams.invitation",
    a_request: 1,
    // A workflow posts to one place; the double's bad moments come by its own count.
    address: |_, _| "default".to_owned(),
};
/// The workflow that has a bad moment at each hundredth message.
pub(super) const TEAMS_WORKFLOW: &str = "kpi-flaky100";

impl Way {
    /// Its recipients from this number on, half of them in Arabic.
    pub(super) fn recipients(&self, first: u32, count: u32) -> Fallible<Vec<RecipientBody>> {
        (first..first + count).map(|number| self.recipient(number)).collect()
    }

    /// How many of a load's recipients it gets: Teams a quarter, because it takes four messages a second.
    pub(super) fn share_of(&self, recipients: u32) -> u32 {
        if self.channel == Channel::Teams { recipients / 4 } else { recipients }
    }

    fn recipient(&self, number: u32) -> Fallible<RecipientBody> {
        let (locale, name) = if number.is_multiple_of(2) { (Locale::En, "Sara") } else { (Locale::Ar, "عمر") };
        Ok(RecipientBody {
            user_id: format!("u-{number}").parse()?,
            address: (self.address)(number, number % BAD_MOMENT_EVERY == BAD_MOMENT_EVERY / 2),
            locale: Some(locale),
            variables: BTreeMap::from([
                ("name".to_owned(), format!("{name} {number}")),
                ("link".to_owned(), format!("https://training.acme.example/t/{number}")),
            ]),
        })
    }
}
