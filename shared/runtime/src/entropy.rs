//! Random bytes and jitter from the operating system.

use ring::rand::{SecureRandom, SystemRandom};

/// The operating system gave no random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gave no random bytes")]
pub struct NoEntropy;

/// `N` random bytes, good enough for keys.
pub fn bytes<const N: usize>() -> Result<[u8; N], NoEntropy> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| NoEntropy)?;
    Ok(bytes)
}

/// A number from -1 to 1, to spread retries. 0 where the operating system gives no random bytes: a retry without jitter
/// is better than none.
#[must_use]
pub fn jitter() -> f64 {
    bytes::<4>().map_or(0.0, |bytes| f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX) * 2.0 - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_stays_within_its_bounds_and_varies() {
        let drawn: Vec<f64> = (0..100).map(|_| jitter()).collect();
        assert!(drawn.iter().all(|value| (-1.0..=1.0).contains(value)));
        assert!(drawn.iter().any(|value| *value > 0.0) && drawn.iter().any(|value| *value < 0.0));
    }
}
