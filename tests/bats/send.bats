#!/usr/bin/env bats
# udsctl send: input from files, the rate, progress, and errors.

load helper

milliseconds() {
    echo $(($(date +%s%N) / 1000000))
}

@test "-f: several files in order, - is standard input, a last line without newline is a message" {
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

@test "-f: a missing file is reported before anything is sent" {
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

@test "--rate: not exceeded, and no burst after the daemon was away" {
    # 100 messages at 200/s: one every 5 ms, but for the first 5.
    seq 100 | "$UDSCTL" send --rate 200/s numbers 3>&- &
    local send=$! start
    PIDS+=("$send")
    sleep 0.7 # in which the rate would have allowed all messages
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

@test "--rate sends evenly at the promised rate" {
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
# At most one burst of 20 messages is ahead of the rate at any time.
assert took >= (1500 - 22) / 1000, took
ahead = max(i - (t - times[0]) * 1000 for i, t in enumerate(times))
assert ahead <= 25, ahead
PY
    assert_success
}

@test "--rate rejects a value that is not a rate" {
    local rate
    for rate in 0 0/s 5/h -1 fast 10/ /s 99999999999999999999; do
        run "$UDSCTL" send --rate="$rate" news x
        assert_failure 64
        assert_output --partial "is not a rate (try 100/s or 6000/m)"
    done
}

@test "a message that is too large: the error has its line and size" {
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

@test "standard input that is closed or cannot be read: exit 74, with the reason" {
    start_udsd
    run bash -c "'$UDSCTL' send news <&-"
    assert_failure 74
    assert_output --partial "reading standard input: Bad file descriptor"
    run bash -c "'$UDSCTL' send news <'$DIR'"
    assert_failure 74
    assert_output --partial "reading standard input: Is a directory"
}

@test "a signal while messages wait for a receiver: it reports how many were not answered" {
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
    # The first signal ends reading, the second ends it at once; two at the same time would count as one. A signal when
    # it has said so would end it with another status.
    wait_until eval 'contains "$DIR/err" "not answered" || { kill -TERM "$send"; false; }'
    wait_exit "$send"
    assert_equal "$status" 75
    contains "$DIR/err" "of 4 messages were not answered"
}

@test "without a terminal: no progress, with --progress a line every second" {
    start_udsd
    run bash -c "(sleep 1.1; echo x) | '$UDSCTL' send news"
    assert_success
    assert_output ""
    run bash -c "(echo 1234; sleep 1.1; echo x) | '$UDSCTL' send --progress news"
    assert_success
    assert_line --index 0 --regexp '^udsctl: 1 message, 5 B, [0-9]+/s, 0 unanswered$'
    assert_line --index 1 --regexp '^udsctl: 2 messages, 7 B, [0-9]+/s, 0 unanswered$'
}

@test "on a terminal: progress shows by itself after a while, in one line that is cleared at the end" {
    start_udsd
    run "$PYTHON" "$TOOLS/terminal.py" 80 2.8 "$UDSCTL" send news
    assert_success
    assert_output --regexp '\\x0d\\x1b\[Kudsctl: [0-9]+ messages, [0-9.]+ k?B, [0-9]+/s, [0-9]+ unanswered'
    assert_line "screen: "
    # Only cleared lines: no colours and no newlines.
    refute_output --regexp '\\x1b\[[0-9;]*m'
    refute_output --partial '\x0a'
}

@test "on a terminal: --progress leaves its last line, a short input shows none, and a narrow terminal is not wrapped" {
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

@test "what the daemon says about the connection is no answer: the message is sent again" {
    local text spool
    for text in 'TRYAGAIN uid 0 holds too much' 'ERR max number of clients reached for uid 0' \
        'ERR out of memory, the message was not published'; do
        for spool in '' "--spool=$DIR/spool"; do
            run "$PYTHON" - "$S" "$UDSCTL" "$text" $spool <<'EOF'
import os, socket, subprocess, sys
path, udsctl, text, *options = sys.argv[1:]
server = socket.socket(socket.AF_UNIX)
server.bind(path)
server.listen()
server.settimeout(60)
send = subprocess.Popen([udsctl, "send", "-v", "--rejoin=0", "--summary", *options, "news", "one", "two"], stderr=subprocess.PIPE)
command = b"*3\r\n$7\r\nPUBLISH\r\n$4\r\nnews\r\n$3\r\n%s\r\n"
for talk in [(b"one", b":1"), (b"two", b"-" + text.encode())], [(b"two", b":1")]:
    client, _ = server.accept()
    for message, answer in talk:
        want, got = command % message, b""
        while len(got) < len(want):
            got += client.recv(1000)
        assert got == want, got
        client.sendall(answer + b"\r\n")
    if answer == b":1":
        send.wait()
    client.close()
os.unlink(path)
said = send.stderr.read().decode()
assert send.returncode == 0, said
assert text in said and "2 answered, 0 not sent, 0 refused" in said and "1 sent again, 1 reconnect" in said, said
EOF
            assert_success
        done
    done
}

@test "a listener that never answers gets one message at most, and send and recv say what they may have met" {
    start_configured '[listener lines]' "listen = $DIR/lines" 'mode = line' 'channel = log'
    receive log
    local words send recv
    for words in 'send news' 'send --wait-receiver news' 'send --spool spool news'; do
        : >"$DIR/out"
        run bash -c 'cd "$1" && seq 1000 | exec "$2" --socket "$1/lines" ${3/send/send --timeout 300ms}' - "$DIR" "$UDSCTL" "$words"
        assert_failure 75
        assert_output --partial "no answer from $DIR/lines: it hangs, waits for its disk, or has a mode that never answers (line, length, whole)"
        "$UDSCTL" send log end
        wait_until grep -qx end "$DIR/out"
        # The seven lines of one PUBLISH, or less.
        [ "$(wc -l <"$DIR/out")" -le 10 ]
    done
    # Without a timeout they wait, but not in silence.
    background "$UDSCTL" --socket "$DIR/lines" send --whole news <"$DIR/out" 2>"$DIR/send.err"
    send=$!
    background "$UDSCTL" --socket "$DIR/lines" recv news 2>"$DIR/recv.err"
    recv=$!
    wait_until contains "$DIR/send.err" 'never answers (line, length, whole); waiting'
    wait_until contains "$DIR/recv.err" 'never answers (line, length, whole); waiting'
    kill "$send" "$recv"
    run "$UDSCTL" --socket "$DIR/lines" recv --timeout 200ms news
    assert_failure 75
    assert_output --partial 'never answer'
    run "$UDSCTL" --socket "$DIR/lines" ping --timeout 200ms
    assert_failure 75
    assert_output --partial 'never answer'
}

@test "a message that stalls while others of its user wait: the daemon closes the connection, and send sends it again" {
    start_configured '[limits]' 'max_message = 5M' 'queue_limit_per_uid = 1M' 'slow_timeout = 100ms'
    receive news
    head -c 4900000 /dev/zero | tr '\0' x >"$DIR/in"
    run "$PYTHON" - "$S" "$UDSCTL" "$DIR/in" <<'EOF'
import socket, subprocess, sys
from resp import Client
path, udsctl, file = sys.argv[1:]
# Together with this the message is too much for one user.
holder = Client(path)
holder.send_raw(b"*2\r\n$4\r\nECHO\r\n$4900000\r\n" + b"x" * 4000000)
# Stands in the way: of the first connection it passes on only a part, and then what the daemon says to that.
proxy = socket.socket(socket.AF_UNIX)
proxy.bind(path + ".proxy")
proxy.listen()
proxy.settimeout(60)
send = subprocess.Popen([udsctl, "--socket", path + ".proxy", "send", "-v", "--rejoin=0", "--whole", "-f", file, "news"],
                        stderr=subprocess.PIPE, text=True)

def pass_on(size):
    """Returns what the daemon says."""
    client, _ = proxy.accept()
    hub = Client(path)
    while size > 0 and (data := client.recv(min(size, 1 << 20))):
        hub.send_raw(data)
        size -= len(data)
    said = hub.sock.recv(1000)
    client.sendall(said)
    client.close()
    return said

said = pass_on(4000000)
assert said.startswith(b"-TRYAGAIN "), said
holder.close()
assert pass_on(4900000 + len(b"*3\r\n$7\r\nPUBLISH\r\n$4\r\nnews\r\n$4900000\r\n\r\n")) == b":1\r\n"
said = send.communicate()[1]
assert send.returncode == 0 and "TRYAGAIN" in said, said
EOF
    assert_success
    wait_until has_lines "$DIR/out" 1
}

@test "messages that reach nobody are counted, and --require-receiver makes them a failure" {
    start_udsd
    run "$UDSCTL" send --summary news 1 2
    assert_success
    assert_output --partial "2 messages, 2 answered, 0 not sent, 0 refused, 2 reached nobody, 0 sent again"
    run "$UDSCTL" send -v news 1 2
    assert_success
    assert_output --partial "2 of 2 answered messages reached nobody"
    run "$UDSCTL" send news 1 2
    assert_success
    assert_output ""
    run "$UDSCTL" send --require-receiver news 1
    assert_failure 69
    assert_output "udsctl: 1 of 1 answered message reached nobody"
    receive news
    run "$UDSCTL" send --require-receiver --summary news $(seq 20)
    assert_success
    assert_output --partial "20 answered, 0 not sent, 0 refused, 0 reached nobody"
}

@test "after the first signal send says that it goes on, and a second one ends it" {
    background "$UDSCTL" -v send --timeout 60s news x 2>"$DIR/err"
    local send=$!
    wait_until contains "$DIR/err" "waiting for $S"
    kill -TERM "$send"
    wait_until contains "$DIR/err" 'what has been read is still being sent; interrupt again to give up'
    kill -TERM "$send"
    wait_exit "$send"
    assert_equal "$status" 75
}

@test "messages that --rate holds back are not blamed on the daemon" {
    start_udsd
    seq 3 >"$DIR/in"
    background "$UDSCTL" -v send --rate 1/m --timeout 60s news <"$DIR/in" 2>"$DIR/err"
    local send=$!
    wait_until info_is messages_published 1
    kill -TERM "$send"
    wait_until contains "$DIR/err" 'interrupt again to give up'
    kill -TERM "$send"
    wait_exit "$send"
    assert_equal "$status" 75
    contains "$DIR/err" '2 of 3 messages were not answered (--rate holds them back)'
}
