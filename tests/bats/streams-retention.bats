#!/usr/bin/env bats
# How much streams keep. See tests/tools/stream-retention.py.

load helper

retention() { # CASE...
    run "$PYTHON" "$TOOLS/stream-retention.py" --udsd "$UDSD" --dir "$DIR" "$@" 3>&- 8>&-
    assert_success
}

@test "max_entries, max_bytes and max_age: the newest stay" {
    retention the_newest_stay bytes_are_bounded_whatever_a_group_needs
}

@test "max_age: old entries go while nobody does anything" {
    retention old_entries_go_while_nobody_does_anything
}

@test "keep: what a group has not acknowledged stays, if it says so" {
    retention what_groups_need_stays random_bounds_hold
}

@test "when_full = refuse: nothing is added to a full stream, and the answer says why" {
    retention a_full_stream_refuses
}

@test "other bounds hold after a reload and a start, in portions" {
    retention a_reload_and_a_restart_apply_new_bounds
}
