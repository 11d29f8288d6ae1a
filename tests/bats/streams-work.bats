#!/usr/bin/env bats
# Groups that look after themselves: their own values, dead letters, pauses. See tests/tools/stream-work.py.

load helper

work() { # CASE...
    run "$PYTHON" "$TOOLS/stream-work.py" --udsd "$UDSD" --dir "$DIR" "$@" 3>&- 8>&-
    assert_success
}

@test "a group has values of its own, which survive restarts, and are checked" {
    work a_group_has_values_of_its_own values_are_checked answers_are_the_same_in_pieces_and_in_resp3
}

@test "what is given too often, or cannot be handled, goes to the dead-letter stream with its history" {
    work what_is_too_often_given_goes_to_the_dead_letters fatal_entries_go_at_once \
        a_dead_letter_that_comes_back_knows_when_it_began entries_on_disk_go_too \
        who_claims_does_not_get_what_was_given_too_often
}

@test "an entry is in its stream or among the dead letters, never in both, whenever the daemon is killed" {
    work nothing_is_lost_or_doubled_when_the_daemon_dies
}

@test "what cannot go to the dead-letter stream stays pending, and goes when it can" {
    work what_cannot_go_stays_pending a_dead_letter_stream_may_be_full
}

@test "a paused group gives nothing, and those who wait go on to wait" {
    work a_paused_group_gives_nothing
}

@test "UDSD PENDING shows who has an entry, and what became of it" {
    work who_has_an_entry_is_shown
}

@test "consumers that are idle for too long are removed, and what they had is released" {
    work idle_consumers_are_removed a_consumer_that_is_removed_may_have_very_many
}
