//! What every store keeps. Each test of the contract runs on both twins: in memory, and on an emulated DynamoDB that
//! this starts by itself (or on that of `TRUNKLINE_TEST_ENDPOINT`).

#![expect(clippy::unwrap_used, reason = "all of this is a test")]

mod access;
mod answers;
mod attempts;
mod audit;
mod bundles;
mod campaigns;
mod cost;
mod dead_letters;
mod emulator;
mod erasure;
mod events;
mod feedbacks;
mod fixtures;
mod hooks;
mod integrations;
mod jobs;
mod lists;
mod logs;
mod retention;
mod rules;
mod sessions;
mod settings;
mod sign_ins;
mod simulations;

macro_rules! contract {
    ($($module:ident: $($name:ident)*;)*) => {
        mod in_memory {
            $($(
                #[tokio::test]
                async fn $name() {
                    crate::$module::$name(&trunkline_store::memory::MemoryStore::default()).await;
                }
            )*)*
        }
        mod on_dynamodb {
            $($(
                #[tokio::test]
                async fn $name() {
                    let (store, client, tables) = crate::emulator::opened().await;
                    crate::$module::$name(&store).await;
                    crate::erasure::leaves_nothing_but_the_proof(&store, &client, &tables).await;
                }
            )*)*
        }
    };
}

contract! {
    bundles:
        a_request_is_created_once
        of_concurrent_creations_one_is_fresh
        a_request_whose_time_is_over_is_created_anew
        a_single_delivery_is_one_item_with_all_it_needs
        repeated_bundles_do_not_undo_what_happened
        of_concurrent_claims_one_wins
        a_refused_claim_says_why
        a_lease_that_ran_out_tells_of_an_interruption
        only_the_newest_claim_may_settle
        results_written_twice_are_fine_but_different_ones_conflict
        a_bundle_may_be_moved_to_another_integration_by_its_newest_claim
        doubt_and_a_named_integration_are_remembered
        what_is_in_doubt_goes_on_beside_the_others
        what_goes_on_is_found_when_it_is_due
        what_is_put_back_is_found_when_it_is_due
        a_header_is_due_until_it_is_dispatched
        a_late_mark_does_not_hide_what_is_held
        the_longest_overdue_comes_first
        what_was_just_queued_is_postponed
        what_is_held_waits_for_its_release
        a_cancelled_bundle_is_settled
        a_release_stays_due_for_a_while
        a_resend_happens_once
        no_generation_is_written_over_another
        tenants_never_meet;
    lists:
        generations_come_in_order_without_their_neighbours
        a_single_delivery_has_generations_too
        a_campaign_is_listed_page_by_page
        payloads_come_in_the_order_asked_for
        a_made_up_cursor_is_refused;
    attempts:
        long_answers_are_kept_by_generation
        answers_of_an_interrupted_attempt_are_replaced;
    campaigns:
        a_campaign_comes_to_be_once
        a_launch_is_remembered_once
        a_switch_works_only_from_the_state_it_was_seen_in
        leaving_a_pause_asks_for_a_release
        campaigns_come_in_order_of_their_ids
        concurrent_leases_are_all_counted;
    dead_letters:
        what_failed_for_good_is_a_dead_letter_until_it_is_resent
        what_goes_on_is_no_dead_letter_beside_what_does_not
        campaigns_have_no_dead_letters
        dead_letters_come_by_time_page_by_page_and_to_their_tenant;
    events:
        a_request_of_events_is_begun_once
        a_chain_is_linked_in_order_and_a_repeat_finds_its_place
        what_was_linked_and_never_written_is_passed_over
        chains_are_of_one_endpoint_and_key
        concurrent_links_make_one_chain
        a_long_chain_remembers_its_newest_links
        bundles_of_a_request_are_found_whatever_their_numbers
        a_type_of_events_has_a_revision_and_leaves_a_trail;
    feedbacks:
        of_each_kind_the_first_report_stays
        feedback_is_of_the_delivery_whatever_its_generation
        feedback_is_counted_and_stands_apart_from_the_bundles
        an_address_is_listed_once_with_its_first_reason
        what_a_person_lists_and_removes_is_remembered
        suppressions_come_page_by_page;
    integrations:
        a_writer_must_have_seen_the_newest_integration
        a_deleted_integration_is_found_but_not_listed
        secrets_are_kept_by_version
        old_versions_of_secrets_go_when_nobody_needs_them
        a_data_key_is_replaced_only_where_it_was
        the_probe_schedule_follows_the_integration
        a_test_of_older_settings_is_only_logged
        a_change_of_health_is_remembered
        of_concurrent_tests_one_changes_the_status
        the_health_log_is_newest_first
        tests_are_rolled_up_by_the_hour
        enabling_asks_for_a_release;
    jobs:
        the_last_run_of_each_job_is_kept
        a_run_that_ends_late_does_not_hide_a_later_one;
    retention:
        what_is_left_of_a_deleted_integration_goes_in_its_time
        secrets_of_hooks_that_serve_nothing_go
        what_outlives_its_time_is_counted;
    logs:
        entries_come_newest_first_page_by_page
        what_is_looked_for_is_found_in_its_span
        a_page_is_counted_once_however_often_it_is_written
        what_was_sent_is_counted_by_its_way
        what_is_only_counted_is_counted_once_too
        of_another_tenant_nothing_is_seen
        a_long_log_is_read_in_bounded_looks
        an_erased_tenant_leaves_no_log;
    settings:
        templates_keep_every_version
        a_deleted_template_keeps_counting
        settings_have_a_revision
        the_audit_chain_is_continuous_under_concurrency
        audit_records_come_page_by_page;
    audit:
        an_untouched_chain_is_whole
        a_chain_is_checked_in_parts
        a_chain_is_read_from_its_end
        records_are_found_by_who_what_and_when
        a_chain_is_whole_while_it_grows;
    simulations:
        a_simulation_is_begun_once_and_saved_by_who_saw_it_last
        a_simulation_is_found_when_it_is_due_until_it_is_over
        simulations_of_a_campaign_come_page_by_page;
    sessions:
        a_session_lasts_while_it_is_used
        a_session_ends_once_and_for_all
        all_sessions_of_somebody_end_and_no_others
        somebody_sees_their_own_sessions_that_are_not_over
        an_erased_tenant_has_no_sessions;
    sign_ins:
        tokens_are_taken_while_the_integration_is_enabled
        what_is_taken_follows_the_settings
        two_never_take_the_same_tokens
        a_sign_in_ends_once_and_in_time;
    erasure:
        an_erased_tenant_leaves_its_name_and_its_trail
        an_erasure_is_repeated_from_wherever_it_was_left
        from_the_beginning_of_an_erasure_nothing_comes_back_to_life;
    hooks:
        a_hook_is_found_by_its_id_before_its_tenant_is_known
        a_writer_must_have_seen_the_newest_hook
        an_event_is_captured_once_a_day
        of_concurrent_captures_one_is_fresh
        a_body_is_kept_byte_for_byte_up_to_its_limit
        events_come_newest_first_page_by_page
        a_replay_is_counted_and_remembered
        what_is_turned_away_is_counted_by_minute_and_cause
        a_hooks_data_key_is_found_and_replaced_like_an_integrations
        an_erased_tenant_leaves_no_hook;
    rules:
        a_writer_must_have_seen_the_newest_rule
        a_run_begins_once_and_keeps_how_it_ended
        a_rule_runs_as_often_in_an_hour_as_it_may
        of_concurrent_runs_one_is_fresh_and_none_is_over_the_limit
        runs_come_newest_first_page_by_page;
    access:
        a_tenant_is_created_once
        tenants_come_in_order_of_their_ids
        a_key_is_found_by_prefix_and_by_id
        a_taken_prefix_is_refused
        a_revoked_key_stays_revoked
        a_writer_must_have_seen_the_newest_key
        a_key_that_expires_is_found_when_its_tenant_is_to_be_reminded
        what_a_key_used_is_counted_once;
}
