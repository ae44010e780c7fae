//! From which page a form was sent, and to which page somebody is sent back: nothing but our own.

use http::{HeaderMap, header};

/// Whether a form was sent by a page of this console. Browsers say so in `Origin`; one that leaves it out must say
/// `same-origin` in `Sec-Fetch-Site`. `public_url` is the address from outside where that is not the one in `Host`.
pub(crate) fn is_own(headers: &HeaderMap, public_url: Option<&str>) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let site = text(header::HeaderName::from_static("sec-fetch-site"));
    if site.is_some_and(|site| site != "same-origin") {
        return false;
    }
    match text(header::ORIGIN) {
        None => site.is_some(),
        Some(origin) => {
            let host = origin.split_once("://").map(|(_, host)| host);
            let ours = [text(header::HOST), public_url.and_then(host_of)];
            host.is_some_and(|host| ours.into_iter().flatten().any(|own| own.eq_ignore_ascii_case(host)))
        }
    }
}

/// Whether somebody came from a page of this console: by a link, a form or by being sent on. Browsers say so in
/// `Sec-Fetch-Site`; those that leave it out name our page in `Referer`, as our own policy lets them.
pub(crate) fn leads_from_own(headers: &HeaderMap, public_url: Option<&str>) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text(header::HeaderName::from_static("sec-fetch-site")) {
        return site == "same-origin";
    }
    let from = text(header::REFERER).and_then(host_of);
    let ours = [text(header::HOST), public_url.and_then(host_of)];
    from.is_some_and(|host| ours.into_iter().flatten().any(|own| own.eq_ignore_ascii_case(host)))
}

/// Whether somebody entered an address themselves, or chose a bookmark.
pub(crate) fn is_typed(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_some_and(|site| site == "none")
}

/// Host and port of an address.
fn host_of(url: &str) -> Option<&str> {
    url.split_once("://")?.1.split('/').next()
}

/// The path of an address, without a slash at its end: what stands before `/console`.
pub(crate) fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or("", |start| rest[start..].trim_end_matches('/'))
}

/// A page of this console, as somebody may be sent to: a path below `/console`, whatever else it may have tried to be.
pub(crate) fn local(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("/console")?;
    let begins = rest.is_empty() || rest.starts_with('/') || rest.starts_with('?');
    let plain = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\' && byte != b'"');
    (begins && plain && !path.contains("//") && !has_dots(rest) && path.len() <= 1_000).then_some(path)
}

/// Whether browsers read a part of the path as this place or the one above: a dot may be written `%2e`, too.
fn has_dots(path: &str) -> bool {
    let parts = path.split(['?', '#']).next().unwrap_or_default().split('/');
    parts.map(|part| part.to_ascii_lowercase().replace("%2e", ".")).any(|part| part == "." || part == "..")
}

/// As [`local`], for whoever has just signed in: no page that signs in, or out. One that leads on by itself to the provider
/// of another tenant would find them come from a page of ours.
pub(crate) fn onward(path: &str) -> Option<&str> {
    let local = local(path)?;
    let first = local.strip_prefix("/console")?.trim_start_matches('/').split(['/', '?', '#']).next()?;
    (!first.starts_with("sign") && !first.contains('%')).then_some(local)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (header::HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn only_our_own_pages_send_forms() {
        let host = ("host", "api.example");
        for (sent, own) in [
            (vec![host, ("origin", "https://api.example")], true),
            (vec![host, ("origin", "https://API.example"), ("sec-fetch-site", "same-origin")], true),
            (vec![host, ("origin", "https://evil.example")], false),
            (vec![host, ("origin", "https://api.example.evil.example")], false),
            (vec![host, ("origin", "null")], false),
            (vec![host], false),
            (vec![host, ("sec-fetch-site", "same-origin")], true),
            (vec![host, ("sec-fetch-site", "same-site")], false),
            (vec![host, ("origin", "https://api.example"), ("sec-fetch-site", "cross-site")], false),
        ] {
            assert_eq!(is_own(&headers(&sent), None), own, "{sent:?}");
        }
        let behind = headers(&[("host", "id.execute-api"), ("origin", "https://hub.example")]);
        assert!(is_own(&behind, Some("https://hub.example/base")));
        assert!(!is_own(&behind, Some("https://other.example")));
    }

    #[test]
    fn whoever_comes_from_our_pages_is_known_by_it() {
        let host = ("host", "api.example");
        for (sent, own) in [
            (vec![host, ("sec-fetch-site", "same-origin")], true),
            (vec![host, ("sec-fetch-site", "none")], false),
            (vec![host, ("sec-fetch-site", "cross-site"), ("referer", "https://api.example/console")], false),
            (vec![host, ("referer", "https://api.example/console/sign-in/acme")], true),
            (vec![host, ("referer", "https://api.example.evil.example/")], false),
            (vec![host, ("referer", "https://evil.example/?https://api.example/")], false),
            (vec![host], false),
        ] {
            assert_eq!(leads_from_own(&headers(&sent), None), own, "{sent:?}");
        }
    }

    #[test]
    fn nobody_is_sent_elsewhere() {
        for path in ["/console", "/console/", "/console?x=1", "/console/integrations/int_1?tab=log"] {
            assert_eq!(local(path), Some(path));
        }
        for path in [
            "",
            "/",
            "//evil.example",
            "/consoleevil",
            "/console@evil.example",
            "https://evil.example/console",
            "/console//evil.example",
            "/console/../v1/keys",
            "/console/%2e%2E/v1/keys",
            "/console/x/.%2e/keys",
            "/console/./keys",
            "/console/%2E",
            "/console/\\evil.example",
            "/console\r\nset-cookie: a=b",
            "javascript:alert(1)",
            "\\\\evil.example/console",
        ] {
            assert_eq!(local(path), None, "{path}");
        }
    }

    #[test]
    fn nobody_who_signed_in_is_led_to_a_sign_in() {
        for path in ["/console", "/console/", "/console?x=1", "/console/settings", "/console/templates/sign-in"] {
            assert_eq!(onward(path), Some(path));
        }
        for path in [
            "/console/sign-in",
            "/console/sign-in?tenant=evil",
            "/console/sign-in/evil/int_1",
            "/console/signed-in/int_1?state=x",
            "/console/%73ign-in/evil",
            "/console/./sign-in/evil",
            "/console/x/%2E./sign-in/evil",
            "https://evil.example/",
        ] {
            assert_eq!(onward(path), None, "{path}");
        }
    }

    #[test]
    fn the_base_path_is_what_stands_before_the_console() {
        assert_eq!(path_of("https://hub.example"), "");
        assert_eq!(path_of("https://hub.example/"), "");
        assert_eq!(path_of("http://127.0.0.1:1/_aws/execute-api/x/$default"), "/_aws/execute-api/x/$default");
    }
}
