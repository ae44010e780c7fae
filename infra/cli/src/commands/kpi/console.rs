//! The console's first page: how long somebody who signs in with a key waits for the whole dashboard, on a stack that was
//! just deployed and once it runs.

use super::Fallible;
use indicatif::ProgressBar;
use reqwest::{
    Client, Response, Url,
    header::{CONTENT_TYPE, COOKIE, LOCATION, ORIGIN, SET_COOKIE},
    redirect::Policy,
};
use std::time::Instant;
use trunkline::stack::StackState;

/// How often it is asked for once it runs.
const WARM: usize = 25;

/// How long it took, in milliseconds, from sending the key to the last byte of the dashboard, its stylesheet, its
/// script and its icon.
pub(super) struct FirstPage {
    /// After the deployment: nobody has asked this function for anything yet.
    pub(super) cold_ms: Vec<f64>,
    /// The same again, many times.
    pub(super) warm_ms: Vec<f64>,
}

/// Signs in and looks. It has to be the first that a stack is asked for.
pub(super) async fn first_page(state: &StackState, bar: &ProgressBar) -> Fallible<FirstPage> {
    let console = Url::parse(&state.console_url)?;
    #[expect(clippy::disallowed_methods, reason = "the console stands on loopback, and no tenant names its address")]
    let client = Client::builder().redirect(Policy::none()).build()?;
    let mut times_ms = Vec::new();
    for number in 0..=WARM {
        bar.set_message(format!("{number} of {WARM}"));
        let began = Instant::now();
        sign_in_and_look(&client, &console, &state.key).await?;
        times_ms.push(began.elapsed().as_secs_f64() * 1_000.0);
    }
    let warm_ms = times_ms.split_off(1);
    Ok(FirstPage { cold_ms: times_ms, warm_ms })
}

async fn sign_in_and_look(client: &Client, console: &Url, key: &str) -> Fallible<()> {
    // No character of a key needs to be encoded.
    let sign_in = client.post(format!("{console}/sign-in")).body(format!("key={key}"));
    let sign_in = sign_in.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    let signed_in = sign_in.header(ORIGIN, console.origin().ascii_serialization()).send().await?;
    let location = signed_in.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    let dashboard = console.join(location.ok_or("the console lets nobody in")?)?;
    let cookie = session(&signed_in).ok_or("there is no session")?;
    let page = client.get(dashboard.clone()).header(COOKIE, cookie).send().await?.error_for_status()?.text().await?;
    if !page.contains("sign-out") {
        return Err("that is not the dashboard".into());
    }
    for asset in page.split('"').filter(|text| text.contains("/assets/")) {
        client.get(dashboard.join(asset)?).send().await?.error_for_status()?.bytes().await?;
    }
    Ok(())
}

/// The cookie of the session, as it is sent back.
fn session(signed_in: &Response) -> Option<String> {
    let cookies = signed_in.headers().get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut named = cookies.filter(|cookie| cookie.starts_with("__Host-session="));
    named.next()?.split(';').next().map(str::to_owned)
}
