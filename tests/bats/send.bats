#!/usr/bin/env bats
# udsctl send: where lines come from, how fast they go, what it says meanwhile and when something is wrong.

load helper

receive() {
    background "$UDSCTL" recv "$@" >"$DIR/out" 2>/dev/null
    wait_until subscribed $#
}

milliseconds() {
    echo $(($(date +%s%N) / 1000000))
}

@test "-f: several files in order, - is standard input, a last line without newline is a line" {
    start_udsd
    receive news
    printf '1\n2' >"$DIR/a"
    : >"$DIR/empty"
    printf '4\n' >"$DIR/b"
    echo 3 | "$UDSCTL" send -f "$DIR/a" -f - --file "$DIR/empty" --file="$DIR/b" news
    wait_until has_lines "$DIR/out" 4
    diff <(seq 4) "$DIR/out"
}

@test "-f with -0 and --whole: each file is one message" {
    start_udsd
    receive news
    printf 'one\0two' >"$DIR/a"
    printf 'three\0' >"$DIR/b"
    "$UDSCTL" send -0 -f "$DIR/a" -f "$DIR/b" news
    wait_until has_lines "$DIR/out" 3
    printf 'x' >"$DIR/a"
    : >"$DIR/b"
    "$UDSCTL" send --whole -f "$DIR/a" -f "$DIR/b" news
    wait_until has_lines "$DIR/out" 5
    printf 'one\ntwo\nthree\nx\n\n' | cmp - "$DIR/out"
}

@test "-f: a file that is not there is named before anything is sent" {
    start_udsd
    receive news
    echo one >"$DIR/a"
    run "$UDSCTL" send -f "$DIR/a" -f "$DIR/none" news
    assert_failure 66
    assert_output --partial "'$DIR/none': No such file"
    run "$UDSCTL" send -f "$DIR" news
    assert_failure 74
    assert_output --partial "reading '$DIR': Is a directory"
    run "$UDSCTL" send -f "$DIR/a" news text
    assert_failure 64
    "$UDSCTL" send news end
    wait_until contains "$DIR/out" end
    assert_equal "$(cat "$DIR/out")" end
}

@test "--rate: no faster, and not in one burst after the daemon was away" {
    # 100 at 200/s: but for the first 5, one each 5 ms.
    seq 100 | "$UDSCTL" send --rate 200/s numbers 3>&- &
    local send=$! start
    PIDS+=("$send")
    sleep 0.7 # time in which it could all have been queued
    start=$(milliseconds)
    start_udsd
    wait_exit "$send"
    assert_equal "$status" 0
    [ $(($(milliseconds) - start)) -ge 460 ]

    start=$(milliseconds)
    "$UDSCTL" send --rate 600/m numbers 1 2 3 4 5
    [ $(($(milliseconds) - start)) -ge 390 ]
    "$UDSCTL" send --rate 1000000 numbers 1 2 3
}

@test "--rate keeps the promised speed, evenly" {
    start_udsd
    run "$PYTHON" - "$UDSCTL" "$S" <<'PY'
import subprocess, sys, time
from resp import Client
client = Client(sys.argv[2])
client.call("SUBSCRIBE", "numbers")
send = subprocess.Popen([sys.argv[1], "--socket", sys.argv[2], "send", "--rate", "1000/s", "numbers"],
                        stdin=subprocess.PIPE)
send.stdin.write(b"".join(b"%d\n" % n for n in range(1500)))
send.stdin.close()
times = []
for n in range(1500):
    assert client.read()[2] == b"%d" % n
    times.append(time.monotonic())
assert send.wait() == 0
took = times[-1] - times[0]
# One burst of 20 at most is ahead of the rate, over the whole time.
assert took >= (1500 - 22) / 1000, took
ahead = max(i - (t - times[0]) * 1000 for i, t in enumerate(times))
assert ahead <= 25, ahead
PY
    assert_success
}

@test "--rate: what is not a rate is a mistake" {
    local rate
    for rate in 0 0/s 5/h -1 fast 10/ /s 99999999999999999999; do
        run "$UDSCTL" send --rate="$rate" news x
        assert_failure 64
        assert_output --partial "is not a rate (try 100/s or 6000/m)"
    done
}

@test "a message that is too large: its line and size are named" {
    printf '[limits]\nmax_message = 1K\n' >"$DIR/conf"
    start_udsd --config "$DIR/conf"
    {
        echo ok
        head -c 2000 /dev/zero | tr '\0' x
        printf '\nok\n'
    } >"$DIR/in"
    run bash -c "'$UDSCTL' send news <'$DIR/in'"
    assert_failure 76
    assert_output --partial "line 2 (2000 bytes) was refused"
    assert_output --partial "larger than max_message"
    echo first >"$DIR/a"
    run "$UDSCTL" send -f "$DIR/a" -f "$DIR/in" news
    assert_failure 76
    assert_output --partial "line 2 of '$DIR/in' (2000 bytes) was refused"
    run "$UDSCTL" send news ok "$(tail -n +2 "$DIR/in" | head -n 1)"
    assert_failure 76
    assert_output --partial "message 2 (2000 bytes) was refused"
    run bash -c "'$UDSCTL' send --spool '$DIR/spool' news <'$DIR/in'"
    assert_failure 76
    assert_output --partial "line 2 (2000 bytes) was refused"
    refute_output --partial "stay"
}

@test "any bytes: NULs, empty lines, carriage returns, a very long line" {
    start_udsd
    receive news
    {
        printf 'a\0b\n\n\r\n\377\n'
        head -c 3000000 /dev/zero
        printf '\nend'
    } >"$DIR/in"
    "$UDSCTL" send --spool "$DIR/spool" news <"$DIR/in"
    wait_until has_lines "$DIR/out" 6
    "$UDSCTL" send news <"$DIR/in"
    wait_until has_lines "$DIR/out" 12
    { cat "$DIR/in"; echo; cat "$DIR/in"; echo; } | cmp - "$DIR/out"
}

@test "standard input that is closed or cannot be read: 74, and it says so" {
    start_udsd
    run bash -c "'$UDSCTL' send news <&-"
    assert_failure 74
    assert_output --partial "reading standard input: Bad file descriptor"
    run bash -c "'$UDSCTL' send news <'$DIR'"
    assert_failure 74
    assert_output --partial "reading standard input: Is a directory"
}

@test "a signal while messages wait for a receiver: it says how many were not answered" {
    start_udsd
    seq 3 | "$UDSCTL" send --wait-receiver --timeout 200ms news 2>"$DIR/err" 3>&- &
    local send=$!
    PIDS+=("$send")
    wait_exit "$send"
    assert_equal "$status" 75
    contains "$DIR/err" "3 of 3 messages were not answered (nobody receives 'news'"
    mkfifo "$DIR/fifo"
    "$UDSCTL" send --wait-receiver news <"$DIR/fifo" 2>"$DIR/err" 3>&- 8>&- &
    send=$!
    PIDS+=("$send")
    exec 8<>"$DIR/fifo"
    seq 4 >&8
    wait_until eval '[ "$(info total_commands_processed)" -gt 2 ]'
    kill -TERM "$send"
    # The first is asked to send what is there; only then is the second a second one.
    wait_until eval 'kill -TERM "$send"; is_gone "$send"'
    wait_exit "$send"
    assert_equal "$status" 75
    contains "$DIR/err" "of 4 messages were not answered"
}

@test "no terminal: no progress unless asked for, then a line each second" {
    start_udsd
    run bash -c "(sleep 1.1; echo x) | '$UDSCTL' send news"
    assert_success
    assert_output ""
    run bash -c "(echo 1234; sleep 1.1; echo x) | '$UDSCTL' send --progress news"
    assert_success
    assert_line --index 0 --regexp '^udsctl: 1 message, 5 B, [0-9]+/s, 0 unanswered$'
    assert_line --index 1 --regexp '^udsctl: 2 messages, 7 B, [0-9]+/s, 0 unanswered$'
}

@test "on a terminal: by itself when it lasts, in one line that is gone at the end" {
    start_udsd
    run "$PYTHON" "$TOOLS/terminal.py" 80 2.8 "$UDSCTL" send news
    assert_success
    assert_output --regexp '\\x0d\\x1b\[Kudsctl: [0-9]+ messages, [0-9.]+ k?B, [0-9]+/s, [0-9]+ unanswered'
    assert_line "screen: "
    # Cleared lines only: no colours, nothing that would scroll.
    refute_output --regexp '\\x1b\[[0-9;]*m'
    refute_output --partial '\x0a'
}

@test "on a terminal: --progress stays, --no-progress and a short input show nothing, a narrow one is not wrapped" {
    start_udsd
    run "$PYTHON" "$TOOLS/terminal.py" 80 0.8 "$UDSCTL" send --progress news
    assert_success
    assert_line --regexp '^screen: udsctl: [0-9]+ messages, [0-9]+ B, [0-9]+/s, 0 unanswered\|$'
    run "$PYTHON" "$TOOLS/terminal.py" 80 0.2 "$UDSCTL" send news
    assert_success
    assert_line "screen: "
    refute_output --partial messages
    run "$PYTHON" "$TOOLS/terminal.py" 30 0.8 "$UDSCTL" send --progress news
    assert_success
    assert_line --regexp '^screen: .{29}\|$'
}
