#!/usr/bin/env bats
# The benchmark runs and writes complete results. Speed does not matter here.

load helper

BENCH=$BUILD/tests/bench/udsd-bench

@test "udsd-bench writes its results as text, JSON, a chart and a table" {
    printf 'before\n<!-- bench -->\nold\n<!-- /bench -->\nafter\n' >"$DIR/page.md"
    run "$BENCH" --quick --work '@(publish-1|idle)' --udsd "$UDSD" --peers udsd,redis,floor \
        --json "$DIR/json" --svg "$DIR/svg" --table "$DIR/page.md" 3>&-
    assert_success
    assert_output --regexp $'\nmessage to 1 receiver, 64 deep +ns +[0-9.]+ +[0-9.]+ +- +- +- +- +[0-9.]+ '
    assert_output --regexp $'\nidle client +B +[0-9.]+ +[0-9.]+ +- +- +- +- +[0-9.]+ '
    run "$PYTHON" "$TOOLS/bench-results.py" "$DIR/json" "$DIR/svg" "$DIR/page.md" udsd redis floor
    assert_success
}

@test "udsd-bench measures udsctl" {
    run "$BENCH" --quick --work udsctl --udsd "$UDSD" --udsctl "$UDSCTL" --peers udsd 3>&-
    assert_success
    assert_output --regexp $'\nudsctl send, per line +ns +[0-9.]+ '
    assert_output --regexp $'\nudsctl recv, per line +ns +[0-9.]+ '
}

@test "udsd-bench measures streams" {
    run "$BENCH" --quick --work '@(xadd-8|xadd-1000|tail-10|group|pending)' --udsd "$UDSD" --peers udsd,floor 3>&-
    assert_success
    assert_output --regexp $'\nentry added to one of 8 streams, on disk +ns +[0-9.]+( +-){5} +[0-9.]+ '
    assert_output --regexp $'\nentry added to 1,000 streams in turn +ns +[0-9.]+( +-){6} '
    assert_output --regexp $'\nentry to 10 waiting readers, per reader +ns +[0-9.]+( +-){5} +[0-9.]+ '
    assert_output --regexp $'\nentry got and acknowledged, by 100 +ns +[0-9.]+ '
    assert_output --regexp $'\nentry delivered, not acknowledged +B +[0-9.]+ '
}

@test "udsd-bench measures requests to services" {
    run "$BENCH" --quick --work '@(ping-alone|call*)' --udsd "$UDSD" --peers udsd,redis 3>&-
    assert_success
    local redis='[0-9.]+'
    find_redis || redis=-
    assert_output --regexp $'\nrequest to a service and its answer +ns +[0-9.]+ +'"$redis "
    assert_output --regexp $'\nthat, of a PING alone +ratio +[0-9.]+ +'"$redis "
    assert_output --regexp $'\nrequest and answer, 64 deep +ns +[0-9.]+ +'"$redis "
    assert_output --regexp $'\n8 unequal workers, of the least time +ratio +[0-9.]+ +'"$redis "
}

@test "udsd-bench fails when a message is lost" {
    printf '#!/bin/sh\nexec %s %s "$@"\n' "$PYTHON" "$TOOLS/wrong-hub.py" >"$DIR/wrong"
    chmod +x "$DIR/wrong"
    run "$BENCH" --quick --work publish-1 --udsd "$DIR/wrong" --peers udsd 3>&-
    assert_failure 1
    assert_output --partial "udsd: publish-1: connection 1: wrong bytes came"
}

@test "udsd-bench rejects unknown works, peers and numbers" {
    run "$BENCH" --work nothing
    assert_failure 64
    assert_output --partial "--work: 'nothing' matches none of the works that --list names"
    run "$BENCH" --peers udsd,redid
    assert_failure 64
    assert_output --partial "--peers: 'redid' is none of udsd, redis, redis-everysec, nats, mosquitto, dbus-broker and floor"
    run "$BENCH" --rounds 0
    assert_failure 64
    assert_output --partial "--rounds: '0' is not a number"
}
