//! What the next page tells once: how the action went that led to it. It travels in a cookie that no other host can have
//! set, and is shown as text whatever it holds.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

/// The longest that is carried, in bytes: browsers keep 4 kB a cookie.
const MAX_BYTES: usize = 2_400;

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Tone {
    Good,
    Warn,
    Bad,
}

impl Tone {
    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Flash {
    pub(crate) tone: Tone,
    /// In the viewer's language.
    pub(crate) text: String,
    /// In English, as the API says it; empty where there is no more to say.
    #[serde(default)]
    pub(crate) detail: String,
}

impl Flash {
    pub(crate) fn good(text: impl Into<String>) -> Self {
        Self { tone: Tone::Good, text: text.into(), detail: String::new() }
    }

    pub(crate) fn bad(text: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { tone: Tone::Bad, text: text.into(), detail: detail.into() }
    }

    pub(crate) fn warn(text: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { tone: Tone::Warn, text: text.into(), detail: detail.into() }
    }

    pub(crate) fn read(cookie: &str) -> Option<Self> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(cookie).ok()?).ok()
    }

    /// As the cookie holds it; without its detail if that is too long.
    pub(crate) fn cookie(&self) -> Option<String> {
        let whole = serde_json::to_vec(self).ok()?;
        if whole.len() <= MAX_BYTES {
            return Some(URL_SAFE_NO_PAD.encode(whole));
        }
        let short = serde_json::to_vec(&Self { detail: String::new(), ..self.clone() }).ok()?;
        (short.len() <= MAX_BYTES).then(|| URL_SAFE_NO_PAD.encode(short))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_survives_its_cookie() {
        let flash = Flash::bad("لم يُحفظ", "port: must be a number; <b>\"");
        let cookie = flash.cookie().unwrap();
        assert!(cookie.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
        assert_eq!(Flash::read(&cookie), Some(flash));
        assert_eq!(Flash::read("%%%"), None);
    }

    #[test]
    fn what_is_too_long_for_a_cookie_is_cut() {
        let flash = Flash::warn("text", "d".repeat(5_000));
        assert_eq!(Flash::read(&flash.cookie().unwrap()), Some(Flash { detail: String::new(), ..flash }));
        assert_eq!(Flash::good("t".repeat(5_000)).cookie(), None);
    }
}
