#!/usr/bin/env bats
# Entries that groups give again by themselves. See tests/tools/stream-redelivery.py.

load helper

redeliver() { # CASE...
    run "$PYTHON" "$TOOLS/stream-redelivery.py" --udsd "$UDSD" --dir "$DIR" "$@" 3>&- 8>&-
    assert_success
}

@test "the next worker has what one that was killed had not acknowledged, at once" {
    redeliver next_worker_has_what_a_killed_one_had blocked_workers_share_what_was_released \
        released_entries_come_before_new_ones
}

@test "streams without a rule behave as in Redis" {
    redeliver other_streams_behave_as_in_redis
}

@test "retry_delay and redeliver say when entries are given again, and wake who waits" {
    redeliver what_is_given_back_waits_longer_each_time what_is_not_acknowledged_in_time_is_given_again
}

@test "entries are given back by XNACK, and claimed; streams, groups and entries go" {
    redeliver xnack_gives_back who_has_an_entry_is_who_was_given_it_last deleted_entries_and_groups_are_not_given_again \
        transactions_take_and_leave_entries_too the_limit_of_pending_entries_is_that_of_the_stream
}

@test "a reload changes what holds for streams" {
    redeliver reload_changes_what_holds
}

@test "a connection that ends may have very many entries" {
    redeliver a_connection_may_have_very_many
}

@test "entries of a daemon that was killed are released when it starts again" {
    redeliver entries_of_a_daemon_that_died_are_released
}

@test "nothing is lost or given twice while workers die all the time" {
    redeliver nothing_is_lost_when_workers_die_all_the_time
}
