//! How many requests an API key may make, over all instances of the authorizer, without a write for each of them.
//!
//! One small record a key ([`KeyUse`]) counts what was *leased*: an instance takes a block of requests from it by one
//! conditional write and spends it in memory ([`Allowance`]). So what all instances together let through in a minute and
//! in an hour of the clock is never more than was leased, which is never more than the limit. A block is as large as what
//! the instance let through in the last minute, at most half a burst (or 15): an instance that is busy writes
//! once for ten requests or more, one that is not writes once for each of its first few.
//!
//! A block is good until the end of its minute. What is left of it then is lost to that minute, and given back to the
//! hour with the next lease.
//!
//! The authorizer lets an instance go on without a lease, by its own bucket, when the table is away or too many lease at the
//! same moment; only then may minute and hour be exceeded.
//!
//! The burst (how many at once) is a bucket that refills at the minute's rate. An instance keeps to it exactly. Over all
//! instances, blocks are leased only while the shared bucket is not empty, so it is overdrawn by less than one block.

use crate::time::{HOUR_MS, MINUTE_MS, SECOND_MS, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a key may do in a span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Requests in a minute of the clock.
    pub minute: u32,
    /// Requests in an hour of the clock.
    pub hour: u32,
    /// Requests at once.
    pub burst: u32,
}

impl Quota {
    /// The largest block that is leased: half a burst, so that several instances share the bucket; but not so few that a
    /// tier of small bursts writes more than once for ten requests.
    fn block(self) -> u32 {
        self.minute.div_ceil(4).min((self.burst / 2).max(15)).max(1)
    }

    /// How long the bucket takes to refill by `count` requests, in milliseconds.
    fn refill_ms(self, count: u32) -> i64 {
        i64::from(count) * MINUTE_MS / i64::from(self.minute.max(1))
    }

    /// The header `RateLimit-Policy` ("`RateLimit` header fields for HTTP", an Internet-Draft of the HTTPAPI working group).
    #[must_use]
    pub fn policy(self) -> String {
        let Self { minute, hour, burst } = self;
        let window = (self.refill_ms(burst) / SECOND_MS).max(1);
        format!("\"minute\";q={minute};w=60, \"hour\";q={hour};w=3600, \"burst\";q={burst};w={window}")
    }
}

/// The class of a key, which decides its limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// For a script now and then.
    #[default]
    Basic,
    /// For an application.
    Standard,
    /// For one that sends all day.
    Premium,
}

impl Tier {
    /// Every tier.
    pub const ALL: [Self; 3] = [Self::Basic, Self::Standard, Self::Premium];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::Standard => "standard",
            Self::Premium => "premium",
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Tier {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let tier = Self::ALL.into_iter().find(|tier| tier.as_str() == text);
        tier.ok_or_else(|| format!("unknown tier `{text}`; use basic, standard or premium"))
    }
}

/// The limits of each tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tiers {
    basic: Quota,
    standard: Quota,
    premium: Quota,
}

impl Default for Tiers {
    fn default() -> Self {
        Self {
            basic: Quota { minute: 60, hour: 1_000, burst: 10 },
            standard: Quota { minute: 300, hour: 10_000, burst: 50 },
            premium: Quota { minute: 1_000, hour: 50_000, burst: 200 },
        }
    }
}

impl Tiers {
    /// The limits of a tier.
    #[must_use]
    pub const fn of(&self, tier: Tier) -> Quota {
        match tier {
            Tier::Basic => self.basic,
            Tier::Standard => self.standard,
            Tier::Premium => self.premium,
        }
    }

    /// Reads what a deployment sets otherwise, `premium=2000/100000/400,...`: a minute, an hour, at once.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut tiers = Self::default();
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let wrong = || format!("`{entry}` is no limit of a tier; write basic=60/1000/10");
            let (tier, numbers) = entry.split_once('=').ok_or_else(wrong)?;
            let numbers: Vec<u32> = numbers.split('/').map_while(|number| number.parse().ok()).collect();
            let [minute @ 1..=u32::MAX, hour @ 1..=u32::MAX, burst @ 1..=u32::MAX] = numbers[..] else {
                return Err(wrong());
            };
            let quota = Quota { minute, hour, burst };
            match tier.parse()? {
                Tier::Basic => tiers.basic = quota,
                Tier::Standard => tiers.standard = quota,
                Tier::Premium => tiers.premium = quota,
            }
        }
        Ok(tiers)
    }
}

/// So many wrong secrets for a key ...
pub const FAILURES_MAX: u32 = 10;
/// ... within this time suspend it, in milliseconds.
pub const FAILURES_WITHIN_MS: i64 = 10 * MINUTE_MS;

/// What all instances leased for one key, and how often it was tried with a wrong secret. Kept apart from the key itself,
/// so that its writes stay small.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyUse {
    /// Goes up by one with each write.
    pub rev: u64,
    /// The minute that is counted.
    pub minute: Timestamp,
    /// Requests leased in it.
    pub in_minute: u32,
    /// The hour that is counted.
    pub hour: Timestamp,
    /// Requests leased in it, without those that were given back.
    pub in_hour: u32,
    /// When the bucket is full again.
    pub full_at: Timestamp,
    /// When it was last leased from: the key was used then, and perhaps for a minute after it.
    pub used_at: Option<Timestamp>,
    /// Wrong secrets since `failing_since`.
    pub failures: u32,
    /// When the first of them came.
    pub failing_since: Timestamp,
}

/// Some requests that an instance may let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// How many.
    pub count: u32,
    /// Until when: the end of its minute.
    pub until: Timestamp,
    /// The hour that it was counted in.
    hour: Timestamp,
    /// What nobody had leased of the minute after it.
    left_in_minute: u32,
    /// The same of the hour.
    left_in_hour: u32,
}

/// What was leased and not spent in time: the hour that it was counted in, and how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unspent {
    hour: Timestamp,
    count: u32,
}

/// Which limit is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// That of a minute.
    Minute,
    /// That of an hour.
    Hour,
    /// Too many at once.
    Burst,
}

/// A limit is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    /// Which.
    pub window: Window,
    /// When to ask again.
    pub until: Timestamp,
}

impl KeyUse {
    /// The counts as they are at `now`. A window that begins later is another instance's whose clock is ahead: it counts.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> Self {
        let mut current = self.clone();
        let (minute, hour) = (begin(now, MINUTE_MS), begin(now, HOUR_MS));
        if minute > current.minute {
            (current.minute, current.in_minute) = (minute, 0);
        }
        if hour > current.hour {
            (current.hour, current.in_hour) = (hour, 0);
        }
        if now.since_ms(current.failing_since) >= FAILURES_WITHIN_MS {
            current.failures = 0;
        }
        current
    }

    /// Leases up to `wanted` requests, and gives back what was not spent of an earlier lease. The record to be written,
    /// and what is leased once it is.
    pub fn lease(&self, quota: Quota, wanted: u32, unspent: Unspent, now: Timestamp) -> Result<(Self, Lease), Reached> {
        let mut next = self.at(now);
        if unspent.hour == next.hour {
            next.in_hour = next.in_hour.saturating_sub(unspent.count);
        }
        let minute_ends = next.minute.plus_ms(MINUTE_MS);
        let left_in_minute = quota.minute.saturating_sub(next.in_minute);
        let left_in_hour = quota.hour.saturating_sub(next.in_hour);
        if left_in_hour == 0 {
            return Err(Reached { window: Window::Hour, until: next.hour.plus_ms(HOUR_MS) });
        }
        if left_in_minute == 0 {
            return Err(Reached { window: Window::Minute, until: minute_ends });
        }
        let empty_until = next.full_at.plus_ms(-quota.refill_ms(quota.burst));
        if empty_until >= now {
            return Err(Reached { window: Window::Burst, until: empty_until.plus_ms(1) });
        }
        let count = wanted.clamp(1, quota.block()).min(left_in_minute).min(left_in_hour);
        next.rev += 1;
        next.in_minute += count;
        next.in_hour += count;
        next.full_at = next.full_at.max(now).plus_ms(quota.refill_ms(count));
        next.used_at = Some(now);
        let lease = Lease {
            count,
            until: minute_ends,
            hour: next.hour,
            left_in_minute: left_in_minute - count,
            left_in_hour: left_in_hour - count,
        };
        Ok((next, lease))
    }

    /// After `count` more wrong secrets; whether they are too many.
    #[must_use]
    pub fn failed(&self, count: u32, now: Timestamp) -> (Self, bool) {
        let mut next = self.at(now);
        if next.failures == 0 {
            next.failing_since = now;
        }
        next.failures = next.failures.saturating_add(count);
        next.rev += 1;
        let too_many = next.failures >= FAILURES_MAX;
        (next, too_many)
    }

    /// With its failures forgotten.
    #[must_use]
    pub fn forgiven(&self) -> Self {
        Self { rev: self.rev + 1, failures: 0, ..self.clone() }
    }
}

fn begin(now: Timestamp, span_ms: i64) -> Timestamp {
    Timestamp(now.0 - now.0.rem_euclid(span_ms))
}

/// What one instance of the authorizer knows and holds of one key's limits.
#[derive(Clone, Debug, Default)]
pub struct Allowance {
    lease: Option<Lease>,
    left: u32,
    /// When this instance's own bucket is full again.
    full_at: Timestamp,
    reached: Option<Reached>,
    minute: Timestamp,
    /// How many it let through in that minute, and in the one before.
    passed: (u32, u32),
    /// The record as it was last seen. Only one that we wrote ourselves is likely to be still so.
    known: Option<KeyUse>,
}

/// What is to be done with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It goes.
    Go,
    /// So many are to be leased first.
    Lease(u32),
    /// It does not go.
    Refuse(Reached),
}

impl Allowance {
    /// Decides about one more request.
    pub fn step(&mut self, quota: Quota, now: Timestamp) -> Step {
        if let Some(reached) = self.reached.filter(|reached| now < reached.until) {
            return Step::Refuse(reached);
        }
        // This instance's own bucket: with it, a refusal costs nothing, and what was leased is not spent all at once.
        let full_at = self.full_at.max(now).plus_ms(quota.refill_ms(1));
        let over_ms = full_at.since_ms(now) - quota.refill_ms(quota.burst);
        if over_ms > 0 {
            return Step::Refuse(Reached { window: Window::Burst, until: now.plus_ms(over_ms) });
        }
        self.turn(now);
        if self.left > 0 && self.lease.is_some_and(|lease| now < lease.until) {
            self.left -= 1;
            self.full_at = full_at;
            self.passed.0 += 1;
            return Step::Go;
        }
        Step::Lease(self.passed.0.max(self.passed.1).clamp(1, quota.block()))
    }

    fn turn(&mut self, now: Timestamp) {
        let minute = begin(now, MINUTE_MS);
        if minute != self.minute {
            let before = if minute.since_ms(self.minute) == MINUTE_MS { self.passed.0 } else { 0 };
            (self.minute, self.passed) = (minute, (0, before));
        }
    }

    /// What may be given back: nothing while it can still be spent.
    #[must_use]
    pub fn unspent(&self, now: Timestamp) -> Unspent {
        let over = self.lease.filter(|lease| now >= lease.until);
        over.map_or_else(Unspent::default, |lease| Unspent { hour: lease.hour, count: self.left })
    }

    /// The record as it was last seen, if that is likely to be still so.
    pub const fn take_known(&mut self) -> Option<KeyUse> {
        self.known.take()
    }

    /// A lease was written.
    pub fn leased(&mut self, lease: Lease, written: KeyUse, alone: bool) {
        (self.lease, self.left, self.reached) = (Some(lease), lease.count, None);
        self.known = alone.then_some(written);
    }

    /// Nothing can be leased: remembered, so that nobody asks again before.
    pub const fn refused(&mut self, reached: Reached) {
        self.reached = Some(reached);
    }

    /// Lets one request through without a lease, because none can be had for a fault of ours; this instance's own bucket
    /// was asked before.
    pub fn pass(&mut self, quota: Quota, now: Timestamp) {
        self.full_at = self.full_at.max(now).plus_ms(quota.refill_ms(1));
    }

    /// The header `RateLimit`: what is left at least. Other instances may hold more.
    #[must_use]
    pub fn told(&self, quota: Quota, now: Timestamp) -> String {
        let (minute_ends, hour_ends) = (begin(now, MINUTE_MS).plus_ms(MINUTE_MS), begin(now, HOUR_MS).plus_ms(HOUR_MS));
        let current = self.lease.filter(|lease| now < lease.until);
        let (mut minute, mut hour) = current.map_or((quota.minute, quota.hour), |lease| {
            (lease.left_in_minute + self.left, lease.left_in_hour + self.left)
        });
        match self.reached.filter(|reached| now < reached.until).map(|reached| reached.window) {
            Some(Window::Hour) => (minute, hour) = (0, 0),
            Some(Window::Minute) => minute = 0,
            Some(Window::Burst) | None => {}
        }
        let (minute_s, hour_s) = (seconds_until(minute_ends, now), seconds_until(hour_ends, now));
        format!("\"minute\";r={minute};t={minute_s}, \"hour\";r={hour};t={hour_s}")
    }

    /// Whether it holds anything that matters.
    #[must_use]
    pub fn is_idle(&self, now: Timestamp) -> bool {
        self.lease.is_none_or(|lease| now >= lease.until) && self.full_at <= now
    }
}

/// How many seconds to wait, at least one.
#[must_use]
pub fn seconds_until(until: Timestamp, now: Timestamp) -> u32 {
    let seconds = until.since_ms(now).max(1).unsigned_abs().div_ceil(SECOND_MS.unsigned_abs());
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const NOON: Timestamp = Timestamp(1_763_640_000_000);

    /// Several instances with one record, as `functions/authorize` has them.
    struct Instances {
        quota: Quota,
        stored: KeyUse,
        all: Vec<Allowance>,
        writes: u32,
        passed: Vec<Timestamp>,
    }

    impl Instances {
        fn new(tier: Tier, count: usize) -> Self {
            let quota = Tiers::default().of(tier);
            Self { quota, stored: KeyUse::default(), all: vec![Allowance::default(); count], writes: 0, passed: vec![] }
        }

        fn ask(&mut self, instance: usize, now: Timestamp) -> Result<(), Reached> {
            let own = &mut self.all[instance];
            let mut step = own.step(self.quota, now);
            if let Step::Lease(wanted) = step {
                // What is remembered of a record that somebody else wrote costs one write that is refused.
                let alone = own.take_known().is_none_or(|known| {
                    let ours = known.rev == self.stored.rev;
                    self.writes += u32::from(!ours);
                    ours
                });
                match self.stored.lease(self.quota, wanted, own.unspent(now), now) {
                    Ok((next, lease)) => {
                        self.writes += 1;
                        self.stored = next.clone();
                        own.leased(lease, next, alone);
                        step = own.step(self.quota, now);
                    }
                    Err(reached) => {
                        own.refused(reached);
                        return Err(reached);
                    }
                }
            }
            match step {
                Step::Go => {
                    self.passed.push(now);
                    Ok(())
                }
                Step::Refuse(reached) => Err(reached),
                Step::Lease(_) => panic!("leased and still without"),
            }
        }

        fn passes(&self) -> u32 {
            u32::try_from(self.passed.len()).unwrap()
        }

        fn most_in(&self, span_ms: i64) -> u32 {
            let mut counts = BTreeMap::new();
            for at in &self.passed {
                *counts.entry(begin(*at, span_ms)).or_insert(0) += 1;
            }
            counts.into_values().max().unwrap_or(0)
        }

        /// `per_minute` requests evenly spread over `minutes`, each to the next instance.
        fn steady(&mut self, per_minute: u32, minutes: u32) -> f64 {
            self.steady_from(NOON, per_minute, minutes)
        }

        fn steady_from(&mut self, start: Timestamp, per_minute: u32, minutes: u32) -> f64 {
            let total = per_minute * minutes;
            for number in 0..total {
                let at = start.plus_ms(i64::from(number) * MINUTE_MS / i64::from(per_minute));
                let instance = number as usize % self.all.len();
                let _ = self.ask(instance, at);
            }
            f64::from(self.passes()) / f64::from(total)
        }
    }

    fn tiers() -> impl Strategy<Value = Tier> {
        prop_oneof![Just(Tier::Basic), Just(Tier::Standard), Just(Tier::Premium)]
    }

    proptest! {
        #[test]
        fn no_minute_and_no_hour_ever_has_more_than_its_limit(
            tier in tiers(), count in 1_usize..8,
            asks in proptest::collection::vec((0_usize..8, prop_oneof![0_i64..30, 0_i64..3_000, 0_i64..90_000]), 1..3_000),
        ) {
            let mut instances = Instances::new(tier, count);
            let mut now = NOON;
            for (instance, later) in asks {
                now = now.plus_ms(later);
                if let Err(reached) = instances.ask(instance % count, now) {
                    prop_assert!(reached.until > now, "a refusal says when to come again");
                }
            }
            prop_assert!(instances.most_in(MINUTE_MS) <= instances.quota.minute);
            prop_assert!(instances.most_in(HOUR_MS) <= instances.quota.hour);
        }

        #[test]
        fn nor_does_a_minute_of_which_all_is_asked_for_and_more(
            tier in tiers(), count in 1_usize..8, times in 1_u32..6, offset in 0_i64..MINUTE_MS,
        ) {
            let mut instances = Instances::new(tier, count);
            let minute = instances.quota.minute;
            for number in 0..3 * times * minute {
                let at = NOON.plus_ms(offset + i64::from(number) * MINUTE_MS / i64::from(times * minute));
                let _ = instances.ask(number as usize % count, at);
            }
            prop_assert!(instances.most_in(MINUTE_MS) <= minute, "{}", instances.most_in(MINUTE_MS));
        }

        #[test]
        fn no_more_than_the_burst_at_once_and_one_block_over_all(
            tier in tiers(), count in 1_usize..20, asks in 1_usize..2_000,
        ) {
            let mut instances = Instances::new(tier, count);
            for number in 0..asks {
                let _ = instances.ask(number % count, NOON);
            }
            let passed = instances.passes();
            let Quota { burst, .. } = instances.quota;
            let slack = if count == 1 { 0 } else { instances.quota.block() };
            prop_assert!(passed <= burst + slack, "{passed}");
        }

        #[test]
        fn under_steady_load_most_of_the_limit_is_usable(tier in tiers(), count in 1_usize..4, offset in 0_i64..MINUTE_MS) {
            let mut instances = Instances::new(tier, count);
            let minute = instances.quota.minute;
            let usable = instances.steady_from(NOON.plus_ms(offset), minute, 5);
            // The few blocks of a basic key do not go far over several instances.
            let least = if tier == Tier::Basic && count > 1 { 0.65 } else { 0.8 };
            prop_assert!(usable >= least, "{tier} {count}: {usable}");
        }
    }

    #[test]
    fn under_load_there_is_at_most_one_write_for_ten_requests() {
        for (tier, count, per_minute) in [
            (Tier::Basic, 1, 60),
            (Tier::Basic, 1, 30),
            (Tier::Standard, 1, 300),
            (Tier::Standard, 4, 300),
            (Tier::Premium, 1, 1_000),
            (Tier::Premium, 8, 1_000),
            (Tier::Premium, 3, 5_000),
            (Tier::Basic, 1, 6_000),
        ] {
            let mut instances = Instances::new(tier, count);
            instances.steady(per_minute, 10);
            let asked = f64::from(per_minute * 10);
            let writes = f64::from(instances.writes) / asked;
            assert!(writes <= 0.1, "{tier} {count} {per_minute}: {writes}");
            let of_passed = f64::from(instances.writes) / f64::from(instances.passes());
            assert!(of_passed <= 0.12, "{tier} {count} {per_minute}: {of_passed} of those that passed");
        }
    }

    #[test]
    fn a_request_now_and_then_is_one_write_and_an_hour_of_them_is_not_used_up_by_leases() {
        let mut instances = Instances::new(Tier::Basic, 3);
        for minute in 0..60 {
            for part in 0..4 {
                for instance in 0..3 {
                    let at = NOON.plus_ms(minute * MINUTE_MS + part * 5_000 + 17);
                    instances.ask(instance, at).unwrap();
                }
            }
        }
        assert!(instances.stored.in_hour <= 720 + 3 * 15, "{:?}", instances.stored);
        let mut lone = Instances::new(Tier::Basic, 1);
        lone.ask(0, NOON).unwrap();
        assert_eq!(lone.writes, 1);
    }

    #[test]
    fn a_refusal_tells_which_limit_and_costs_no_write() {
        let mut instances = Instances::new(Tier::Basic, 1);
        for _ in 0..10 {
            instances.ask(0, NOON).unwrap();
        }
        let writes = instances.writes;
        let reached = instances.ask(0, NOON).unwrap_err();
        assert_eq!((reached.window, reached.until), (Window::Burst, NOON.plus_ms(1_000)));
        assert_eq!(instances.writes, writes);
        assert!(instances.ask(0, NOON.plus_ms(1_000)).is_ok());
    }

    #[test]
    fn an_hour_that_is_used_up_is_over_at_its_end() {
        let quota = Quota { minute: 60, hour: 3, burst: 10 };
        let used = KeyUse { hour: begin(NOON, HOUR_MS), in_hour: 3, ..KeyUse::default() };
        let late = NOON.plus_ms(59 * MINUTE_MS);
        let reached = used.lease(quota, 1, Unspent::default(), late).unwrap_err();
        assert_eq!((reached.window, seconds_until(reached.until, late)), (Window::Hour, 60));
        assert!(used.lease(quota, 1, Unspent::default(), reached.until).is_ok());
        let given_back = Unspent { hour: used.hour, count: 2 };
        assert_eq!(used.lease(quota, 5, given_back, late).unwrap().1.count, 2);
    }

    #[test]
    fn failures_count_for_ten_minutes() {
        let (once, too_many) = KeyUse::default().failed(FAILURES_MAX - 1, NOON);
        assert!(!too_many);
        assert!(once.failed(1, NOON.plus_ms(FAILURES_WITHIN_MS - 1)).1);
        let (later, too_many) = once.failed(1, NOON.plus_ms(FAILURES_WITHIN_MS));
        assert_eq!((later.failures, too_many, once.forgiven().failures), (1, false, 0));
    }

    #[test]
    fn tiers_are_as_documented_unless_a_deployment_sets_them() {
        let tiers = Tiers::parse("premium=2000/100000/400, basic=1/2/3").unwrap();
        assert_eq!(tiers.of(Tier::Premium), Quota { minute: 2_000, hour: 100_000, burst: 400 });
        assert_eq!(tiers.of(Tier::Basic).burst, 3);
        assert_eq!(tiers.of(Tier::Standard), Quota { minute: 300, hour: 10_000, burst: 50 });
        assert_eq!(Tiers::parse(""), Ok(Tiers::default()));
        for bad in ["gold=1/1/1", "basic", "basic=1/2", "basic=0/1/1", "basic=1/2/3/4", "basic=a/b/c"] {
            assert!(Tiers::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn headers_tell_the_policy_and_what_is_left() {
        let quota = Tiers::default().of(Tier::Basic);
        assert_eq!(quota.policy(), "\"minute\";q=60;w=60, \"hour\";q=1000;w=3600, \"burst\";q=10;w=10");
        let mut instances = Instances::new(Tier::Basic, 1);
        for _ in 0..3 {
            instances.ask(0, NOON.plus_ms(15_000)).unwrap();
        }
        let told = instances.all[0].told(quota, NOON.plus_ms(15_000));
        assert_eq!(told, "\"minute\";r=57;t=45, \"hour\";r=997;t=3585");
    }
}
