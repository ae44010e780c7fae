//! The console's cookies. All have the `__Host-` prefix (RFC 6265bis, section 4.1.3.2): no other host, no path and no plain
//! connection can have set them.

use http::{HeaderMap, HeaderValue, header};

/// Holds the id of a session.
pub(crate) const SESSION: &str = "__Host-session";
/// Ties a sign-in at the organisation's provider to the browser in which it began.
pub(crate) const SIGN_IN: &str = "__Host-sign-in";
/// With which tenant's own provider people last signed in here: to that one a bookmark leads straight on.
pub(crate) const TENANT: &str = "__Host-tenant";
/// What the next page shows once.
pub(crate) const FLASH: &str = "__Host-flash";
/// Language, theme and digits.
pub(crate) const PREFERENCES: &str = "__Host-preferences";

/// The value of a cookie. One that was sent twice is none: only one of them is ours.
pub(crate) fn read<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = all.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut found = pairs.filter(|(found, _)| *found == name).map(|(_, value)| value);
    let value = found.next()?;
    found.next().is_none().then_some(value)
}

/// `Set-Cookie` that ends with the browser, or after so many seconds. The value must be of base 64 or words.
pub(crate) fn set(name: &str, value: &str, max_age_s: Option<i64>) -> Option<HeaderValue> {
    let age = max_age_s.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
    HeaderValue::from_str(&format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax{age}")).ok()
}

/// `Set-Cookie` that takes it away.
pub(crate) fn clear(name: &str) -> Option<HeaderValue> {
    set(name, "", Some(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(cookies: &[&str]) -> HeaderMap {
        cookies.iter().map(|cookie| (header::COOKIE, HeaderValue::from_str(cookie).unwrap())).collect()
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let headers = sent(&["a=1; __Host-session=abc", "b=2"]);
        assert_eq!(read(&headers, SESSION), Some("abc"));
        assert_eq!(read(&headers, FLASH), None);
    }

    #[test]
    fn two_of_a_name_are_none() {
        assert_eq!(read(&sent(&["__Host-session=mine; __Host-session=planted"]), SESSION), None);
        assert_eq!(read(&sent(&["__Host-session=mine", "__Host-session=planted"]), SESSION), None);
    }

    #[test]
    fn a_cookie_stays_on_this_host_and_away_from_scripts() {
        let cookie = set(SESSION, "abc", None).unwrap();
        assert_eq!(cookie, "__Host-session=abc; Path=/; Secure; HttpOnly; SameSite=Lax");
        assert_eq!(clear(FLASH).unwrap(), "__Host-flash=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0");
        assert_eq!(set(FLASH, "a\r\nSet-Cookie: x", None), None);
    }
}
