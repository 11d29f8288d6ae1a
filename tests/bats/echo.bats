#!/usr/bin/env bats
# An echo listener sends back the bytes that it receives.

load helper

@test "udsctl with piped stdin prints what comes back" {
    start_udsd --mode echo
    run bash -c "printf 'hello\n' | '$UDSCTL' --socket '$S'"
    assert_success
    assert_output hello
}

@test "nc -U prints what comes back" {
    start_udsd --mode echo
    run bash -c "printf 'hello\n' | nc -N -U '$S'"
    assert_success
    assert_output hello
}

@test "an abstract socket and a TCP port echo as well" {
    local name="@udsd-test-$$-$BATS_TEST_NUMBER" port
    port=$(free_port)
    start_udsd --mode echo --listen "$name" --listen "127.0.0.1:$port"
    run bash -c "printf 'one\n' | '$UDSCTL' --socket '$name'"
    assert_success
    assert_output one
    run bash -c "printf 'two\n' | '$UDSCTL' --socket '127.0.0.1:$port'"
    assert_success
    assert_output two
    run bash -c "printf 'three\n' | nc -N 127.0.0.1 $port"
    assert_success
    assert_output three
}

@test "1 GiB of random bytes comes back identical, and the daemon stays small" {
    start_udsd --mode echo
    run "$PYTHON" "$TOOLS/echo-volume.py" "$S" 1024
    assert_success
    # A sanitizer has shadow memory of its own.
    is_sanitized || [ "$(peak_kib "$UDSD_PID")" -lt $((16 * 1024)) ]
}

@test "udsctl pipe carries 64 MiB of random bytes unharmed" {
    start_udsd --mode echo
    head -c 64M /dev/urandom >"$DIR/in"
    "$UDSCTL" pipe <"$DIR/in" >"$DIR/out"
    cmp "$DIR/in" "$DIR/out"
}

@test "a client that sends and never reads costs little memory and does not disturb others" {
    start_udsd --mode echo
    background "$PYTHON" "$TOOLS/hostile.py" "$S" flood >"$DIR/hostile"
    wait_until contains "$DIR/hostile" done
    run bash -c "printf 'still here\n' | '$UDSCTL' --socket '$S'"
    assert_success
    assert_output 'still here'
    is_sanitized || [ "$(resident_kib "$UDSD_PID")" -lt $((16 * 1024)) ]
}
