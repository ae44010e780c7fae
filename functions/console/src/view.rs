//! How somebody sees the console: language, direction, theme, digits, and where its pages are.

use crate::{
    cookies,
    flash::Flash,
    language::{Counted, Language, decimal, digits},
};
use http::{HeaderMap, header};
use maud::{Markup, html};
use std::sync::Arc;

/// Light, dark, or as the device says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Theme {
    #[default]
    Device,
    Light,
    Dark,
}

impl Theme {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Device, Self::Light, Self::Dark].into_iter().find(|theme| theme.name() == name)
    }
}

/// What a person chose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Preferences {
    pub(crate) language: Option<Language>,
    pub(crate) theme: Theme,
    /// Digits as `٠١٢` where the language is Arabic.
    pub(crate) indic: bool,
}

impl Preferences {
    /// Reads the cookie; what cannot be read was not chosen.
    pub(crate) fn read(headers: &HeaderMap) -> Self {
        let mut parts = cookies::read(headers, cookies::PREFERENCES).unwrap_or_default().split('.');
        Self {
            language: parts.next().and_then(Language::of_tag),
            theme: parts.next().and_then(Theme::named).unwrap_or_default(),
            indic: parts.next() == Some("indic"),
        }
    }

    /// As the cookie holds it.
    pub(crate) fn cookie(self) -> String {
        let digits = if self.indic { "indic" } else { "latin" };
        format!("{}.{}.{digits}", self.language.map_or("", Language::tag), self.theme.name())
    }
}

/// How this request's page is seen.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) preferences: Preferences,
    pub(crate) language: Language,
    /// What stands before `/console` in addresses.
    pub(crate) base: Arc<str>,
    /// Where the API is reached from outside.
    pub(crate) site: String,
    /// The page that is asked for, below `base`, with its query.
    pub(crate) path: String,
    pub(crate) flash: Option<Flash>,
}

impl View {
    pub(crate) fn new(headers: &HeaderMap, base: &Arc<str>, site: &str, path: &str) -> Self {
        let preferences = Preferences::read(headers);
        let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        Self {
            preferences,
            language: preferences.language.unwrap_or_else(|| Language::accepted(accepted.unwrap_or_default())),
            base: Arc::clone(base),
            site: site.to_owned(),
            path: path.to_owned(),
            flash: cookies::read(headers, cookies::FLASH).and_then(Flash::read),
        }
    }

    /// One of two texts.
    pub(crate) const fn say<'a>(&self, english: &'a str, arabic: &'a str) -> &'a str {
        match self.language {
            Language::English => english,
            Language::Arabic => arabic,
        }
    }

    const fn indic(&self) -> bool {
        matches!(self.language, Language::Arabic) && self.preferences.indic
    }

    /// A whole number.
    pub(crate) fn number(&self, n: u64) -> String {
        digits(n, self.indic())
    }

    /// A length.
    pub(crate) fn size(&self, n: usize) -> String {
        self.number(u64::try_from(n).unwrap_or(u64::MAX))
    }

    /// A share in per cent, to a tenth.
    pub(crate) fn percent(&self, share: f64) -> String {
        let text = format!("{share:.1}");
        let text = decimal(text.strip_suffix(".0").unwrap_or(&text), self.indic());
        match self.language {
            Language::Arabic if self.indic() => format!("{text}٪"),
            Language::English | Language::Arabic => format!("{text}%"),
        }
    }

    /// Milliseconds.
    pub(crate) fn ms(&self, ms: u64) -> String {
        format!("{} {}", self.number(ms), self.say("ms", "م.ث"))
    }

    /// A counted thing.
    pub(crate) fn count(&self, n: u64, of: &Counted) -> String {
        of.form(self.language, n).replace("{n}", &self.number(n))
    }

    /// A page of ours.
    pub(crate) fn link(&self, path: &str) -> String {
        format!("{}/console{path}", self.base)
    }

    /// A moment. The script shows it in the viewer's zone; without it, it is shown in UTC and says so.
    pub(crate) fn time(&self, rfc3339: &str) -> Markup {
        let shown =
            rfc3339.get(..16).map_or_else(|| rfc3339.to_owned(), |text| format!("{} UTC", text.replace('T', " ")));
        html! { time datetime=(rfc3339) dir="ltr" { (decimal(&shown, self.indic())) } }
    }

    /// A moment that may not have come.
    pub(crate) fn time_or(&self, rfc3339: Option<&str>, otherwise: &str) -> Markup {
        rfc3339.map_or_else(|| html! { span.quiet { (otherwise) } }, |moment| self.time(moment))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn view(cookie: &str, accepted: &'static str) -> View {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_str(&format!("__Host-preferences={cookie}")).unwrap());
        headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static(accepted));
        View::new(&headers, &"".into(), "https://hub.example", "/console")
    }

    #[test]
    fn what_was_chosen_comes_before_what_the_browser_says() {
        assert_eq!(view("en.dark.latin", "ar").language, Language::English);
        assert_eq!(view("", "ar").language, Language::Arabic);
        assert_eq!(view("xx.neon.roman", "ar").preferences, Preferences::default());
        let chosen = Preferences { language: Some(Language::Arabic), theme: Theme::Dark, indic: true };
        assert_eq!(view(&chosen.cookie(), "en").preferences, chosen);
    }

    #[test]
    fn numbers_follow_language_and_choice() {
        assert_eq!(view("ar.dark.indic", "").number(1200), "١٬٢٠٠");
        assert_eq!(view("ar.dark.latin", "").number(1200), "1,200");
        assert_eq!(view("en.dark.indic", "").number(1200), "1,200");
        assert_eq!(view("ar.dark.indic", "").percent(99.5), "٩٩٫٥٪");
        assert_eq!(view("en..", "").percent(100.0), "100%");
    }
}
