#!/usr/bin/env bats
# Bad input gets an error or a close, and does not disturb other clients.

load helper

@test "garbage of every kind into a route listener" {
    local seed=${UDSD_TEST_SEED:-$RANDOM}
    echo "seed $seed"
    start_udsd
    ! is_sanitized || export SANITIZED=1
    run "$PYTHON" "$TOOLS/garbage.py" "$S" "$seed"
    assert_success
}

@test "bytes of a client cannot forge a log line" {
    start_udsd --log-level debug
    printf 'FOO\033[31m\nudsd: error: forged\r\n*1\r\n!\r\n' | nc -N -U "$S" >/dev/null
    wait_until contains "$LOG" 'protocol error'
    run grep -c '^udsd: error: forged' "$LOG"
    assert_output 0
    run grep -c $'\033' "$LOG"
    assert_output 0
}
