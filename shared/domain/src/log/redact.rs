//! Keeping out of the log what does not belong there.
//!
//! The words of providers may quote whom a message was for, or what they were sent. Codes and our own ids say what went
//! wrong; what is left of the words is for a person to read.

use crate::failure::shorten;

/// What stands for an address.
const ADDRESS: &str = "[address]";
/// What stands for something that may be a secret.
const SECRET: &str = "[removed]";

/// How credentials of ours and of the providers begin.
const CREDENTIALS: [&str; 14] = [
    "tk_",
    "whsec_",
    "whsk_",
    "xox",
    "xapp-",
    "SG.",
    "AKIA",
    "ASIA",
    "eyJ",
    "sk_",
    "rk_",
    "ghp_",
    "ghs_",
    "github_pat_",
];

/// After these words a credential follows.
const ANNOUNCING: [&str; 8] = ["bearer", "basic", "password", "passwd", "secret", "token", "apikey", "api_key"];

/// From how many characters on a run of letters and digits is taken for a secret.
const SECRET_CHARS: usize = 24;

/// Words for the log: on one line, at most [`DETAIL_MAX_CHARS`](crate::failure::DETAIL_MAX_CHARS) long, with addresses
/// and what may be a secret taken out. Of a URL its host stays.
#[must_use]
pub fn redacted(words: &str) -> String {
    let line = shorten(words);
    let mut announced = false;
    let told: Vec<String> = line
        .split(' ')
        .map(|word| {
            let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
            let told = if announced && !bare.is_empty() { around(word, SECRET) } else { told(word) };
            let is_announcing = |word: &str| ANNOUNCING.iter().any(|it| word.eq_ignore_ascii_case(it));
            announced = is_announcing(bare) || (announced && bare.is_empty());
            told
        })
        .collect();
    shorten(&told.join(" "))
}

/// A word without what does not belong into the log.
fn told(word: &str) -> String {
    if let Some((scheme, rest)) = word.split_once("://") {
        return url(scheme, rest);
    }
    if let Some((name, value)) = word.split_once('=')
        && ANNOUNCING.iter().any(|it| name.trim_matches(|c: char| !c.is_alphanumeric()).eq_ignore_ascii_case(it))
        && !value.is_empty()
    {
        return format!("{name}={SECRET}");
    }
    // A word may be a list of several: `a=b,c=d`, `x:y`.
    let mut rest = word;
    let mut out = String::new();
    while !rest.is_empty() {
        let end = rest.find(is_separator).unwrap_or(rest.len());
        let (piece, more) = rest.split_at(end);
        let is_address = piece.contains('@') || piece.contains("%40");
        out.push_str(if is_address {
            ADDRESS
        } else if is_secret(piece) {
            SECRET
        } else {
            piece
        });
        let separators = more.find(|c: char| !is_separator(c)).unwrap_or(more.len());
        out.push_str(&more[..separators]);
        rest = &more[separators..];
    }
    out
}

const fn is_separator(c: char) -> bool {
    matches!(c, '=' | ',' | ';' | ':' | '"' | '\'' | '(' | ')' | '[' | ']' | '{' | '}' | '<' | '>' | '?' | '&' | '|')
}

/// A URL's scheme and host; who is named before the host is left out.
fn url(scheme: &str, rest: &str) -> String {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let more = if path.len() > 1 { "/..." } else { "" };
    format!("{scheme}://{host}{more}")
}

/// What stands for a word, between the punctuation that the word was in.
fn around(word: &str, instead: &str) -> String {
    let start = word.find(char::is_alphanumeric).unwrap_or(word.len());
    let end = word
        .rfind(char::is_alphanumeric)
        .map_or(start, |last| last + word[last..].chars().next().map_or(0, char::len_utf8));
    format!("{}{instead}{}", &word[..start], &word[end.max(start)..])
}

fn is_secret(piece: &str) -> bool {
    let is_credential = CREDENTIALS.iter().any(|start| piece.len() > start.len() + 4 && piece.starts_with(start));
    is_credential || (looks_random(piece) && !is_our_own(piece))
}

fn looks_random(piece: &str) -> bool {
    piece.chars().count() >= SECRET_CHARS
        && piece.bytes().any(|byte| byte.is_ascii_digit())
        && piece.bytes().any(|byte| byte.is_ascii_alphabetic())
        && piece.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+' | b'/' | b'.'))
}

/// Our ids are random too, and they are what a reader of the log looks for: `int_01JD0000000000000000000000`.
fn is_our_own(piece: &str) -> bool {
    let is_crockford = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_digit() || (byte.is_ascii_uppercase() && !b"ILOU".contains(&byte)))
    };
    piece.split_once('_').is_some_and(|(prefix, tail)| {
        matches!(prefix, "int" | "dlv" | "key" | "whk" | "evt" | "msg" | "log") && is_crockford(&tail.replace('_', ""))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_secrets_are_taken_out_and_the_rest_stays() {
        for (words, expected) in [
            ("550 5.1.1 <ann@example.com>: no such user", "550 5.1.1 <[address]>: no such user"),
            ("no ann%40example.com", "no [address]"),
            ("to=<ann@example.com>, relay=x", "to=<[address]>, relay=x"),
            ("posted to https://hooks.slack.com/services/T0/B0/abc", "posted to https://hooks.slack.com/..."),
            ("https://u:p@example.com", "https://example.com"),
            ("Authorization: Bearer abc.def", "Authorization: Bearer [removed]"),
            ("password: hunter2 refused", "password: [removed] refused"),
            ("?api_key=hunter2", "?api_key=[removed]"),
            ("key SG.abcdef.ghi is wrong", "key [removed] is wrong"),
            ("tk_abcdefgh_1234", "[removed]"),
            ("token \"xoxb-1-2-abc\"", "token \"[removed]\""),
            ("id 0123456789abcdef0123456789abcdef", "id [removed]"),
            ("integration int_01JD0000000000000000000000 is off", "integration int_01JD0000000000000000000000 is off"),
            ("smtp_recipient_refused", "smtp_recipient_refused"),
            ("رفض الخادم", "رفض الخادم"),
            ("two\nlines", "two lines"),
            ("", ""),
        ] {
            assert_eq!(redacted(words), expected);
        }
    }

    #[test]
    fn whatever_comes_in_no_address_comes_out() {
        use proptest::prelude::*;
        proptest!(|(before in "[a-zA-Z0-9<>:=,. ]{0,12}", name in "[a-z0-9._+-]{1,12}", after in "[>:,. ]{0,3}")| {
            let told = redacted(&format!("{before}{name}@example.com{after}"));
            prop_assert!(!told.contains("@example.com"), "{}", told);
        });
    }
}
