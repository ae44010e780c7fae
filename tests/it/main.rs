//! End to end, on the deployed template: what a user does, and what must hold when things go wrong.
//!
//! The first test that needs it brings up a stack, which all of them share and which ends with this process; set
//! `TRUNKLINE_STACK=<name>` to use one that is up already (`cargo trunkline up --name <name>`). Every test brings its
//! own tenant, so they run side by side and in any order. Nothing here sleeps: what takes time is awaited by its effect
//! ([`await_until`]). Faults are injected where they happen: in the queue, in the tables, in the functions' processes.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what is not as expected ends the test")]

// What the tests stand on.
mod await_until;
mod bus;
mod emulator;
mod endpoint;
mod hears_back;
mod inbox;
mod oidc_provider;
mod scrubbed;
mod slack_double;
mod stack;
mod strange_mail_server;
mod teams_double;
mod tenant;
mod time_of_day;

// What a user does, and what others may not.
mod automates;
mod chooses_how_it_sends;
mod delivers_events;
mod erases_a_tenant;
mod is_kept_from_others;
mod is_warned_of_trouble;
mod judged_by_libraries;
mod keeps_order;
mod limits_endpoints;
mod limits_keys;
mod looks_into_the_log;
mod manages_keys;
mod pauses_endpoints;
mod posts_to_teams;
mod re_encrypts;
mod reads_the_audit_trail;
mod reads_the_contract;
mod receives_webhooks;
mod retries_and_redrives;
mod rotates_endpoint_secret;
mod rotates_secrets;
mod runs_a_stack;
mod sends_a_campaign;
mod sends_by_ses;
mod shows_attempts;
mod signs_users_in;
mod simulates_phishing;
mod stops_and_goes_on;
mod types_wrong;
mod uses_the_console;

// What happens meanwhile.
mod asks_before_sending_again;
mod crashes;
mod duplicates;
mod fails_over;
mod keeps_secrets;
mod poison;
mod sample_events;
mod survives_hostile_receivers;
mod throttling;
