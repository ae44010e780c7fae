//! A call as it came over the wire.

use std::collections::BTreeMap;

/// One call of a hook, before anything of it is believed.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The address that was called as its caller wrote it, query included. Twilio signs it.
    pub url: &'a str,
    /// The headers by their names in lower case.
    pub headers: &'a BTreeMap<String, String>,
    /// The body, byte for byte.
    pub body: &'a [u8],
}

impl<'a> Call<'a> {
    /// A header that is there and not empty.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.get(&name.to_ascii_lowercase()).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// The content type without its parameters, in lower case.
    #[must_use]
    pub fn media_type(&self) -> String {
        let whole = self.header("content-type").unwrap_or_default();
        whole.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// Whether the body is that of a form.
    #[must_use]
    pub fn is_form(&self) -> bool {
        self.media_type() == "application/x-www-form-urlencoded"
    }

    /// A parameter of the query, decoded.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<String> {
        let (_, query) = self.url.split_once('?')?;
        form_pairs(query.as_bytes()).into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }
}

/// The pairs of a form or a query, decoded (WHATWG URL Standard, `application/x-www-form-urlencoded` parsing). What is no
/// UTF-8 becomes replacement characters, as everywhere.
#[must_use]
pub fn form_pairs(form: &[u8]) -> Vec<(String, String)> {
    let pair = |part: &[u8]| {
        let split = part.iter().position(|byte| *byte == b'=');
        let (key, value) = split.map_or((part, &[][..]), |at| (&part[..at], &part[at + 1..]));
        (decoded(key), decoded(value))
    };
    form.split(|byte| *byte == b'&').filter(|part| !part.is_empty()).map(pair).collect()
}

fn decoded(text: &[u8]) -> String {
    let nibble = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let mut bytes = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match (byte, nibble(text.get(at + 1)), nibble(text.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(u8::try_from(high * 16 + low).unwrap_or_default());
                at += 2;
            }
            (b'+', ..) => bytes.push(b' '),
            _ => bytes.push(*byte),
        }
        at += 1;
    }
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_decoded_and_keeps_its_order_and_repeats() {
        let pairs = form_pairs(b"b=1&a=%2B+%D8%A7&a=2&&flag&half=%4&x==y&%zz=%");
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(
            pairs,
            [("b", "1"), ("a", "+ ا"), ("a", "2"), ("flag", ""), ("half", "%4"), ("x", "=y"), ("%zz", "%")]
        );
    }

    #[test]
    fn headers_are_found_whatever_their_case_and_empty_ones_are_not() {
        let headers = BTreeMap::from([("x-a".to_owned(), " 1 ".to_owned()), ("x-b".to_owned(), "  ".to_owned())]);
        let call = Call { url: "https://x/y?validationToken=a%20b&z=1", headers: &headers, body: b"" };
        assert_eq!((call.header("X-A"), call.header("x-b"), call.header("x-c")), (Some("1"), None, None));
        assert_eq!(call.query("validationToken").as_deref(), Some("a b"));
        assert_eq!(call.query("validationtoken"), None);
    }
}
