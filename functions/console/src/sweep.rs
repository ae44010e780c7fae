//! Every page and every form, against those who would misuse them. Which there are is read from the source, so nothing is
//! left out: a new page is tried the moment it has a route.

pub(crate) mod hostile;
mod source;

use crate::stage::{Browser, Seen, Stage};
use axum::{
    body::Body,
    http::{Request, header},
};
use domain::time::MINUTE_MS;
use hostile::{HOSTILE, SHOWN, Things};
use source::{Form, Route, forms, routes};

/// Pages on which nothing stands that others wrote.
const SHOW_NOTHING_OF_OTHERS: &[&str] = &[
    "/console/account",
    "/console/endpoints/new",
    "/console/event-types/new-type",
    "/console/event-types/{type}/delete",
    "/console/integrations/new",
    "/console/integrations/new/{provider}",
    "/console/hooks/new",
    "/console/hooks/new/{scheme}",
    "/console/keys/new",
    "/console/logs/stats",
    "/console/logs/parts",
    "/console/logs/stats",
    "/console/sign-in",
    "/console/campaigns",
    "/console/campaigns/{id}/cancel",
    "/console/campaigns/{id}/errors",
    "/console/campaigns/{id}/resend-unknown",
    "/console/suppressions/remove",
    "/console/templates/new",
];

/// Pages of people who are not signed in.
const OPEN_TO_ALL: &[&str] = &[
    "/console/sign-in",
    "/console/sign-in/{tenant}",
    "/console/sign-in/{tenant}/{integration}",
    "/console/signed-in/{integration}",
];

/// Addresses that have nothing of their own to show without more than the address says.
const LEAD_ON: &[&str] =
    &["/console/logs/file.csv", "/console/sign-in/{tenant}/{integration}", "/console/signed-in/{integration}"];

/// Forms of people who are not signed in: they need no token, since there is no session whose it could be. They come from
/// our own pages all the same.
const NEED_NO_SESSION: &[&str] = &["/console/preferences", "/console/sign-in"];

/// Not pages: files that hold nothing of anybody's, and what is answered where there is no page.
const NO_PAGES: &[&str] = &["/console/assets/{name}", "/console/{*rest}"];

fn pages() -> impl Iterator<Item = Route> {
    routes().into_iter().filter(|route| route.get && !NO_PAGES.contains(&route.pattern.as_str()))
}

/// The address of a page of something hostile.
fn address(things: &Things, pattern: &str) -> String {
    things.fill(pattern).unwrap_or_else(|missing| {
        panic!(
            "{pattern}: nothing stands for `{missing}` yet. Make such a thing in `sweep/hostile.rs`, with HOSTILE wherever \
             its owner or an outsider writes, and add `(\"{missing}\", <its id>)` to the list at the end of `fill`"
        )
    })
}

/// Nothing of what others wrote is anything but text. Whatever is shown as they made it (a template's preview) is a document
/// whose policy lets nothing in it run.
fn is_text(seen: &Seen, of: &str) {
    let policy = seen.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    let caged =
        policy.contains("sandbox") && !policy.contains("allow-scripts") && !policy.contains("allow-same-origin");
    let is_page =
        seen.headers.get(header::CONTENT_TYPE).is_none_or(|kind| kind.to_str().unwrap().starts_with("text/html"));
    if caged || !is_page {
        return;
    }
    for raw in ["<script>", "<img", "onerror='alert(2)'>", "'alert(2)' "] {
        assert!(!seen.body.contains(raw), "{of} has what others wrote in it as markup: `{raw}` in {}", seen.body);
    }
    for unwanted in ["style=\"", " onclick", "javascript:", "<iframe srcdoc"] {
        assert!(!seen.body.contains(unwanted), "{of} has `{unwanted}`, which the policy forbids: {}", seen.body);
    }
}

/// What every answer carries, page or refusal.
fn is_guarded(seen: &Seen, of: &str) {
    let text = |name: &str| seen.headers.get(name).map_or("", |value| value.to_str().unwrap());
    let policy = text("content-security-policy");
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{of}: {policy}");
    // A preview stands in a frame of our own page, and in nobody else's.
    let unframed = policy.contains("frame-ancestors 'none'") && text("x-frame-options") == "DENY";
    let framed_by_us = policy.contains("sandbox") && policy.contains("frame-ancestors 'self'");
    assert!(unframed || framed_by_us, "{of} can be framed: {policy}");
    assert_eq!(text("x-content-type-options"), "nosniff", "{of}");
    assert_eq!(text("cache-control"), "no-store", "{of} is kept by browsers or proxies");
    assert!(seen.status < 500, "{of} fails with {}: {}", seen.status, said(seen));
}

/// What a page says, without what stands around it on every page.
fn said(seen: &Seen) -> &str {
    let body = seen.body.split_once("<main").map_or(seen.body.as_str(), |(_, rest)| rest);
    body.split_once("</main>").map_or(body, |(main, _)| main)
}

/// Lets as much time go by as a person takes between two pages.
fn pause(stage: &Stage) {
    stage.clock.advance_ms(1_000);
}

async fn scene() -> (Stage, Browser, Things) {
    let stage = Stage::new().await;
    let (key, _) = stage.key("acme", "*", 1).await;
    let things = hostile::fill(&stage).await;
    let browser = stage.browser(&key).await;
    (stage, browser, things)
}

#[tokio::test]
async fn what_others_wrote_is_text_on_every_page() {
    let (stage, browser, things) = scene().await;
    let mut bare = Vec::new();
    for Route { pattern, .. } in pages() {
        let path = address(&things, &pattern);
        for language in ["en", "ar"] {
            pause(&stage);
            let seen = stage.look(&browser.session, &path, language).await;
            is_guarded(&seen, &path);
            is_text(&seen, &path);
            if LEAD_ON.contains(&pattern.as_str()) {
                continue;
            }
            assert_eq!(seen.status, 200, "{path}: {}", said(&seen));
            assert!(seen.body.len() <= 100_000, "{path} has {} bytes", seen.body.len());
            if seen.headers[header::CONTENT_TYPE] == "text/html; charset=utf-8" && seen.body.contains("<html") {
                assert!(seen.body.contains(&format!("<html lang=\"{language}\"")), "{path}");
            }
            let shows = seen.body.contains(SHOWN) || seen.body.contains("<img src=x");
            if !shows && language == "en" && !SHOW_NOTHING_OF_OTHERS.contains(&pattern.as_str()) {
                bare.push(pattern.clone());
            }
        }
    }
    assert!(
        bare.is_empty(),
        "these pages show nothing hostile, so nothing was tried there. Have `sweep/hostile.rs` fill what they show, or, if \
         nothing on them was written by others, add them to SHOW_NOTHING_OF_OTHERS: {bare:#?}"
    );
}

#[tokio::test]
async fn what_is_looked_for_is_text_on_every_page() {
    let (stage, browser, things) = scene().await;
    for Route { pattern, .. } in pages() {
        let path = address(&things, &pattern);
        pause(&stage);
        let page = stage.get(&browser.session, &path).await.body;
        let mut names: Vec<String> =
            forms(&page).into_iter().filter(|form| !form.post).flat_map(|form| form.names()).collect();
        names.extend(["q", "cursor", "next", "back"].map(str::to_owned));
        for name in names {
            let query = form_urlencoded::Serializer::new(String::new()).append_pair(&name, HOSTILE).finish();
            let asked = format!("{path}?{query}");
            pause(&stage);
            let seen = stage.look(&browser.session, &asked, "ar").await;
            is_guarded(&seen, &asked);
            is_text(&seen, &asked);
        }
    }
}

/// The forms of all pages by the route that they are sent to.
async fn forms_of_all_pages() -> Vec<(String, Form)> {
    let (stage, browser, things) = scene().await;
    let all = routes();
    let mut found: Vec<(String, Form)> = Vec::new();
    for Route { pattern, .. } in pages() {
        let path = address(&things, &pattern);
        pause(&stage);
        let page = stage.get(&browser.session, &path).await.body;
        for form in forms(&page).into_iter().filter(|form| form.post) {
            let action = form.action.clone().unwrap_or_else(|| format!("/base{path}"));
            let target = action.strip_prefix("/base").unwrap_or_else(|| panic!("{path} has a form to {action}"));
            let target = target.split(['?', '#']).next().unwrap();
            let route =
                source::best(&all, target).unwrap_or_else(|| panic!("{path} has a form to {action}, which is no page"));
            assert!(route.post, "{path} has a form to {action}, which takes none");
            let tokenless = NEED_NO_SESSION.contains(&route.pattern.as_str());
            assert!(
                form.has("csrf") || tokenless,
                "a form on {path} to {action} has no token: begin it with `visit.token()`"
            );
            found.push((target.to_owned(), form));
        }
    }
    found.sort_by(|one, other| one.0.cmp(&other.0));
    found.dedup_by(|one, other| one.0 == other.0 && one.1.names() == other.1.names());
    // The ids are another scene's: what stands in an address is given by its pattern.
    found.into_iter().map(|(target, form)| (source::best(&all, &target).unwrap().pattern.clone(), form)).collect()
}

#[tokio::test]
async fn what_a_form_is_sent_is_text_wherever_it_comes_back() {
    for (pattern, form) in forms_of_all_pages().await {
        // All that a person can enter; and what a forger could, in every field.
        for forged in [false, true] {
            let (stage, browser, things) = scene().await;
            let path = address(&things, &pattern);
            let fields: Vec<_> = form.filled(HOSTILE, forged).into_iter().filter(|(name, _)| name != "csrf").collect();
            let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let seen = stage.post(&browser, &path, &fields).await;
            is_guarded(&seen, &path);
            is_text(&seen, &path);
            if seen.status == 303 {
                let target =
                    seen.location().strip_prefix("/base").unwrap_or_else(|| panic!("{path} leads out")).to_owned();
                let cookies = seen.cookie("__Host-flash").unwrap_or_default();
                let shown = stage.told(&browser.session, &target, &cookies).await;
                is_guarded(&shown, &target);
                is_text(&shown, &target);
            }
        }
    }
}

/// All that is stored, without what the store counts of its own calls.
fn kept(stage: &Stage) -> String {
    let whole = format!("{:?}", *stage.store);
    whole.split("faults: Mutex").next().unwrap().to_owned()
}

#[tokio::test]
async fn a_form_that_no_page_of_the_session_sent_does_nothing() {
    let (stage, _, things) = scene().await;
    let (key, _) = stage.key("acme", "*", 60).await;
    let other = stage.browser(&key).await;
    for Route { pattern, post, get } in routes() {
        if !post {
            continue;
        }
        let path = address(&things, &pattern);
        let browser = stage.browser(&key).await;
        let before = kept(&stage);
        let signed_in = !NEED_NO_SESSION.contains(&pattern.as_str());
        for token in ["", "x", other.csrf.as_str()].into_iter().filter(|_| signed_in) {
            let refused = stage.post_as(&browser.session, &path, &[("csrf", token)]).await;
            assert_eq!(refused.status, 403, "{path} takes the token `{token}`: {}", said(&refused));
            is_guarded(&refused, &path);
        }
        for (name, value) in [
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("origin", "http://127.0.0.1:9999"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("x-nothing", "neither Origin nor Sec-Fetch-Site"),
        ] {
            let request = Request::post(&path)
                .header(header::HOST, "127.0.0.1:4566")
                .header(name, value)
                .header(header::COOKIE, format!("__Host-session={}", browser.session));
            let body = Body::from(format!("csrf={}", browser.csrf));
            let refused = stage.send(request.body(body).unwrap()).await;
            assert_eq!(refused.status, 403, "{path} takes a form with {name}: {value}");
            assert!(refused.cookie("__Host-session").is_none(), "{path} changes who is signed in");
        }
        if !get {
            let looked = stage.get(&browser.session, &path).await;
            assert_eq!(looked.status, 405, "a link to {path} does something, or another page takes its address");
        }
        let after = kept(&stage);
        let change =
            before.bytes().zip(after.bytes()).position(|(one, other)| one != other).map(|at| at.saturating_sub(200));
        let change = change.and_then(|at| after.get(at..at + 400)).unwrap_or("at its end");
        assert!(before == after, "{path} changes something all the same: {change}");
        stage.clock.advance_ms(MINUTE_MS);
    }
}

#[tokio::test]
async fn nobody_who_is_signed_out_sees_or_does_anything() {
    let (stage, _, things) = scene().await;
    for Route { pattern, post, get } in routes() {
        if NO_PAGES.contains(&pattern.as_str()) {
            continue;
        }
        let path = address(&things, &pattern);
        if get && !OPEN_TO_ALL.contains(&pattern.as_str()) {
            let seen = stage.get("", &path).await;
            assert_eq!(seen.status, 303, "{path} is open to everybody");
            assert!(seen.location().starts_with("/base/console/sign-in"), "{path}: {}", seen.location());
        }
        if post && !NEED_NO_SESSION.contains(&pattern.as_str()) {
            let seen = stage.post_as("A", &path, &[("csrf", "x")]).await;
            assert!(
                seen.status == 303 && seen.location() == "/base/console/sign-in",
                "{path} can be sent by everybody"
            );
        }
    }
}

/// Whoever follows an answer stays with us. What stands in a query is text, and tried again where it is used.
fn stays(seen: &Seen, of: &str) {
    let target = seen.location().split('?').next().unwrap();
    let ours = target == "/base/console" || target.starts_with("/base/console/");
    assert!(
        target.is_empty() || (ours && !target.contains("//") && !target.contains("evil")),
        "{of} leads to {target}"
    );
}

#[tokio::test]
async fn no_form_and_no_page_leads_to_another_site() {
    const ELSEWHERE: [&str; 6] = [
        "https://evil.example/",
        "//evil.example/console",
        "/console//evil.example",
        "/\\evil.example/console",
        "/console\r\nset-cookie: x=y",
        "javascript:alert(1)//evil.example",
    ];
    for Route { pattern, post, get } in routes().into_iter().filter(|it| !NO_PAGES.contains(&it.pattern.as_str())) {
        let (stage, browser, things) = scene().await;
        let path = address(&things, &pattern);
        for target in ELSEWHERE {
            pause(&stage);
            let fields = [("back", target), ("next", target), ("to", target), ("url", target), ("return", target)];
            if post {
                let seen = stage.post(&browser, &path, &fields).await;
                stays(&seen, &path);
                assert!(!seen.headers.contains_key("refresh"), "{path} leads on to {:?}", seen.headers.get("refresh"));
            }
            if get {
                let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
                let seen = stage.get(&browser.session, &format!("{path}?{query}")).await;
                stays(&seen, &path);
                for link in seen.body.split("href=\"").chain(seen.body.split("action=\"")).skip(1) {
                    let link = link.split('"').next().unwrap();
                    assert!(!link.starts_with("https://evil") && !link.starts_with("//"), "{path} links to {link}");
                    assert!(!link.trim_start().starts_with("javascript"), "{path} links to {link}");
                }
            }
        }
    }
}

#[tokio::test]
async fn another_tenants_things_are_unknown_on_every_page_and_to_every_form() {
    let (stage, _, things) = scene().await;
    let (key, _) = stage.key("other", "*", 9).await;
    let browser = stage.browser(&key).await;
    let written = format!("{HOSTILE:?}");
    let acme = |stage: &Stage| format!("{:?}", *stage.store).matches(written.trim_matches('"')).count();
    let before = acme(&stage);
    for Route { pattern, post, get } in routes() {
        if NO_PAGES.contains(&pattern.as_str()) || OPEN_TO_ALL.contains(&pattern.as_str()) {
            continue;
        }
        pause(&stage);
        let path = address(&things, &pattern);
        if get {
            let seen = stage.get(&browser.session, &path).await;
            assert!(!seen.body.contains(SHOWN), "{path} shows what is another tenant's: {}", said(&seen));
            let owned = pattern.contains("{id}") || pattern.contains("{type}");
            assert!(!owned || seen.status == 404, "{path} is {} for another tenant", seen.status);
        }
        if post && pattern.contains('{') {
            let seen = stage.post(&browser, &path, &[]).await;
            assert!(!seen.body.contains(SHOWN), "{path} answers with what is another tenant's: {}", said(&seen));
        }
    }
    assert_eq!(before, acme(&stage), "something of another tenant's was changed or taken");
}
