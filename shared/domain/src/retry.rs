//! When a failed attempt is tried again.

use crate::time::{HOUR_MS, MINUTE_MS, SECOND_MS};
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// The longest provider `Retry-After` that is honoured: two hours.
pub const RETRY_AFTER_CAP_MS: i64 = 2 * HOUR_MS;

/// How often and how far apart a transient failure is tried again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryPolicy {
    /// 3 tries, 5 s apart.
    Immediate,
    /// After 5 s, 30 s, 5 min, 30 min and 2 h.
    #[default]
    Exponential,
    /// Never by itself; a person resends.
    Manual,
    /// The schedule of outbound webhooks: 10 tries over about three days.
    Standard,
}

impl RetryPolicy {
    /// Every policy.
    pub const ALL: [Self; 4] = [Self::Immediate, Self::Exponential, Self::Manual, Self::Standard];

    /// The name in the API and in storage.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Immediate => "immediate",
            Self::Exponential => "exponential",
            Self::Manual => "manual",
            Self::Standard => "standard",
        }
    }

    /// The pause before each retry, in milliseconds.
    #[must_use]
    pub const fn pauses_ms(self) -> &'static [i64] {
        match self {
            Self::Immediate => &[5 * SECOND_MS, 5 * SECOND_MS],
            Self::Exponential => &[5 * SECOND_MS, 30 * SECOND_MS, 5 * MINUTE_MS, 30 * MINUTE_MS, 2 * HOUR_MS],
            Self::Manual => &[],
            Self::Standard => &[
                5 * SECOND_MS,
                5 * MINUTE_MS,
                30 * MINUTE_MS,
                2 * HOUR_MS,
                5 * HOUR_MS,
                10 * HOUR_MS,
                14 * HOUR_MS,
                20 * HOUR_MS,
                24 * HOUR_MS,
            ],
        }
    }

    /// The pause in milliseconds after `attempts` failed attempts (at least 1), or `None` when the policy is exhausted.
    ///
    /// `jitter` in -1..=1 moves the pause by up to 20 % either way, so that a burst of failures does not come back as
    /// a burst. The provider's `retry_after_ms` wins where it is longer, up to [`RETRY_AFTER_CAP_MS`].
    #[must_use]
    pub fn pause_ms(self, attempts: u16, jitter: f64, retry_after_ms: Option<i64>) -> Option<i64> {
        let base = *self.pauses_ms().get(usize::from(attempts.checked_sub(1)?))?;
        Some(jittered_ms(base, jitter).max(retry_after_ms.unwrap_or(0).min(RETRY_AFTER_CAP_MS)))
    }
}

/// A pause moved by up to 20 % either way; `jitter` is in -1..=1.
#[must_use]
pub fn jittered_ms(pause_ms: i64, jitter: f64) -> i64 {
    // A fifth of the pause times the jitter, in whole per mille to stay in integers.
    #[expect(clippy::cast_possible_truncation, reason = "the clamp keeps it within -1000..=1000")]
    let per_mille = (jitter.clamp(-1.0, 1.0) * 1000.0) as i64;
    pause_ms + pause_ms / 5 * per_mille / 1000
}

impl FromStr for RetryPolicy {
    type Err = crate::channel::UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|policy| policy.as_str() == text).ok_or(crate::channel::UnknownName)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_end() {
        assert_eq!(RetryPolicy::Immediate.pause_ms(1, 0.0, None), Some(5_000));
        assert_eq!(RetryPolicy::Immediate.pause_ms(2, 0.0, None), Some(5_000));
        assert_eq!(RetryPolicy::Immediate.pause_ms(3, 0.0, None), None);
        assert_eq!(RetryPolicy::Exponential.pause_ms(5, 0.0, None), Some(2 * HOUR_MS));
        assert_eq!(RetryPolicy::Exponential.pause_ms(6, 0.0, None), None);
        assert_eq!(RetryPolicy::Manual.pause_ms(1, 0.0, None), None);
        assert_eq!(RetryPolicy::Standard.pauses_ms().len(), 9);
    }

    #[test]
    fn jitter_stays_within_a_fifth() {
        assert_eq!(RetryPolicy::Exponential.pause_ms(2, 1.0, None), Some(36_000));
        assert_eq!(RetryPolicy::Exponential.pause_ms(2, -1.0, None), Some(24_000));
        assert_eq!(RetryPolicy::Exponential.pause_ms(2, 99.0, None), Some(36_000));
    }

    #[test]
    fn a_longer_retry_after_wins_up_to_its_cap() {
        assert_eq!(RetryPolicy::Exponential.pause_ms(1, 0.0, Some(60_000)), Some(60_000));
        assert_eq!(RetryPolicy::Exponential.pause_ms(1, 0.0, Some(1)), Some(5_000));
        assert_eq!(RetryPolicy::Exponential.pause_ms(1, 0.0, Some(i64::MAX)), Some(RETRY_AFTER_CAP_MS));
    }
}
