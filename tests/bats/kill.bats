#!/usr/bin/env bats
# kill -9 of the daemon loses no message.

load helper

is_client() { "$UDSCTL" clients | awk -v pid="$1" '$3 == pid { found = 1 } END { exit !found }'; }

@test "a million lines across three kills: none is missing, and lines repeat only around the kills" {
    local n=1000000 i
    start_udsd
    # In steps, so that each kill hits the running stream, however fast it is.
    start_stream
    seq 1 $((n / 4)) >&8
    for i in 1 2 3; do
        seq $((n / 4 * i + 1)) $((n / 4 * (i + 1))) >&8 &
        local feeder=$!
        wait_until has_lines "$DIR/out" $((n / 4 * i - n / 8))
        kill_udsd
        start_udsd
        # Else the next kill may miss one of them.
        wait_until is_client "$SEND"
        wait_until is_client "$RECV"
        wait "$feeder"
    done
    exec 8>&-
    wait_exit "$SEND"
    assert_equal "$status" 0
    wait_until grep -qx "$n" "$DIR/out"
    stop_udsd
    kill -TERM "$RECV"
    wait_exit "$RECV"

    run "$PYTHON" "$TOOLS/check-lines.py" "$DIR/out" "$n" 3
    assert_success
    echo "# $output" >&3
    contains "$DIR/send.err" "$n messages, $n answered, 0 not sent, 0 refused"
    contains "$DIR/send.err" "3 reconnects"
}
