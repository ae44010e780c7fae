//! Whom the organisation's provider lets in, and what an attacker would try.

use crate::stage::{Browser, Seen, Stage, audit, scope};
use axum::{
    body::Body,
    http::{Request, header},
};
use domain::{
    channel::Provider,
    integration::Integration,
    secret::{Secret, Secrets},
    sign_in::SIGN_IN_MS,
    time::Clock,
};
use doubles::oidc::{CLIENT_ID, CLIENT_SECRET, OidcDouble};
use runtime::testing::{START, integration};
use serde_json::{Value, json};
use store::{Audit, Integrations};

/// A tenant whose people sign in with its own provider.
struct Company {
    stage: Stage,
    provider: OidcDouble,
    integration: Integration,
}

/// A sign-in that somebody has begun: the provider's answer to it, and the cookie of their browser.
struct Begun {
    query: String,
    cookie: String,
}

impl Company {
    async fn new() -> Self {
        let (stage, provider) = (Stage::new().await, OidcDouble::start(START.0 / 1_000).await.unwrap());
        let config = json!({
            "issuer": provider.url(), "client_id": CLIENT_ID, "audience": "api", "roles_claim": "roles",
            "admin_roles": ["Boss"], "operator_roles": ["Operator"], "viewer_roles": ["Guest"],
        });
        let Value::Object(config) = config else { unreachable!() };
        let integration = Integration { config, secret_version: 1, ..integration(Provider::Entra) };
        let secrets = Secrets::from([("client_secret".to_owned(), Secret::new(CLIENT_SECRET.to_owned()))]);
        let sealed = stage.vault.seal(&scope("acme"), &integration.id, 1, &secrets).await.unwrap();
        stage.store.save_integration(&scope("acme"), &integration, Some(&sealed), false, &audit()).await.unwrap();
        Self { stage, provider, integration }
    }

    fn says(&self, roles: &[&str]) {
        self.provider.behaviour().access = json!({ "roles": roles });
    }

    /// Changes the stored integration.
    async fn change(&mut self, change: impl FnOnce(&mut Integration)) {
        change(&mut self.integration);
        self.integration.rev += 1;
        self.stage.store.save_integration(&scope("acme"), &self.integration, None, false, &audit()).await.unwrap();
    }

    /// Looks at a page, coming from one of this kind of sites.
    async fn look(&self, path: &str, cookies: &str, site: &str) -> Seen {
        let request = Request::get(path)
            .header(header::HOST, "127.0.0.1:4566")
            .header(header::ACCEPT_LANGUAGE, "en")
            .header("sec-fetch-site", site)
            .header(header::COOKIE, cookies);
        self.stage.send(request.body(Body::empty()).unwrap()).await
    }

    fn door(&self) -> String {
        format!("/console/sign-in/acme/{}", self.integration.id)
    }

    /// Begins at our own page, and signs in at the provider's.
    async fn begin(&self, next: &str) -> Begun {
        let next: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
        let begun = self.look(&format!("{}?next={next}", self.door()), "", "same-origin").await;
        assert_eq!(begun.status, 303, "{}", begun.body);
        let url = begun.location();
        assert!(url.starts_with(&self.provider.url()) && url.contains("code_challenge_method=S256"), "{url}");
        let code = self.provider.sign_in_as(url);
        let query = format!("state={}&code={code}", state_of(url));
        Begun { query, cookie: format!("__Host-sign-in={}", begun.cookie("__Host-sign-in").unwrap()) }
    }

    /// Comes back with an answer of the provider.
    async fn back(&self, query: &str, cookies: &str) -> Seen {
        self.look(&format!("/console/signed-in/{}?{query}", self.integration.id), cookies, "cross-site").await
    }

    async fn sign_in(&self, roles: &[&str]) -> Browser {
        self.says(roles);
        let Begun { query, cookie } = self.begin("").await;
        let session = self.back(&query, &cookie).await.cookie("__Host-session").unwrap();
        self.stage.browser_of(session).await
    }

    fn codes_shown(&self) -> u32 {
        self.provider.behaviour().asked.get("token").copied().unwrap_or_default()
    }
}

fn state_of(url: &str) -> &str {
    url.split('&').find_map(|pair| pair.strip_prefix("state=")).unwrap()
}

fn refused(seen: &Seen, status: u16) {
    assert_eq!(seen.status, status, "{}", seen.body);
    assert_eq!(seen.cookie("__Host-session"), None);
}

#[tokio::test]
async fn a_person_with_a_role_signs_in_and_it_is_remembered_who_did() {
    let company = Company::new().await;
    company.says(&["Boss", "else"]);
    let Begun { query, cookie } = company.begin("/console/keys?x=1").await;
    let entered = company.back(&query, &cookie).await;
    assert_eq!((entered.status, entered.location()), (303, "/base/console/keys?x=1"));
    assert_eq!(entered.cookie("__Host-sign-in").as_deref(), Some(""), "it is taken away");
    assert_eq!(entered.cookie("__Host-tenant").as_deref(), Some("acme"), "a bookmark leads straight on from now on");
    let session = entered.cookie("__Host-session").unwrap();
    assert_eq!(session.len(), 43, "256 bits");
    let account = company.stage.get(&session, "/console/account").await.body;
    for words in ["sara@acme.example", "user:sub-", "<bdi>Boss</bdi>", "keys:write", "This one"] {
        assert!(account.contains(words), "{words}: {account}");
    }
    let trail = company.stage.store.audit(&scope("acme"), None, 99).await.unwrap().items;
    let last = trail.last().unwrap();
    assert_eq!((last.action.as_str(), &last.target), ("console.signed_in", &company.integration.id.to_string()));
    assert!(last.principal.starts_with("user:sub-") && !format!("{trail:?}").contains("sara"));
    let stored = format!("{:?}", *company.stage.store);
    assert!(!stored.contains(&session) && !stored.contains(&cookie[15..]), "the store could sign nobody in");
}

#[tokio::test]
async fn the_provider_is_told_to_come_back_to_this_integration() {
    let company = Company::new().await;
    let begun = company.look(&company.door(), "", "same-origin").await;
    let back = format!("http://127.0.0.1:4566/base/console/signed-in/{}", company.integration.id);
    let back: String = form_urlencoded::byte_serialize(back.as_bytes()).collect();
    assert!(begun.location().contains(&format!("redirect_uri={back}&")), "{}", begun.location());
    assert!(!begun.location().contains("CANARY"));
    let cookies: Vec<_> = begun.headers.get_all(header::SET_COOKIE).iter().collect();
    let [cookie] = cookies[..] else { panic!("{cookies:?}") };
    assert!(cookie.to_str().unwrap().ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=600"), "{cookie:?}");
}

#[tokio::test]
async fn an_answer_that_this_browser_does_not_wait_for_lets_nobody_in() {
    let mut company = Company::new().await;
    company.says(&["Boss"]);
    let mine = company.begin("").await;
    refused(&company.back("state=made-up&code=the-code", &mine.cookie).await, 400);
    refused(&company.back(&format!("state={}&code=x", "s".repeat(99)), &mine.cookie).await, 400);
    refused(&company.back("code=the-code", &mine.cookie).await, 400);

    // The attacker's answer in somebody else's browser, or theirs in the attacker's: with another cookie, or with none.
    let theirs = company.begin("").await;
    refused(&company.back(&theirs.query, &mine.cookie).await, 400);
    refused(&company.back(&theirs.query, &theirs.cookie).await, 400);
    refused(&company.back(&company.begin("").await.query, "").await, 400);
    let twice = company.begin("").await;
    refused(&company.back(&twice.query, &format!("{}; {}", twice.cookie, mine.cookie)).await, 400);

    // At the address of another integration, as a provider would have it that passes people on to another one.
    let other = company.begin("").await;
    let path = format!("/console/signed-in/{}?{}", integration(Provider::Entra).id, other.query);
    refused(&company.look(&path, &other.cookie, "cross-site").await, 400);

    let late = company.begin("").await;
    company.stage.clock.advance_ms(SIGN_IN_MS);
    refused(&company.back(&late.query, &late.cookie).await, 400);
    let disabled = company.begin("").await;
    company.change(|integration| integration.enabled = false).await;
    refused(&company.back(&disabled.query, &disabled.cookie).await, 400);
    assert_eq!(company.codes_shown(), 0, "no code was shown to anybody");
}

#[tokio::test]
async fn an_answer_counts_once() {
    let company = Company::new().await;
    company.says(&["Boss"]);
    let begun = company.begin("").await;
    assert_eq!(company.back(&begun.query, &begun.cookie).await.status, 303);
    refused(&company.back(&begun.query, &begun.cookie).await, 400);
}

#[tokio::test]
async fn the_state_of_a_test_of_the_sign_in_lets_nobody_in() {
    let company = Company::new().await;
    company.says(&["Boss"]);
    let (key, _) = company.stage.key("acme", "console:use integrations:*", 1).await;
    let browser = company.stage.browser(&key).await;
    let path = format!("/console/integrations/{}/sign-in-test", company.integration.id);
    let left = company.stage.post(&browser, &path, &[]).await;
    assert_eq!(left.status, 200, "{}", left.body);
    let url = left.headers["refresh"].to_str().unwrap().strip_prefix("0; url=").unwrap().to_owned();
    assert!(url.starts_with(&company.provider.url()), "{url}");
    let mine = company.begin("").await;
    let code = company.provider.sign_in_as(&url);
    refused(&company.back(&format!("state={}&code={code}", state_of(&url)), &mine.cookie).await, 400);
    assert_eq!(company.codes_shown(), 0);
}

#[tokio::test]
async fn what_the_provider_says_must_be_of_this_sign_in() {
    let company = Company::new().await;
    company.says(&["Boss"]);
    let issuer: String = form_urlencoded::byte_serialize(company.provider.url().as_bytes()).collect();
    let begun = company.begin("").await;
    refused(&company.back(&format!("{}&iss=https://evil.example", begun.query), &begun.cookie).await, 502);
    company.provider.behaviour().names_itself = true;
    let begun = company.begin("").await;
    refused(&company.back(&begun.query, &begun.cookie).await, 502);
    assert_eq!(company.codes_shown(), 0);
    for wrong in [json!({"nonce": "of another"}), json!({"aud": "other"}), json!({"iss": "https://evil.example"})] {
        company.provider.behaviour().id = wrong;
        let begun = company.begin("").await;
        refused(&company.back(&format!("{}&iss={issuer}", begun.query), &begun.cookie).await, 502);
    }
    company.provider.behaviour().id = json!({});
    let begun = company.begin("").await;
    refused(&company.back(&begun.query.replace("the-code", "made-up"), &begun.cookie).await, 502);
    for (error, status, words) in [("access_denied", 200, "did not sign in"), ("%3Cb%3E", 502, "oidc_sign_in_refused")]
    {
        let begun = company.begin("").await;
        let answer = begun.query.replace("code=the-code", &format!("error={error}&error_description=CANARY"));
        let seen = company.back(&answer, &begun.cookie).await;
        refused(&seen, status);
        assert!(seen.body.contains(words) && !seen.body.contains("CANARY"), "{}", seen.body);
    }
    let begun = company.begin("").await;
    assert_eq!(company.back(&format!("{}&iss={issuer}", begun.query), &begun.cookie).await.status, 303);
}

#[tokio::test]
async fn nobody_is_sent_elsewhere_and_no_session_is_carried_on() {
    let company = Company::new().await;
    company.says(&["Guest"]);
    let (key, _) = company.stage.key("acme", "*", 1).await;
    let before = company.stage.browser(&key).await.session;
    let planted = "A".repeat(43);
    for (next, session) in [("https://evil.example/", &planted), ("//evil.example", &before)] {
        let begun = company.begin(next).await;
        let cookies = format!("{}; __Host-session={session}", begun.cookie);
        let entered = company.back(&begun.query, &cookies).await;
        assert_eq!((entered.status, entered.location()), (303, "/base/console"));
        assert_ne!(entered.cookie("__Host-session").as_ref(), Some(session));
        assert!(!company.stage.knows(session).await, "what was there before is over");
    }
}

#[tokio::test]
async fn a_page_of_others_leads_nobody_through_a_sign_in() {
    let company = Company::new().await;
    let page = "/console/sign-in/acme";
    for site in ["cross-site", "same-site", "none"] {
        let led = company.look(&company.door(), "", site).await;
        assert_eq!((led.status, led.location()), (303, "/base/console/sign-in/acme"), "{site}");
        assert_eq!(led.cookie("__Host-sign-in"), None);
    }
    let led = company.look(page, "", "cross-site").await;
    assert!(!led.headers.contains_key("refresh") && led.body.contains("<bdi>acme</bdi>"), "{}", led.body);
    for (site, cookie) in [("none", "__Host-tenant=acme"), ("same-origin", "")] {
        let led = company.look(&format!("{page}?next=/console/keys"), cookie, site).await;
        let onward = format!("0; url=/base{}?next=%2Fconsole%2Fkeys", company.door());
        assert_eq!((led.status, led.headers["refresh"].to_str().unwrap()), (200, onward.as_str()));
    }
    // A link in a mail looks like a bookmark to us.
    for cookie in ["", "__Host-tenant=other"] {
        let led = company.look(page, cookie, "none").await;
        assert!(!led.headers.contains_key("refresh") && led.body.contains("<bdi>acme</bdi>"), "{cookie}: {}", led.body);
    }
    // Whoever only chooses another language on the page comes back to the page.
    let back = led.body.split_once("name=\"back\" value=\"").unwrap().1.split('"').next().unwrap();
    let again = company.look(&back.replace("&amp;", "&"), "", "same-origin").await;
    assert!(!again.headers.contains_key("refresh") && again.body.contains("<bdi>acme</bdi>"), "{}", again.body);
    // The form for it leads to the same page, for those without a bookmark.
    let named = company.look("/console/sign-in?tenant=%20ACME&next=/console/keys", "", "same-origin").await;
    assert_eq!((named.status, named.location()), (303, "/base/console/sign-in/acme?next=%2Fconsole%2Fkeys"));
}

#[tokio::test]
async fn whoever_signs_in_is_not_sent_on_to_the_sign_in_of_others() {
    let company = Company::new().await;
    let (key, _) = company.stage.key("other", "*", 1).await;
    for next in ["/console/sign-in/acme".to_owned(), company.door(), "/console/./sign-in/acme".to_owned()] {
        let form = [("key", key.whole().expose()), ("next", next.as_str())];
        let entered = company.stage.post_as("", "/console/sign-in", &form).await;
        assert!(entered.cookie("__Host-session").is_some(), "{}", entered.body);
        assert_eq!(entered.location(), "/base/console", "{next}");
    }
}

#[tokio::test]
async fn strangers_do_not_learn_which_tenants_there_are() {
    let mut company = Company::new().await;
    let ask = async |company: &Company, tenant: &str, rest: &str| {
        let seen = company.look(&format!("/console/sign-in/{tenant}{rest}"), "", "same-origin").await;
        (seen.status, seen.body.replace(&format!("/sign-in/{tenant}"), "/sign-in/TENANT"))
    };
    let unknown = ask(&company, "nobody", "").await;
    assert_eq!(unknown.0, 404);
    assert_eq!(ask(&company, "other", "").await, unknown, "a tenant without sign-in");
    let rest = format!("/{}", company.integration.id);
    assert_eq!(
        ask(&company, "other", &rest).await,
        ask(&company, "nobody", &rest).await,
        "another tenant's integration"
    );
    assert_eq!(ask(&company, "other", &rest).await.0, 404);
    company.change(|integration| integration.enabled = false).await;
    assert_eq!(ask(&company, "acme", "").await, unknown, "one whose sign-in is disabled");
    assert_eq!(company.look("/console/sign-in?tenant=%2e%2e/x", "", "same-origin").await.status, 404);
}

#[tokio::test]
async fn somebody_without_a_role_is_told_and_stays_outside() {
    let company = Company::new().await;
    for (roles, language) in [(vec!["<i>else"], "en"), (vec![], "ar")] {
        company.says(&roles);
        let begun = company.begin("").await;
        let path = format!("/console/signed-in/{}?{}", company.integration.id, begun.query);
        let request = Request::get(path).header(header::ACCEPT_LANGUAGE, language).header(header::COOKIE, begun.cookie);
        let told = company.stage.send(request.body(Body::empty()).unwrap()).await;
        refused(&told, 403);
        let words = if language == "en" { "You have no role here" } else { "لا دور لك هنا" };
        assert!(told.body.contains(words) && told.body.contains("sara@acme.example"), "{}", told.body);
        assert!(!told.body.contains("<i>") && !told.body.contains("eyJ"), "{}", told.body);
    }
    let trail = company.stage.store.audit(&scope("acme"), None, 99).await.unwrap().items;
    assert!(trail.iter().all(|entry| entry.action != "console.signed_in"));
}

#[tokio::test]
async fn a_session_ends_with_what_it_stands_on() {
    type Change = fn(&mut Integration);
    let changes: [(&str, Change); 6] = [
        ("disabled", |integration| integration.enabled = false),
        ("deleted", |integration| integration.deleted_at = Some(START)),
        ("the role is nobody's", |integration| integration.config["viewer_roles"] = json!(["Visitor"])),
        ("another claim", |integration| integration.config["roles_claim"] = json!("groups")),
        ("another issuer", |integration| integration.config["issuer"] = json!("https://id.example")),
        ("another audience", |integration| integration.config["audience"] = json!("other")),
    ];
    for (what, change) in changes {
        let mut company = Company::new().await;
        let browser = company.sign_in(&["Guest"]).await;
        company.change(|integration| integration.name = "Renamed".to_owned()).await;
        assert_eq!(company.stage.get(&browser.session, "/console").await.status, 200, "{what}");
        company.change(change).await;
        let asked = company.stage.get(&browser.session, "/console").await;
        assert_eq!((asked.status, asked.location()), (303, "/base/console/sign-in"), "{what}");
        assert!(!company.stage.knows(&browser.session).await, "{what}");
    }
    let mut company = Company::new().await;
    let browser = company.sign_in(&["Boss"]).await;
    assert_eq!(company.stage.get(&browser.session, "/console/keys").await.status, 200);
    company
        .change(|integration| {
            integration.config["admin_roles"] = json!([]);
            integration.config["viewer_roles"] = json!(["Boss"]);
        })
        .await;
    assert_eq!(company.stage.get(&browser.session, "/console/keys").await.status, 403, "a viewer from now on");
    assert_eq!(company.stage.get(&browser.session, "/console").await.status, 200);
}

#[tokio::test]
async fn a_viewer_looks_an_operator_runs_and_neither_changes_who_may() {
    let company = Company::new().await;
    let page = format!("/console/integrations/{}", company.integration.id);
    let (viewer, operator) = (company.sign_in(&["Guest"]).await, company.sign_in(&["Operator"]).await);
    for path in ["/console", "/console/integrations", &page, "/console/campaigns", "/console/hooks", "/console/account"]
    {
        for browser in [&viewer, &operator] {
            let seen = company.stage.get(&browser.session, path).await;
            assert_eq!(seen.status, 200, "{path}: {}", seen.body);
        }
    }
    for path in ["/console/keys", "/console/audit"] {
        for browser in [&viewer, &operator] {
            assert_eq!(company.stage.get(&browser.session, path).await.status, 403, "{path}");
        }
    }
    let shown = async |browser: &Browser| company.stage.get(&browser.session, &page).await.body;
    let (viewers, operators) = (shown(&viewer).await, shown(&operator).await);
    for action in ["edit", "secrets", "disable", "delete", "probe"] {
        assert!(!viewers.contains(&format!("{page}/{action}")) && !operators.contains(&format!("{page}/{action}")));
    }
    for action in ["test\"", "sign-in-test\""] {
        assert!(!viewers.contains(&format!("{page}/{action}")) && operators.contains(&format!("{page}/{action}")));
    }
    for (browser, action) in [
        (&viewer, "test"),
        (&viewer, "disable"),
        (&viewer, "delete"),
        (&viewer, "sign-in-test"),
        (&operator, "disable"),
        (&operator, "delete"),
    ] {
        let refused = company.stage.post(browser, &format!("{page}/{action}"), &[]).await;
        let flash = refused.cookie("__Host-flash").unwrap();
        let told = crate::flash::Flash::read(&flash).unwrap();
        assert!(told.detail.contains("which none of your roles gives"), "{action}: {told:?}");
    }
    let form = [("name", "x"), ("scope", "*")];
    assert_eq!(company.stage.post(&operator, "/console/keys/new", &form).await.status, 403);
    let kept = company.stage.store.integration(&scope("acme"), &company.integration.id).await.unwrap().unwrap();
    assert_eq!(kept, company.integration);
}

#[tokio::test]
async fn one_sees_and_ends_ones_own_sessions_and_no_others() {
    let company = Company::new().await;
    let (first, second) = (company.sign_in(&["Guest"]).await, company.sign_in(&["Guest"]).await);
    let (key, _) = company.stage.key("acme", "*", 1).await;
    let admin = company.stage.browser(&key).await;
    let hash = crate::visit::hash;
    let page = company.stage.get(&first.session, "/console/account").await.body;
    assert!(page.contains(&hash(&second.session)) && !page.contains(&hash(&admin.session)), "{page}");
    assert!(!page.contains(&second.session));
    let end =
        async |of: &str| company.stage.post(&first, "/console/account/sessions/end", &[("session", &hash(of))]).await;
    assert_eq!(end(&admin.session).await.status, 303);
    assert!(company.stage.knows(&admin.session).await, "somebody else's");
    assert_eq!(end(&second.session).await.status, 303);
    assert!(!company.stage.knows(&second.session).await);
    let third = company.sign_in(&["Guest"]).await;
    company.stage.post(&first, "/console/sign-out-everywhere", &[]).await;
    assert!(!company.stage.knows(&first.session).await && !company.stage.knows(&third.session).await);
    assert!(company.stage.knows(&admin.session).await);
}

#[tokio::test]
async fn a_session_that_hurries_like_a_program_has_to_wait() {
    let company = Company::new().await;
    let browser = company.sign_in(&["Guest"]).await;
    let mut last = 0;
    for _ in 0..100 {
        last = company.stage.get(&browser.session, "/console/account").await.status;
    }
    assert_eq!(last, 429);
    let waits = company.stage.get(&browser.session, "/console/account").await;
    assert_eq!((waits.status, waits.headers[header::RETRY_AFTER].to_str().unwrap()), (429, "1"));
    company.stage.clock.advance_ms(1_000);
    assert_eq!(company.stage.get(&browser.session, "/console/account").await.status, 200);
    assert!(company.stage.clock.now() > START);
}

#[tokio::test]
async fn what_to_register_is_on_the_page_and_what_fails_is_told() {
    let mut company = Company::new().await;
    let (key, _) = company.stage.key("acme", "*", 1).await;
    let browser = company.stage.browser(&key).await;
    let page = format!("/console/integrations/{}", company.integration.id);
    let shown = company.stage.get(&browser.session, &page).await.body;
    let site = "http://127.0.0.1:4566/base";
    for address in [
        format!("{site}/console/signed-in/{}", company.integration.id),
        format!("{site}/v1/sign-in/callback"),
        format!("{site}/console/sign-in/acme"),
    ] {
        assert!(shown.contains(&format!("value=\"{address}\"")), "{address}: {shown}");
    }
    company.change(|integration| integration.config["issuer"] = json!("http://127.0.0.1:9")).await;
    let path = format!("{page}/sign-in-test");
    let refused = company.stage.post(&browser, &path, &[]).await;
    assert_eq!((refused.status, refused.location()), (303, format!("/base{page}").as_str()));
    assert!(refused.cookie("__Host-flash").is_some());
    let away = company.look(&company.door(), "", "same-origin").await;
    assert_eq!(away.status, 502);
    assert!(away.body.contains("unreachable") && away.body.contains("does not work now"), "{}", away.body);
}
