#!/usr/bin/env bats
# Channels whose messages are stored: publishers, receivers that want what was before, slow receivers, reloads, kills.
# See tests/tools/stored-channels.py.

load helper

# UDSD_STORED_SECONDS: how long random_receivers_get_everything_in_order goes on.
stored() { # CASE...
    run "$PYTHON" "$TOOLS/stored-channels.py" --udsd "$UDSD" --dir "$DIR" "$@" 3>&- 8>&-
    assert_success
}

@test "a receiver may have what was published before: all, the last one, what is behind an id" {
    stored a_receiver_gets_what_was_published_before what_is_asked_for_wrongly_is_refused
}

@test "XADD publishes, too" {
    stored entries_that_look_like_messages_are_messages
}

@test "receivers do not wait for the disk, and publishers do; what was answered survives kills" {
    stored receivers_do_not_wait_for_the_disk_and_publishers_do what_is_answered_survives \
        a_message_comes_before_an_answer_or_behind_it
}

@test "what cannot be stored is not published" {
    stored what_cannot_be_stored_is_not_published
}

@test "slow = store: a slow receiver slows nobody and loses nothing, by name, pattern and in a socket for lines" {
    stored a_slow_receiver_slows_nobody_and_loses_nothing a_slow_receiver_of_channels_that_wait_is_disconnected
}

@test "a receiver that retention overtakes is told how much it misses" {
    stored who_is_overtaken_is_told
}

@test "a reload turns storing on and off; streams and receivers go in the middle of a replay" {
    stored a_reload_changes_what_is_stored streams_and_receivers_go_in_the_middle \
        a_stream_that_is_made_again_may_have_smaller_ids
}

@test "a reload takes rights away" {
    stored a_reload_takes_rights_away
}

@test "receivers far behind take little memory" {
    stored a_receiver_far_behind_takes_little_memory
}

@test "receivers that come, stop, leave and go on where they were get everything in order, across kills" {
    stored random_receivers_get_everything_in_order
}
