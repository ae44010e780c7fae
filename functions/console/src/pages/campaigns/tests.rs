//! Campaigns as people see them.

use crate::stage::{Browser, Stage, audit, scope};
use domain::{
    bundle::{Bundle, BundleId, BundleState, Cause, DeliveryStatus, Envelope, MemberResult, Payload, Recipient},
    channel::{Channel, Provider},
    feedback::FeedbackKind,
    ids::{CampaignId, IntegrationId, RequestId},
    integration::Integration,
    message::{Content, Message},
    simulation::{Simulation, SimulationStatus},
};
use runtime::testing::{START, integration};
use std::collections::BTreeMap;
use store::{Bundles, Campaigns, Integrations, Request, Simulations};

const CAMPAIGN: &str = "/console/campaigns/spring";

async fn scene() -> (Stage, Browser, IntegrationId) {
    let stage = Stage::new().await;
    let (key, _) = stage.key("acme", "*", 1).await;
    let browser = stage.browser(&key).await;
    let mail = Integration { name: "Mail".to_owned(), ..integration(Provider::Smtp) };
    stage.store.save_integration(&scope("acme"), &mail, None, false, &audit()).await.unwrap();
    stage.store.ensure_campaign(&scope("acme"), &spring(), &audit()).await.unwrap();
    (stage, browser, mail.id)
}

fn spring() -> CampaignId {
    "spring".parse().unwrap()
}

fn cause(detail: &str) -> Cause {
    Cause { code: "smtp_recipient_refused".to_owned(), detail: detail.to_owned() }
}

/// A bundle of the campaign to these users; with results it was attempted.
async fn bundle(stage: &Stage, by: &IntegrationId, results: Vec<(String, Option<MemberResult>)>) {
    bundle_of(stage, by, results, false).await;
}

async fn bundle_of(stage: &Stage, by: &IntegrationId, results: Vec<(String, Option<MemberResult>)>, sandbox: bool) {
    let recipients = results.iter().map(|(user, _)| Recipient {
        user_id: user.parse().unwrap(),
        address: format!("{user}@example.com"),
        locale: None,
        variables: BTreeMap::new(),
    });
    let payload = Payload { recipients: recipients.collect(), events: vec![] };
    let request = Request {
        id: RequestId::generate(),
        campaign: spring(),
        body_hash: "0c".repeat(32),
        bundles: 0,
        dispatched: false,
        created_at: START,
        envelope: Envelope { content: Content::Message(Message::default()) },
        call: None,
    };
    let id = BundleId { request: request.id.clone(), number: None, generation: 0 };
    let count = u16::try_from(results.len()).unwrap();
    let bundle = Bundle { sandbox, ..Bundle::first(id, &spring(), Channel::Email, by, count, START) };
    stage.store.create_request(&scope("acme"), &request, Some((&bundle, &payload))).await.unwrap();
    let results: Vec<_> = results.into_iter().filter_map(|(_, result)| result).collect();
    if results.is_empty() {
        return;
    }
    let claimed = stage.store.claim(&scope("acme"), &spring(), &bundle.id, START).await.unwrap().bundle;
    let done = Bundle { state: BundleState::Done, results, finished_at: Some(START.plus_ms(1)), ..claimed };
    stage.store.finish(&scope("acme"), &done, &[], false).await.unwrap();
}

async fn of_every_kind(stage: &Stage, by: &IntegrationId) {
    let results = [
        ("ann", MemberResult::Sent { provider_id: None }),
        ("ben", MemberResult::Failed(cause("550 no such user"))),
        ("cat", MemberResult::Dead(cause("451"))),
        ("dan", MemberResult::Unknown(cause("cut off"))),
    ];
    let results = results.map(|(user, result)| (user.to_owned(), Some(result)));
    bundle(stage, by, results.into()).await;
    bundle(stage, by, vec![("eve".to_owned(), None)]).await;
}

#[tokio::test]
async fn deliveries_are_shown_by_each_status_and_all_of_them_without_one() {
    let (stage, browser, mail) = scene().await;
    of_every_kind(&stage, &mail).await;
    let people = ["ann", "ben", "cat", "dan", "eve"];
    let shows = |page: &str, user: &str| page.contains(&format!("{user}@example.com"));
    for status in DeliveryStatus::ALL {
        let wanted = match status {
            DeliveryStatus::Sent => Some("ann"),
            DeliveryStatus::Failed => Some("ben"),
            DeliveryStatus::Dead => Some("cat"),
            DeliveryStatus::Unknown => Some("dan"),
            DeliveryStatus::Queued => Some("eve"),
            _ => None,
        };
        let status = status.as_str();
        let page = stage.get(&browser.session, &format!("{CAMPAIGN}?status={status}")).await.body;
        for user in people {
            assert_eq!(shows(&page, user), Some(user) == wanted, "{status} {user}");
        }
        assert!(page.contains(&format!("value=\"{status}\" selected")), "the choice is kept: {status}");
        assert_eq!(page.contains("No delivery matches."), wanted.is_none(), "{status}");
    }
    for query in ["", "?status=", "?status=nonsense"] {
        let page = stage.get(&browser.session, &format!("{CAMPAIGN}{query}")).await.body;
        assert!(people.iter().all(|user| shows(&page, user)), "{query}");
    }
    let page = stage.get(&browser.session, &format!("{CAMPAIGN}?status=failed")).await.body;
    assert!(page.contains("The mail server refused the recipient for good."), "with the reason: {page}");
}

#[tokio::test]
async fn one_recipient_is_found_among_many_pages() {
    let (stage, browser, mail) = scene().await;
    let sent = || Some(MemberResult::Sent { provider_id: None });
    for number in 0..12 {
        let users = (0..25).map(|place| (format!("user-{number}-{place}"), sent()));
        bundle(&stage, &mail, users.collect()).await;
    }
    let page = stage.get(&browser.session, &format!("{CAMPAIGN}?q=USER-7-13%40")).await.body;
    assert!(page.contains("user-7-13@example.com") && !page.contains("user-7-14@"), "{page}");
    assert!(page.contains("value=\"USER-7-13@\""), "what was looked for is kept");
    let none = stage.get(&browser.session, &format!("{CAMPAIGN}?q=nobody")).await.body;
    assert!(none.contains("No delivery matches."), "{none}");
    let some = stage.get(&browser.session, &format!("{CAMPAIGN}?q=user")).await.body;
    assert!(some.contains("rel=\"next\"") && some.contains("q=user"), "the next page looks for the same");
}

#[tokio::test]
async fn what_cannot_be_undone_asks_first() {
    let (stage, browser, mail) = scene().await;
    of_every_kind(&stage, &mail).await;
    let page = stage.get(&browser.session, CAMPAIGN).await.body;
    assert!(page.contains("/spring/cancel\"") && page.contains("/spring/resend-unknown\""), "{page}");
    assert!(!page.contains("action=\"/base/console/campaigns/spring/cancel\""), "no button cancels at once");
    let asked = stage.get(&browser.session, &format!("{CAMPAIGN}/cancel")).await;
    assert!(asked.body.contains("1 delivery not sent yet"), "{}", asked.body);
    let twice = stage.get(&browser.session, &format!("{CAMPAIGN}/resend-unknown")).await;
    assert!(twice.body.contains("gets it twice"), "{}", twice.body);
    assert!(stage.get(&browser.session, CAMPAIGN).await.body.contains(">Active<"), "asking does nothing");

    let resent = stage.post(&browser, &format!("{CAMPAIGN}/resend-unknown"), &[]).await;
    assert_eq!((resent.status, resent.location()), (303, "/base/console/campaigns/spring"));
    let queued = stage.get(&browser.session, &format!("{CAMPAIGN}?status=queued")).await.body;
    assert!(queued.contains("dan@example.com") && !queued.contains("ben@"), "{queued}");
    assert_eq!(stage.post(&browser, &format!("{CAMPAIGN}/cancel"), &[]).await.status, 303);
    let page = stage.get(&browser.session, CAMPAIGN).await.body;
    assert!(page.contains("Cancelled<") && !page.contains("/spring/cancel\""), "{page}");
}

#[tokio::test]
async fn the_file_of_errors_is_whole_or_says_that_it_comes_in_parts() {
    let (stage, browser, mail) = scene().await;
    of_every_kind(&stage, &mail).await;
    let path = format!("{CAMPAIGN}/errors.csv");
    let whole = stage.get(&browser.session, &path).await;
    assert_eq!((whole.status, whole.body.lines().count()), (200, 4), "{}", whole.body);
    assert_eq!(whole.headers["content-disposition"], "attachment; filename=\"spring-errors.csv\"");

    // Far more than goes into one answer.
    let long = "x".repeat(9_000);
    for number in 0..30 {
        let failed = |place| (format!("many-{number}-{place}"), Some(MemberResult::Failed(cause(&long))));
        bundle(&stage, &mail, (0..25).map(failed).collect()).await;
    }
    let told = stage.get(&browser.session, &path).await;
    assert_eq!((told.status, told.location()), (303, "/base/console/campaigns/spring/errors"));
    let mut next = Some(format!("{CAMPAIGN}/errors"));
    let (mut rows, mut files) = (Vec::new(), 0);
    while let Some(page) = next {
        let page = stage.get(&browser.session, &page).await.body;
        let links: Vec<_> = page.split("href=\"/base").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        let link = |path: &str| links.iter().find(|link| link.contains(path)).map(|link| link.replace("&amp;", "&"));
        let file = stage.get(&browser.session, &link("/errors.csv?").unwrap()).await;
        assert!(file.status == 200 && file.body.len() < 5_000_000);
        assert!(file.body.starts_with("\u{feff}delivery_id,"));
        rows.extend(file.body.lines().skip(1).map(|row| row.split(',').nth(1).unwrap().to_owned()));
        files += 1;
        assert_eq!(file.headers["content-disposition"], *format!("attachment; filename=\"spring-errors-{files}.csv\""));
        next = link("/errors?");
    }
    assert!(files > 1, "it was too much for one");
    let different: std::collections::BTreeSet<_> = rows.iter().collect();
    assert_eq!((rows.len(), different.len()), (753, 753), "everything, once");
}

#[tokio::test]
async fn simulations_tell_where_they_stand_and_what_their_targets_did() {
    let (stage, browser, mail) = scene().await;
    assert!(!stage.get(&browser.session, CAMPAIGN).await.body.contains("id=\"simulations\""));
    let simulation = Simulation {
        campaign: spring(),
        origin: BundleId { request: RequestId::generate(), number: Some(0), generation: 0 },
        integration: mail,
        label: "Parcel [1]".into(),
        provider_id: Some("s-1".into()),
        operation: None,
        status: SimulationStatus::Running,
        targets: 20,
        counts: BTreeMap::from([(FeedbackKind::Clicked, 3)]),
        report_digest: String::new(),
        problem: Some(Cause { code: "m365_simulation_failed".into(), detail: "no".into() }),
        failures: 0,
        launch_at: START,
        duration_days: 7,
        sandbox: true,
        created_at: START,
        updated_at: START,
        next_look: None,
        rev: 1,
    };
    stage.store.begin_simulation(&scope("acme"), &simulation).await.unwrap();
    let page = stage.get(&browser.session, CAMPAIGN).await.body;
    for shown in [
        "Parcel [1]",
        "Running",
        "20 targets",
        "7 days",
        "Clicked <strong>3</strong>",
        "Test users only",
        "What to do:",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    assert!(stage.look(&browser.session, CAMPAIGN, "ar").await.body.contains("20 مستهدفًا"));
}

#[tokio::test]
async fn what_went_to_test_recipients_says_so() {
    let (stage, browser, mail) = scene().await;
    bundle(&stage, &mail, vec![("ann".to_owned(), None)]).await;
    let note = "went to test recipients";
    assert!(!stage.get(&browser.session, CAMPAIGN).await.body.contains(note));
    bundle_of(&stage, &mail, vec![("ben".to_owned(), None)], true).await;
    assert!(stage.get(&browser.session, CAMPAIGN).await.body.contains(note));
}

#[tokio::test]
async fn whoever_only_reads_gets_no_button_and_others_see_nothing() {
    let (stage, _, mail) = scene().await;
    of_every_kind(&stage, &mail).await;
    let (key, _) = stage.key("acme", "console:use campaigns:read", 5).await;
    let reader = stage.browser(&key).await;
    let page = stage.get(&reader.session, CAMPAIGN).await.body;
    for action in ["pause", "resend", "cancel", "resend-unknown"] {
        assert!(!page.contains(&format!("/spring/{action}\"")), "{action}");
    }
    assert!(page.contains("/errors.csv\""));
    let (key, _) = stage.key("other", "*", 9).await;
    let other = stage.browser(&key).await;
    for path in ["", "/cancel", "/resend-unknown", "/errors.csv", "/errors"] {
        assert_eq!(stage.get(&other.session, &format!("{CAMPAIGN}{path}")).await.status, 404, "{path}");
    }
}
