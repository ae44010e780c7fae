//! The provider against the strict double.

use super::{DryRun, Launch, Launched, Tracked};
use crate::{Connect, Endpoints, M365, validate, validate_secrets};
use domain::{
    channel::Provider,
    failure::{Failure, FailureKind},
    feedback::FeedbackKind,
    integration::Config,
    secret::{Secret, Secrets},
    simulation::SimulationStatus,
    time::Timestamp,
};
use doubles::graph::{CERTIFICATE, Command, GraphDouble, Options, PRIVATE_KEY};
use guard::{Egress, Guard, Timeouts};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

const DIRECTORY: &str = "11111111-2222-3333-4444-555555555555";
const ZEROS: &str = "00000000-0000-0000-0000-000000000000";
const LATER: FailureKind = FailureKind::Transient { after_ms: None };

fn guard() -> Arc<Guard> {
    let timeouts = Timeouts { connect: Duration::from_secs(1), total: Duration::from_secs(1) };
    Arc::new(Guard::with_timeouts(Egress::parse("127.0.0.1:*").unwrap(), timeouts))
}

fn settings(changes: &[(&str, Value)]) -> Config {
    let mut settings = json!({
        "directory_id": DIRECTORY, "client_id": "66666666-7777-8888-9999-000000000000",
        "created_by": "secops@contoso.com", "payload_id": "12345678-9abc-def0-1234",
        "landing_page_id": "1c345678", "login_page_id": "1a345678",
    });
    for (name, value) in changes {
        settings[*name] = value.clone();
    }
    let Value::Object(settings) = settings else { unreachable!() };
    settings
}

fn connect(double: &GraphDouble, changes: &[(&str, Value)], secrets: &[(&str, &str)]) -> M365 {
    let secrets: Secrets =
        secrets.iter().map(|(name, value)| ((*name).to_owned(), Secret::new((*value).to_owned()))).collect();
    let present = secrets.keys().cloned().collect();
    let config = validate(Provider::M365, &settings(changes), &present).unwrap();
    let guard = guard();
    assert_eq!(validate_secrets(Provider::M365, &config, &secrets, &guard), []);
    let endpoints = Endpoints { graph_api: double.graph_url(), login: double.login_url(), ..Endpoints::default() };
    <M365 as Connect>::open(Provider::M365, &config, &secrets, guard, &endpoints).unwrap()
}

fn good(double: &GraphDouble) -> M365 {
    connect(double, &[], &[("client_secret", "good-CANARY")])
}

async fn double() -> GraphDouble {
    GraphDouble::start(Options::default()).await.unwrap()
}

fn targets() -> Vec<String> {
    ["sara", "omar", "lina", "huda", "ali"].map(|name| format!("{name}@contoso.com")).to_vec()
}

async fn simulate(m365: &M365, label: &str) -> Result<Launched, Failure> {
    let targets = targets();
    let launch = Launch {
        label,
        targets: &targets,
        launch_at: None,
        duration_days: Some(3),
        payload_id: None,
        may_create: true,
    };
    Ok(m365.simulate(&launch).await?.expect("it may be created"))
}

#[tokio::test]
async fn the_test_signs_in_and_reads_only() {
    let double = double().await;
    assert_eq!(good(&double).test().await.unwrap(), "signed in; the payload is \"Parcel waiting\"");
    let record = double.record();
    assert!(record.requests.iter().all(|call| call.method == "GET"), "{:?}", record.requests);
    let paths: Vec<_> = record.requests.iter().filter_map(|call| call.path.rsplit_once("attackSimulation")).collect();
    let seen: Vec<_> = paths.iter().map(|(_, path)| *path).collect();
    assert_eq!(
        seen,
        ["/simulations", "/payloads/12345678-9abc-def0-1234", "/landingPages/1c345678", "/loginPages/1a345678"]
    );
    assert_eq!((record.strays.len(), record.tokens[DIRECTORY]), (0, 1));
}

#[tokio::test]
async fn a_certificate_signs_in_too() {
    let double = double().await;
    let changes = [("auth", json!("certificate")), ("certificate", json!(CERTIFICATE))];
    let m365 = connect(&double, &changes, &[("private_key", PRIVATE_KEY)]);
    assert!(m365.test().await.is_ok());
    // Another certificate is not the one that Microsoft knows.
    let other = rcgen::generate_simple_self_signed(vec!["other.example".to_owned()]).unwrap().cert.pem();
    let changes = [("auth", json!("certificate")), ("certificate", json!(other))];
    let failure = connect(&double, &changes, &[("private_key", PRIVATE_KEY)]).test().await.unwrap_err();
    assert_eq!((failure.kind, failure.code), (FailureKind::Unauthorized, "m365_certificate_refused"));
}

#[tokio::test]
async fn what_keeps_it_from_working_is_told_apart() {
    use FailureKind::{Permanent, Unauthorized};
    let double = double().await;
    let failed = async |changes: &[(&str, Value)], secret: &str| {
        let secret = format!("{secret}-CANARY");
        let failure = connect(&double, changes, &[("client_secret", &secret)]).test().await.unwrap_err();
        assert!(!failure.detail.contains("127.0.0.1") && !failure.detail.contains("CANARY"), "{failure:?}");
        (failure.kind, failure.code)
    };
    for (secret, code) in [
        ("wrong", "m365_login_refused"),
        ("expired", "m365_login_refused"),
        ("noconsent", "m365_consent_missing"),
        ("norole", "m365_permission_missing"),
        ("unlicensed", "m365_licence_missing"),
    ] {
        assert_eq!(failed(&[], secret).await, (Unauthorized, code), "{secret}");
    }
    for (field, value, kind, code) in [
        ("directory_id", ZEROS, Unauthorized, "m365_directory_not_found"),
        ("client_id", ZEROS, Unauthorized, "m365_app_not_found"),
        ("payload_id", "missing", Permanent, "m365_payload_not_found"),
        ("payload_id", "draft", Permanent, "m365_payload_unfit"),
        ("payload_id", "attach", Permanent, "m365_payload_unfit"),
        ("landing_page_id", "missing", Permanent, "m365_page_not_found"),
        ("login_page_id", "missing", Permanent, "m365_page_not_found"),
    ] {
        assert_eq!(failed(&[(field, json!(value))], "good").await, (kind, code), "{field} {value}");
    }
}

#[tokio::test]
async fn row_21_many_users_of_a_line_fetch_one_token() {
    let double = double().await;
    let m365 = good(&double);
    let tests = futures_of(&m365, 20).await;
    assert!(tests.iter().all(Result::is_ok), "{tests:?}");
    assert_eq!(double.record().tokens[DIRECTORY], 1);
    // Refused all at once, they fetch one fresh token, not twenty.
    double.command(Command { directory: DIRECTORY.into(), revoke_tokens: true, ..Command::default() });
    let tests = futures_of(&m365, 20).await;
    assert!(tests.iter().all(Result::is_ok), "{tests:?}");
    assert_eq!(double.record().tokens[DIRECTORY], 2);
}

/// So many tests at the same time.
async fn futures_of(m365: &M365, count: usize) -> Vec<Result<String, Failure>> {
    let mut waiting: Vec<_> = (0..count).map(|_| Box::pin(m365.test())).collect();
    let mut done = Vec::new();
    std::future::poll_fn(|context| {
        waiting.retain_mut(|test| match test.as_mut().poll(context) {
            std::task::Poll::Ready(result) => {
                done.push(result);
                false
            }
            std::task::Poll::Pending => true,
        });
        if waiting.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done
}

#[tokio::test]
async fn a_token_that_stays_refused_is_renewed_once_only() {
    let double = double().await;
    let m365 = good(&double);
    double.command(Command { directory: DIRECTORY.into(), fail: Some(401), ..Command::default() });
    let failure = m365.test().await.unwrap_err();
    assert_eq!((failure.kind, failure.code), (FailureKind::Unauthorized, "m365_login_refused"));
    assert_eq!(double.record().tokens[DIRECTORY], 2);
}

#[tokio::test]
async fn a_simulation_is_scheduled_and_its_id_taken_from_the_location() {
    let double = double().await;
    let m365 = good(&double);
    let launched = simulate(&m365, "Parcel [1]").await.unwrap();
    let kept = double.record().simulations;
    assert_eq!((kept.len(), kept[0].status.as_str()), (1, "scheduled"));
    assert_eq!((&kept[0].targets, kept[0].name.as_str()), (&targets(), "Parcel [1]"));
    assert_eq!(launched, Launched { simulation: Some(kept[0].id.clone()), operation: None, duration_days: 3 });
    let body = double.record().requests.iter().find(|call| call.method == "POST").unwrap().body.clone();
    assert_eq!((&body["durationInDays"], &body["launchDateTime"]), (&json!(3), &Value::Null));

    let at = Timestamp::parse("2026-12-01T08:00:00Z");
    let targets = targets();
    let launch = Launch {
        label: "Later",
        targets: &targets,
        launch_at: at,
        duration_days: None,
        payload_id: Some("other-payload"),
        may_create: false,
    };
    assert_eq!(m365.simulate(&launch).await.unwrap(), None, "it is not there");
    let launch = Launch { may_create: true, ..launch };
    assert_eq!(m365.simulate(&launch).await.unwrap().unwrap().duration_days, 7);
    let body = double.record().requests.last().unwrap().body.clone();
    assert_eq!(body["launchDateTime"], "2026-12-01T08:00:00.000Z");
    assert!(body["payload@odata.bind"].as_str().unwrap().ends_with("/payloads/other-payload"));
}

#[tokio::test]
async fn a_location_may_name_the_creation_instead_or_nothing_at_all() {
    let double = double().await;
    let m365 = good(&double);
    let launched = simulate(&m365, "OPERATION [1]").await.unwrap();
    let id = double.record().simulations[0].id.clone();
    assert_eq!((launched.simulation, launched.operation), (Some(id.clone()), Some(format!("op-{id}"))));
    let launched = simulate(&m365, "NOWHERE [2]").await.unwrap();
    assert_eq!((launched.simulation, launched.operation), (None, None));
    // Then its name leads to it.
    let tracked = Tracked { simulation: None, operation: None, label: "NOWHERE [2]" };
    let look = m365.look(&tracked).await.unwrap();
    assert_eq!(look.provider_id, Some(double.record().simulations[1].id.clone()));
    assert_eq!(look.status, SimulationStatus::Scheduled);
}

#[tokio::test]
async fn no_answer_that_is_lost_makes_a_second_simulation() {
    let double = double().await;
    let m365 = good(&double);
    for (number, (label, code)) in
        [("It's LOST: LOSE [1]", "timeout"), ("GATEWAY [2]", "provider_error")].into_iter().enumerate()
    {
        let failure = simulate(&m365, label).await.unwrap_err();
        assert_eq!((failure.kind, failure.code), (FailureKind::Unknown, code), "{label}");
        let launched = simulate(&m365, label).await.unwrap();
        let kept = double.record().simulations;
        assert_eq!((kept.len(), launched.simulation.as_ref()), (number + 1, Some(&kept[number].id)), "{label}");
    }
}

#[tokio::test]
async fn what_graph_says_decides_what_happens_next() {
    let double = double().await;
    let m365 = good(&double);
    let refused = simulate(&m365, "REFUSE").await.unwrap_err();
    assert_eq!((refused.kind, refused.code), (FailureKind::Permanent, "m365_simulation_refused"));
    assert!(refused.detail.contains("without a mailbox"), "{refused:?}");
    let busy = simulate(&m365, "BUSY").await.unwrap_err();
    let pause = FailureKind::Throttled { after_ms: Some(7_000) };
    assert_eq!((busy.kind, busy.code), (pause, "rate_limited"));
    assert!(simulate(&m365, "BUSY").await.is_ok());
    double.command(Command { directory: DIRECTORY.into(), fail: Some(503), ..Command::default() });
    assert_eq!(simulate(&m365, "x").await.unwrap_err().kind, LATER);
    let readonly =
        connect(&double, &[("directory_id", json!(ZEROS.replace('0', "1")))], &[("client_secret", "readonly")]);
    assert!(readonly.test().await.is_ok(), "reading alone cannot tell");
    let failure = simulate(&readonly, "x").await.unwrap_err();
    assert_eq!((failure.kind, failure.code), (FailureKind::Unauthorized, "m365_permission_missing"));
}

#[tokio::test]
async fn a_simulation_is_looked_at_to_its_end_with_what_its_targets_did() {
    let double = double().await;
    let m365 = good(&double);
    let id = simulate(&m365, "Parcel [1]").await.unwrap().simulation.unwrap();
    let tracked = Tracked { simulation: Some(&id), operation: None, label: "Parcel [1]" };
    for (word, status) in [
        ("running", SimulationStatus::Running),
        ("failed", SimulationStatus::Failed),
        ("cancelled", SimulationStatus::Cancelled),
        ("succeeded", SimulationStatus::Succeeded),
    ] {
        let status_of = Command { directory: DIRECTORY.into(), status: Some(word.into()), ..Command::default() };
        double.command(status_of);
        let look = m365.look(&tracked).await.unwrap();
        assert_eq!(look.status, status);
        let code = look.problem.map(|problem| problem.code);
        assert_eq!(code.as_deref(), (word == "failed").then_some("m365_simulation_failed"));
    }
    let did = |event: &str, at: &str| {
        let event = Some(("ali@contoso.com".to_owned(), event.to_owned(), at.to_owned()));
        double.command(Command { directory: DIRECTORY.into(), event, ..Command::default() });
    };
    did("SuccessfullyDeliveredEmail", "2026-11-20T12:00:00.1234567Z");
    did("CredSupplied", "2026-11-20T12:05:00Z");
    let report = m365.report(&id).await.unwrap();
    assert_eq!(report.len(), 5, "every page is read");
    let ali = report.iter().find(|target| target.address == "ali@contoso.com").unwrap();
    let kinds: Vec<_> = ali.events.keys().copied().collect();
    assert_eq!(kinds, [FeedbackKind::Delivered, FeedbackKind::Compromised]);
    assert!(report.iter().filter(|target| target.address != "ali@contoso.com").all(|it| it.events.is_empty()));

    let gone = Tracked { simulation: Some("gone"), ..tracked };
    let look = m365.look(&gone).await.unwrap();
    assert_eq!(
        (look.status, look.problem.unwrap().code.as_str()),
        (SimulationStatus::Cancelled, "m365_simulation_gone")
    );
    assert_eq!(m365.report("gone").await, Ok(Vec::new()));
}

#[tokio::test]
async fn a_report_that_goes_on_elsewhere_is_not_followed() {
    let double = double().await;
    let m365 = good(&double);
    let id = simulate(&m365, "EVIL").await.unwrap().simulation.unwrap();
    let failure = m365.report(&id).await.unwrap_err();
    assert_eq!((failure.kind, failure.code), (LATER, "provider_protocol"));
}

#[tokio::test]
async fn a_dry_run_schedules_nothing_and_leaves_nothing_behind() {
    let double = double().await;
    let m365 = good(&double);
    let targets = targets();
    let steps = m365.dry_run(&DryRun { targets: &targets, draft: None }).await;
    let names: Vec<_> = steps.iter().map(|step| step.step).collect();
    assert_eq!(names, ["token", "simulations", "payload", "pages"]);
    assert!(double.record().requests.iter().all(|call| call.method == "GET"));

    for label in ["Dry run", "OPERATION dry run", "NOWHERE dry run"] {
        let steps = m365.dry_run(&DryRun { targets: &targets, draft: Some(label) }).await;
        assert!(steps.iter().all(|step| matches!(step.outcome, Some(Ok(_)))), "{label}: {steps:?}");
        assert_eq!(steps.len(), 7);
    }
    let record = double.record();
    assert_eq!((record.simulations.len(), record.deleted.len()), (3, 3));
    for call in &record.requests {
        assert!(!format!("{:?} {}", call.query, call.body).contains("scheduled"), "{call:?}");
    }
}

#[tokio::test]
async fn a_dry_run_finds_what_the_test_cannot() {
    let double = double().await;
    let targets = targets();
    let dry_run = DryRun { targets: &targets, draft: Some("Dry run") };
    let m365 = connect(&double, &[], &[("client_secret", "readonly")]);
    let steps = m365.dry_run(&dry_run).await;
    let failure = steps[4].outcome.clone().unwrap().unwrap_err();
    assert_eq!((steps[4].step, failure.code), ("draft_created", "m365_permission_missing"));
    assert!(steps[5].outcome.is_none() && steps[6].outcome.is_none(), "{steps:?}");
    let steps =
        connect(&double, &[("payload_id", json!("missing"))], &[("client_secret", "good")]).dry_run(&dry_run).await;
    let failed: Vec<_> = steps.iter().map(|step| step.outcome.as_ref().map(Result::is_ok)).collect();
    assert_eq!(failed, [Some(true), Some(true), Some(false), None, None, None, None]);
    assert_eq!(double.record().simulations, []);
}

#[tokio::test]
async fn nothing_secret_shows_in_debug_output() {
    let double = double().await;
    let m365 = good(&double);
    m365.test().await.unwrap();
    let shown = format!("{m365:?}");
    assert!(!shown.contains("CANARY"), "{shown}");
}
