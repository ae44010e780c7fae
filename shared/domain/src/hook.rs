//! Inbound webhooks: where a tenant's providers tell what happened over there.
//!
//! A [`Hook`] is an address with a [`Scheme`] that says how its caller proves itself. [`verify`](verify()) judges one
//! [`Call`] over its raw body, before anything in it is parsed; what it finds good becomes a [`HookEvent`], what it
//! refuses has a [`Cause`]. All of it is pure: the secrets, the call and the time are passed in.

mod call;
mod cause;
mod event;
mod pattern;
mod scheme;
mod secret;
mod verify;

pub use call::{Call, form_pairs};
pub use cause::{Cause, Refusal, Verdict};
pub use event::{EVENT_KEEP_MS, HookEvent, INLINE_MAX_BYTES, Rejection, SEEN_KEEP_MS, TALLY_KEEP_MS, minute_of};
pub use pattern::EventPattern;
pub use scheme::{Algorithm, Encoding, HmacSettings, Scheme, SchemeName, SettingFault};
pub use secret::{SecretFault, check_secret, fresh_secret};
pub use verify::{Handshake, Verified, verify};

use crate::{
    ids::HookId,
    principal::Principal,
    time::{HOUR_MS, SECOND_MS, Timestamp},
};
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// The largest body that a hook takes: 1 MB.
pub const BODY_MAX_BYTES: usize = 1 << 20;

/// How far a signed timestamp may be from our clock, in seconds, where the tenant says nothing else.
pub const REPLAY_WINDOW_S: u32 = 300;

/// What a tenant may choose for it.
pub const REPLAY_WINDOWS_S: RangeInclusive<u32> = 30..=3_600;

/// For how many hours the secret before stays valid when a rotation says nothing else.
pub const GRACE_HOURS: u32 = 24;

/// What a rotation may choose for it: none, for a secret that leaked, to seven days.
pub const GRACES_HOURS: RangeInclusive<u32> = 0..=168;

/// The most patterns in a hook's filter.
pub const PATTERNS_MAX: usize = 50;

/// The most hooks of a tenant.
pub const HOOKS_MAX: usize = 200;

/// An address at which a tenant receives webhooks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hook {
    /// Its identifier, a part of its address.
    pub id: HookId,
    /// Its name for people.
    pub name: String,
    /// How its caller proves itself.
    pub scheme: Scheme,
    /// The events it takes; all of them when empty.
    pub events: Vec<EventPattern>,
    /// Whether it takes any.
    pub enabled: bool,
    /// How far a signed timestamp may be from our clock.
    pub replay_window_s: u32,
    /// What may be shown of its secret.
    pub secret_mask: String,
    /// The version of its secret.
    pub secret_version: u32,
    /// The secret before, while it is still valid.
    pub previous: Option<PreviousSecret>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Who changed it.
    pub updated_by: Principal,
    /// Grows with each change; a writer must have seen the newest.
    pub rev: u64,
}

/// A secret that was rotated away and is still valid for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviousSecret {
    /// Its version.
    pub version: u32,
    /// Until when it is valid.
    pub until: Timestamp,
}

impl Hook {
    /// The versions of the secrets that are valid now, the newest first.
    #[must_use]
    pub fn valid_versions(&self, now: Timestamp) -> Vec<u32> {
        let previous = self.previous.filter(|previous| now < previous.until).map(|previous| previous.version);
        [self.secret_version].into_iter().chain(previous).collect()
    }

    /// Makes the next version of its secret the one that serves; the one before stays valid for some hours.
    pub fn rotate(&mut self, mask: String, grace_hours: u32, now: Timestamp) {
        let until = now.plus_ms(i64::from(grace_hours) * HOUR_MS);
        self.previous = (grace_hours > 0).then_some(PreviousSecret { version: self.secret_version, until });
        self.secret_version += 1;
        self.secret_mask = mask;
    }

    /// Whether it takes an event of this name. With a filter, an event without a name is none that was asked for.
    #[must_use]
    pub fn takes(&self, event: Option<&str>) -> bool {
        self.events.is_empty() || event.is_some_and(|event| self.events.iter().any(|pattern| pattern.matches(event)))
    }

    /// How far a signed timestamp may be from our clock, in milliseconds.
    #[must_use]
    pub fn replay_window_ms(&self) -> i64 {
        i64::from(self.replay_window_s) * SECOND_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn hook(scheme: Scheme) -> Hook {
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

    #[test]
    fn the_secret_before_is_valid_for_its_hours_and_only_that_one() {
        let mut hook = hook(Scheme::Github);
        let now = Timestamp(1_000);
        hook.rotate("••••".into(), 24, now);
        assert_eq!(hook.valid_versions(now), [2, 1]);
        assert_eq!(hook.valid_versions(now.plus_ms(24 * HOUR_MS - 1)), [2, 1]);
        assert_eq!(hook.valid_versions(now.plus_ms(24 * HOUR_MS)), [2]);
        hook.rotate("••••".into(), 24, now);
        assert_eq!(hook.valid_versions(now), [3, 2], "never three");
        hook.rotate("••••".into(), 0, now);
        assert_eq!(hook.valid_versions(now), [4], "one that leaked ends at once");
    }

    #[test]
    fn a_filter_takes_what_it_names() {
        let mut hook = hook(Scheme::Github);
        assert!(hook.takes(None) && hook.takes(Some("push")));
        hook.events = ["push", "issues.*"].map(|text| text.parse().unwrap()).into();
        assert!(hook.takes(Some("push")) && hook.takes(Some("issues.opened")));
        assert!(!hook.takes(Some("pushes")) && !hook.takes(Some("issue")) && !hook.takes(None));
    }
}
