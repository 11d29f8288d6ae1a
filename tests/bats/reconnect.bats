#!/usr/bin/env bats
# udsctl waits for a daemon that is away, and reconnects after restarts.

load helper

# send_line TEXT: into the FIFO that udsctl pipe reads.
send_line() {
    printf '%s\n' "$1" >&8
}

@test "pipe: lines that are sent while the daemon is away arrive in order, after the greeting" {
    start_udsd --mode echo
    mkfifo "$DIR/fifo"
    "$UDSCTL" pipe --hello "hello from me" <"$DIR/fifo" >"$DIR/out" 2>"$DIR/err" 3>&- &
    local pipe=$!
    PIDS+=("$pipe")
    exec 8>"$DIR/fifo"

    send_line one
    wait_until contains "$DIR/out" one
    stop_udsd
    wait_until test ! -e "$S"
    send_line two
    send_line three
    # udsctl holds the lines: it still runs, and no answer has come.
    kill -0 "$pipe"
    run cat "$DIR/out"
    assert_output $'hello from me\none'

    start_udsd --mode echo
    wait_until contains "$DIR/out" three
    send_line four
    wait_until contains "$DIR/out" four
    exec 8>&-
    wait_exit "$pipe"
    assert_equal "$status" 0
    run cat "$DIR/out"
    assert_output $'hello from me\none\nhello from me\ntwo\nthree\nfour'
}

@test "pipe sends commands to a route listener" {
    start_udsd
    run bash -c "printf 'PING\r\nPUBLISH a b\r\n' | '$UDSCTL' pipe"
    assert_success
    assert_output $'+PONG\r\n:0\r'
}

@test "send waits for a daemon that is not running, and delivers when it starts" {
    seq 1000 | "$UDSCTL" send --wait-receiver numbers 3>&- &
    local send=$!
    PIDS+=("$send")
    background "$UDSCTL" recv -n 1000 numbers >"$DIR/out"
    local recv=$!
    kill -0 "$send"
    start_udsd
    wait_exit "$send"
    assert_equal "$status" 0
    wait_exit "$recv"
    assert_equal "$status" 0
    diff <(seq 1000) "$DIR/out"
}

@test "send with --timeout gives up with 75 and reports how many messages were not sent" {
    local start=$SECONDS
    run bash -c "seq 7 | '$UDSCTL' send --timeout 1s numbers"
    assert_failure 75
    assert_output --partial "7 of 7 messages"
    assert_output --partial "$S"
    [ $((SECONDS - start)) -lt 30 ]
}

@test "send with arguments gives up after 5 s by default" {
    local start=$SECONDS
    run "$UDSCTL" send numbers one two
    assert_failure 75
    assert_output --partial "2 of 2 messages"
    [ $((SECONDS - start)) -ge 4 ]
}

@test "send connects at once when the socket appears" {
    # A watch of the directory notices the socket; the pause between attempts does not delay it.
    "$UDSCTL" send -v --timeout 60s numbers one 2>"$DIR/err" 3>&- &
    local send=$!
    PIDS+=("$send")
    wait_until contains "$DIR/err" waiting
    start_udsd
    wait_exit "$send"
    assert_equal "$status" 0
}

@test "recv subscribes again after a restart and reports the gap" {
    start_udsd
    background "$UDSCTL" recv --summary -n 2 -p 'n*' >"$DIR/out" 2>"$DIR/err"
    local recv=$!
    wait_until subscribed 1
    "$UDSCTL" send news one
    kill_udsd
    start_udsd
    wait_until subscribed 1
    "$UDSCTL" send news two
    wait_exit "$recv"
    assert_equal "$status" 0
    run cat "$DIR/out"
    assert_output $'one\ntwo'
    contains "$DIR/err" 'subscribed again'
    contains "$DIR/err" '2 messages, 1 reconnect'
}

@test "recv that has missed nothing says nothing of missing messages, and its own channel is not counted" {
    background "$UDSCTL" -v recv news >"$DIR/out" 2>"$DIR/err"
    wait_until contains "$DIR/err" "waiting for $S"
    start_udsd
    wait_until has_receivers news 1
    assert_equal "$(info pubsub_channels) $(info pubsub_patterns)" '1 0'
    run "$UDSCTL" channels --names
    assert_output news
    "$UDSCTL" send news one
    wait_until contains "$DIR/out" one
    refute contains "$DIR/err" missing
}

@test "recv reads the messages that a killed daemon had delivered" {
    start_udsd
    receive numbers
    kill -STOP "$RECV"
    seq 500 | "$UDSCTL" send numbers
    kill_udsd
    kill -CONT "$RECV"
    wait_until has_lines "$DIR/out" 500
    diff <(seq 500) "$DIR/out"
}

# endless: lines with numbers, without end until $DIR/enough exists; $DIR/written has the last one.
endless() {
    "$PYTHON" -c 'import itertools, os, sys
for n in itertools.count(1):
    print(n)
    if n % 100 == 0 and os.path.exists(sys.argv[1] + "/enough"):
        break
sys.stdout.flush()
print(n, file=open(sys.argv[1] + "/written", "w"))' "$DIR"
}

@test "orderly restarts lose and repeat nothing, at full speed with two receivers: the sender waits for both" {
    start_udsd
    background "$UDSCTL" recv numbers >"$DIR/out1" 2>/dev/null
    background "$UDSCTL" recv -p 'n*' >"$DIR/out2" 2>/dev/null
    wait_until subscribed 2
    endless 3>&- | "$UDSCTL" send --summary --rejoin 60s numbers 2>"$DIR/err" 3>&- &
    local send=$! i
    PIDS+=("$send")
    for i in 1 2 3 4 5; do
        wait_until has_lines "$DIR/out1" $(($(wc -l <"$DIR/out1") + 1000))
        stop_udsd
        start_udsd
    done
    wait_until has_lines "$DIR/out1" $(($(wc -l <"$DIR/out1") + 1000))
    : >"$DIR/enough"
    wait_exit "$send"
    assert_equal "$status" 0
    for i in 1 2; do
        wait_until contains "$DIR/out$i" "$(cat "$DIR/written")"
        cmp <(seq "$(cat "$DIR/written")") "$DIR/out$i"
    done
    contains "$DIR/err" "5 reconnects"
    refute contains "$DIR/err" "came back"
}

@test "a receiver that does not come back is waited for no longer than --rejoin, and that is reported" {
    start_udsd
    background "$UDSCTL" recv news >"$DIR/out" 2>/dev/null
    background "$UDSCTL" recv news >/dev/null 2>&1
    local gone=$!
    wait_until has_receivers news 2
    mkfifo "$DIR/fifo"
    "$UDSCTL" send --rejoin 300ms news <"$DIR/fifo" 2>"$DIR/err" 3>&- 8>&- &
    local send=$!
    PIDS+=("$send")
    exec 8>"$DIR/fifo"
    echo one >&8
    wait_until has_lines "$DIR/out" 1
    stop_udsd
    kill "$gone"
    wait_exit "$gone"
    echo two >&8
    start_udsd
    wait_until has_lines "$DIR/out" 2
    echo three >&8
    exec 8>&-
    wait_exit "$send"
    assert_equal "$status" 0
    wait_until has_lines "$DIR/out" 3
    assert_equal "$(cat "$DIR/out")" $'one\ntwo\nthree'
    assert_equal "$(grep -c "1 of 2 receivers came back to .* within 300 ms" "$DIR/err")" 1
}

@test "send goes on after a reconnect to a bus that cannot wait for receivers" {
    run "$PYTHON" - "$S" "$UDSCTL" <<'EOF'
import re, socket, subprocess, sys
path, udsctl = sys.argv[1:]
server = socket.socket(socket.AF_UNIX)
server.bind(path)
server.listen()
server.settimeout(60)
send = subprocess.Popen([udsctl, "send", "--summary", "news", "one", "two", "three"], stderr=subprocess.PIPE, text=True)

def connection(answers, greeting, last=b"three"):
    client, _ = server.accept()
    client.settimeout(60)
    got = b""
    while last not in got:
        more = client.recv(1000)
        assert more, got
        got += more
    assert got.startswith(b"*5\r\n$4\r\nUDSD\r\n") == greeting, got
    client.sendall(answers)
    return client

connection(b":2\r\n", False, b"one").close()  # until something is answered, the first message goes alone
connection(b"-ERR unknown command 'UDSD'\r\n:2\r\n", True).close()
client = connection(b":2\r\n", False)
said = send.stderr.read()
assert send.wait() == 0 and "3 messages, 3 answered, 0 not sent, 0 refused, 0 reached nobody" in said, said
EOF
    assert_success
}

@test "--wait-receiver=N: messages wait for N receivers" {
    start_udsd
    "$UDSCTL" send --wait-receiver=2 news one 3>&- &
    local send=$!
    PIDS+=("$send")
    receive news
    wait_until eval '"$UDSCTL" channels --json news | grep -q "\"waiting\":1"'
    background "$UDSCTL" recv -n 1 news >"$DIR/out2"
    wait_exit "$send"
    assert_equal "$status" 0
    wait_until has_lines "$DIR/out2" 1
    run "$UDSCTL" send --wait-receiver=3 --timeout 200ms news two
    assert_failure 75
    assert_output --partial "fewer than 3 receive 'news'"
    run "$UDSCTL" send --wait-receiver=0 news two
    assert_failure 64
    run "$UDSCTL" send --wait-receiver=65536 news two
    assert_failure 64
}
