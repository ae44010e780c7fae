//! Writing forms.

use crate::hook::form_pairs;
use std::fmt::Write as _;

/// The form with some of its values replaced; `None` where none is.
pub(super) fn replaced(form: &[u8], replace: impl Fn(&str, &str) -> Option<String>) -> Option<Vec<u8>> {
    let mut changed = false;
    let mut text = String::with_capacity(form.len());
    for (key, value) in form_pairs(form) {
        let value = replace(&key, &value).inspect(|_| changed = true).unwrap_or(value);
        if !text.is_empty() {
            text.push('&');
        }
        write_encoded(&mut text, &key);
        text.push('=');
        write_encoded(&mut text, &value);
    }
    changed.then(|| text.into_bytes())
}

/// As the WHATWG URL Standard serializes `application/x-www-form-urlencoded`.
fn write_encoded(out: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('+'),
            b'*' | b'-' | b'.' | b'_' => out.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            // Writing to a String cannot fail.
            _ => drop(write!(out, "%{byte:02X}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_to_be_replaced_changes() {
        let hide = |key: &str, _: &str| (key == "token").then(|| "•".to_owned());
        let text = replaced(b"a=1+2%2B&token=secret&b=%D8%A7", hide).unwrap();
        assert_eq!(String::from_utf8(text).unwrap(), "a=1+2%2B&token=%E2%80%A2&b=%D8%A7");
        assert_eq!(replaced(b"a=1", hide), None);
    }
}
