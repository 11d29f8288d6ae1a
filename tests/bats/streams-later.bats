#!/usr/bin/env bats
# Entries that are added to their stream later. See tests/tools/stream-later.py.

load helper

later() { # CASE...
    run "$PYTHON" "$TOOLS/stream-later.py" --udsd "$UDSD" --dir "$DIR" "$@" 3>&- 8>&-
    assert_success
}

@test "entries come when they are due, in the order of their times" {
    later entries_come_when_they_are_due arguments_are_checked
}

@test "delayed entries are listed, cancelled, and survive restarts" {
    later tickets_are_listed_and_cancelled
}

@test "listing and cancelling cost the same for each entry, however many streams have some" {
    later many_streams_cost_each_its_own
}

@test "a producer that repeats itself delays an entry once" {
    later a_producer_may_repeat_itself
}

@test "delayed entries go where their stream is renamed, and go with it" {
    later they_belong_to_their_stream
}

@test "delayed entries count as bytes of those who made the stream" {
    later what_is_full_refuses_them a_full_stream_lets_them_wait
}

@test "the clock of the machine may be set" {
    command -v gcc >/dev/null || skip "no gcc"
    ! is_preload_refused || skip "a sanitizer wants to be the first library"
    gcc -shared -fPIC -o "$DIR/clock.so" "$TOOLS/clock-shim.c"
    CLOCK_SHIM=$DIR/clock.so later the_clock_may_be_set
}

@test "a hundred thousand entries that are due at once come on time" {
    later a_hundred_thousand_at_once_are_on_time
}

@test "each delayed entry comes once, whenever the daemon is killed" {
    later each_comes_once_whenever_the_daemon_is_killed
}
