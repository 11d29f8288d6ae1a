#!/usr/bin/env bats
# udsctl recv beyond plain lines: formats, JSON, a command for each message, and what was missed.

load helper

# start_recv OPTION...: in the background, $RECV; its output is in $DIR/out, its errors in $DIR/err.
start_recv() {
    background "$UDSCTL" recv "$@" >"$DIR/out" 2>"$DIR/err"
    RECV=$!
    wait_until subscribed 1
}

# ends_with STATUS
ends_with() {
    wait_exit "$RECV"
    assert_equal "$status" "$1"
}

start_udsd_with() { # LINE...
    printf '%s\n' '[listener bus]' "listen = $S" "$@" >"$DIR/conf"
    "$UDSD" --config "$DIR/conf" >>"$LOG" 2>&1 3>&- 8>&- &
    UDSD_PID=$!
    PIDS+=("$UDSD_PID")
    DAEMONS[$UDSD_PID]=1
    wait_until is_listening "$S"
}

# start_udsd_that_drops: what a receiver on d does not take is dropped.
start_udsd_that_drops() {
    start_udsd_with '[limits]' 'queue_limit = 64K' '[channel d]' 'slow = drop'
}

# miss_some: $RECV sleeps until messages to it were dropped; 2000 went to d, and then one to last.
miss_some() {
    kill -STOP "$RECV"
    seq -f '%0300.0f' 2000 | "$UDSCTL" send d
    [ "$(info messages_dropped)" -gt 0 ]
    kill -CONT "$RECV"
    wait_until info_is clogged_clients 0
    "$UDSCTL" send last end
}

has_no_children() { # PID
    [ -z "$(cat "/proc/$1/task/$1/children")" ]
}

@test "--exec: each message is the input of a command, in order, and its environment tells the rest" {
    start_udsd
    UDSD_PATTERN=outer UDSD_COUNT=outer start_recv -n 4 -p 'w*' news \
        --exec 'printf "%s %s %s <" "$UDSD_COUNT" "$UDSD_CHANNEL" "${UDSD_PATTERN-none}"; cat; echo ">"'
    "$UDSCTL" send news "two words" ""
    printf 'a\nb\n' | "$UDSCTL" send --whole weather
    printf 'nul\0byte' | "$UDSCTL" send --whole news
    ends_with 0
    printf '1 news none <two words>\n2 news none <>\n3 weather w* <a\nb\n>\n4 news none <nul\0byte>\n' |
        cmp - "$DIR/out"
    [ ! -s "$DIR/err" ]
}

@test "--exec with --format or --json: the command reads what would have been printed" {
    start_udsd
    start_recv -n 1 news --format '%c=%p' --exec 'cat -A'
    "$UDSCTL" send news x
    ends_with 0
    assert_equal "$(cat "$DIR/out")" 'news=x$'
    start_recv -n 1 news --json --exec "$PYTHON -c 'import json; print(json.loads(input())[\"payload\"])'"
    "$UDSCTL" send news y
    ends_with 0
    assert_equal "$(cat "$DIR/out")" y
}

@test "--exec: a channel that the environment cannot hold is left out" {
    start_udsd
    UDSD_CHANNEL=outer start_recv -n 1 -p '*' --exec 'echo "${UDSD_CHANNEL-none}"'
    "$PYTHON" -c 'import sys; from resp import Client; Client(sys.argv[1]).call("PUBLISH", b"a\0b", "x")' "$S"
    ends_with 0
    assert_equal "$(cat "$DIR/out")" none
}

@test "--exec: a command that fails is told, the others go on, and the end is 70" {
    start_udsd
    start_recv -n 3 --summary news --exec 'case $UDSD_COUNT in 1) exit 3 ;; 2) kill -KILL $$ ;; esac; cat; echo'
    "$UDSCTL" send news a b c
    ends_with 70
    assert_equal "$(cat "$DIR/out")" c
    contains "$DIR/err" 'message 1 failed with status 3'
    contains "$DIR/err" 'message 2 was killed: Killed'
    contains "$DIR/err" '3 messages, 0 reconnects, 0 missed, 2 commands failed'
}

@test "--stop-on-error: no other command is started, and it says what was taken" {
    start_udsd
    start_recv --stop-on-error news --exec "cat; echo; until [ -e '$DIR/go' ]; do sleep 0.05; done; false"
    "$UDSCTL" send news a b c
    wait_until contains "$DIR/out" a
    touch "$DIR/go"
    ends_with 70
    assert_equal "$(cat "$DIR/out")" a
    contains "$DIR/err" '2 messages received but not handled'
}

@test "--jobs: as many commands at once, and not more" {
    start_udsd
    mkdir "$DIR/run"
    # Each waits until it was one of three; who sees a fourth tells.
    start_recv -n 9 --jobs 3 news --exec "
        cd '$DIR/run'; : >\$UDSD_COUNT; set -- *; [ \$# -le 3 ] || echo \"\$# at once\"
        until [ -e ../three ]; do set -- *; [ \$# -lt 3 ] || : >../three; sleep 0.02; done; rm \$UDSD_COUNT"
    seq 9 | "$UDSCTL" send news
    ends_with 0
    assert_equal "$(cat "$DIR/out" "$DIR/err")" ''
}

@test "--exec: commands that do not read, read slowly, or leave the message to a child" {
    start_udsd
    head -c 16777216 /dev/urandom >"$DIR/big"
    start_recv -n 4 big --exec "case \$UDSD_COUNT in
        1) exec <&-; exit 0 ;;
        2) head -c 10; sleep 0.1; cat ;;
        3) sleep 60 <&0 >/dev/null 2>&1 & echo \$! >'$DIR/child' ;;
        4) wc -c ;; esac"
    for _ in 1 2 3 4; do
        "$UDSCTL" send --whole --timeout 60s big <"$DIR/big"
    done
    ends_with 0
    kill "$(cat "$DIR/child")"
    cmp <(cat "$DIR/big" && echo 16777216) "$DIR/out"
    [ ! -s "$DIR/err" ]
}

@test "--exec: a command inherits standard descriptors only, and no ignored SIGPIPE; no zombie stays" {
    start_udsd
    exec 9<"$TOP/README.md"
    start_recv news --exec 'ls /proc/self/fd | wc -l; sed -n "s/^SigIgn:.*\(....\)$/\1/p" /proc/self/status'
    exec 9<&-
    "$UDSCTL" send news a b
    wait_until has_lines "$DIR/out" 4
    # ls has the directory open; 13, SIGPIPE, is the bit 1000.
    [[ "$(cat "$DIR/out")" =~ ^4$'\n'[02468ace]...$'\n'4$'\n'[02468ace]...$ ]]
    wait_until has_no_children "$RECV"
    kill "$RECV"
    ends_with 143
}

@test "--exec: a full queue is not read on, the publisher waits, and nothing is lost" {
    start_udsd
    start_recv -n 500 --queue-bytes 1M --jobs 2 news \
        --exec "until [ -e '$DIR/go' ]; do sleep 0.05; done; echo \$UDSD_COUNT"
    # 50 MB, of which udsctl holds 1, the daemon 8.
    seq -f '%0100000.0f' 500 | "$UDSCTL" send news 3>&- &
    local send=$!
    PIDS+=("$send")
    wait_until info_is clogged_clients 1
    kill -0 "$send"
    is_sanitized || [ "$(resident_kib "$RECV")" -lt 12000 ]
    touch "$DIR/go"
    wait_exit "$send"
    assert_equal "$status" 0
    ends_with 0
    diff <(seq 500) <(sort -n "$DIR/out")
}

@test "--exec: SIGTERM waits for the command that runs and says what was not handled" {
    start_udsd
    start_recv news --exec "echo \$UDSD_COUNT; until [ -e '$DIR/go' ]; do sleep 0.05; done; echo done"
    "$UDSCTL" send news a b c
    wait_until contains "$DIR/out" 1
    kill "$RECV"
    wait_until info_is pubsub_channels 0
    kill -0 "$RECV"
    touch "$DIR/go"
    ends_with 143
    assert_equal "$(cat "$DIR/out")" $'1\ndone'
    contains "$DIR/err" '2 messages received but not handled'
}

@test "--exec: a signal after the last message is one all the same" {
    start_udsd
    start_recv -v -n 3 news --exec "echo \$UDSD_COUNT; until [ -e '$DIR/go' ]; do sleep 0.05; done"
    "$UDSCTL" send news a b c
    wait_until contains "$DIR/out" 1
    wait_until info_is pubsub_channels 0
    kill "$RECV"
    wait_until contains "$DIR/err" 'another signal'
    touch "$DIR/go"
    ends_with 143
    contains "$DIR/err" '2 messages received but not handled'
}

@test "--exec: too slow for slow_timeout, it handles what it has, connects again and tells the gap" {
    start_udsd_with '[limits]' 'slow_timeout = 300ms'
    start_recv --queue-bytes 1K news --exec "
        until [ -e '$DIR/go' ]; do sleep 0.05; done; echo \"\$UDSD_COUNT \$(head -c 3)\""
    seq -f '%0100000.0f' 100 | "$UDSCTL" send news
    wait_until info_is slow_receivers_closed 1
    touch "$DIR/go"
    wait_until contains "$DIR/err" 'subscribed again'
    "$UDSCTL" send news end
    wait_until contains "$DIR/out" end
    diff <(seq "$(wc -l <"$DIR/out")") <(cut -d' ' -f1 "$DIR/out")
    has_lines "$DIR/out" 3
    kill "$RECV"
    ends_with 143
}

@test "--exec: a second signal ends at once" {
    start_udsd
    start_recv -v news --exec 'echo $$; exec sleep 60'
    "$UDSCTL" send news a b
    wait_until has_lines "$DIR/out" 1
    kill "$RECV"
    wait_until contains "$DIR/err" 'another signal'
    kill "$RECV"
    ends_with 143
    contains "$DIR/err" '1 command still running'
    contains "$DIR/err" '1 message received but not handled'
    kill "$(cat "$DIR/out")"
}

@test "--exec with --timeout: what was taken is handled before the end" {
    start_udsd
    start_recv --timeout 500ms news --exec 'sleep 0.3; cat; echo'
    "$UDSCTL" send news a b c
    ends_with 75
    assert_equal "$(cat "$DIR/out")" $'a\nb\nc'
}

@test "--exec: where no process can be started, it waits and loses nothing" {
    [ "$(id -u)" -eq 0 ] || skip "needs root to become somebody else"
    start_udsd
    chmod a+x "$DIR" "$BATS_RUN_TMPDIR" "$(dirname "$DIR")"
    chmod 666 "$S"
    cp "$UDSCTL" "$DIR/udsctl"
    chmod 755 "$DIR/udsctl"
    # Its user may have two processes, and the other one ends later.
    local user=(setpriv --reuid 54321 --regid 54321 --clear-groups) other
    background "${user[@]}" sleep 60
    other=$!
    background "${user[@]}" bash -c 'ulimit -S -u 2; exec "$0" "$@"' \
        "$DIR/udsctl" recv -n 2 news --exec 'read -r x; echo "$x"' >"$DIR/out" 2>"$DIR/err"
    RECV=$!
    wait_until subscribed 1
    "$UDSCTL" send news a b
    wait_until contains "$DIR/err" 'cannot be started yet'
    kill "$other"
    ends_with 0
    assert_equal "$(cat "$DIR/out")" $'a\nb'
    has_lines "$DIR/err" 1
    ! has_lines "$DIR/err" 2
}

@test "options that do not fit together, and mistakes in a format: exit 64" {
    local words
    for words in '--jobs 2' --stop-on-error '--queue-bytes 1M' '--json --format %p'; do
        # shellcheck disable=SC2086 # words
        run "$UDSCTL" recv $words news
        assert_failure 64
    done
    run "$UDSCTL" recv --format '%p %q' news
    assert_failure 64
    assert_output --partial "'%q' is unknown"
    assert_output --partial '%c channel'
}

@test "--format" {
    start_udsd
    start_recv -n 3 -p 'n*' --format '%n\t%c\t%P\t%l\t%p\t%x\t%b\t%j\t100%%'
    "$UDSCTL" send news 'a"b'
    printf '\377' | "$UDSCTL" send --whole news
    "$UDSCTL" send news ''
    ends_with 0
    printf '%s\n' $'1\tnews\tn*\t3\ta"b\t612262\tYSJi\t"a\\"b"\t100%' \
        $'2\tnews\tn*\t1\t\377\tff\t/w==\t"\357\277\275"\t100%' $'3\tnews\tn*\t0\t\t\t\t""\t100%' | cmp - "$DIR/out"
    # A NUL or nothing behind it instead of the newline.
    start_recv -0 -n 1 --format '%p' news
    "$UDSCTL" send news x
    ends_with 0
    printf 'x\0' | cmp - "$DIR/out"
    start_recv -n 2 --format '%p\0\c' news
    "$UDSCTL" send news x y
    ends_with 0
    printf 'x\0y\0' | cmp - "$DIR/out"
}

@test "--format tells when a message came" {
    start_udsd
    local before
    before=$(date +%s)
    TZ=XXX-05:30 start_recv -n 1 --format '%U %I' news
    "$UDSCTL" send news x
    ends_with 0
    run "$PYTHON" -c '
import sys, datetime
seconds, iso = open(sys.argv[1]).read().split()
assert int(sys.argv[2]) <= float(seconds) <= int(sys.argv[2]) + 60
assert iso.endswith("+05:30") and datetime.datetime.fromisoformat(iso).timestamp() == float(seconds)' "$DIR/out" "$before"
    assert_success
}

@test "--json: what is not UTF-8 is base64" {
    start_udsd
    start_recv -n 3 --json -p '*'
    "$PYTHON" - "$S" <<'EOF'
import sys
from resp import Client
client = Client(sys.argv[1])
client.call("PUBLISH", "news", b"a\0\"\n\xc3\xa9")
client.call("PUBLISH", b"\xff", "x")
client.call("PUBLISH", "n", b"\xff\xfe")
EOF
    ends_with 0
    run "$PYTHON" - "$DIR/out" <<'EOF'
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
for line in lines:
    assert line.pop("time").endswith("Z")
assert lines == [{"channel": "news", "pattern": "*", "payload": "a\0\"\n\u00e9"},
                 {"channel_base64": "/w==", "pattern": "*", "payload": "x"},
                 {"channel": "n", "pattern": "*", "payload_base64": "//4="}], lines
EOF
    assert_success
}

@test "what was missed is told on standard error: where it would have stood, if that is the same file" {
    start_udsd_that_drops
    background "$UDSCTL" recv --summary d last >"$DIR/out" 2>&1
    RECV=$!
    wait_until subscribed 2
    miss_some
    wait_until contains "$DIR/out" end
    kill "$RECV"
    ends_with 143
    local missed
    missed=$(awk '/^udsctl: missed [0-9]* messages of .d.$/ { n += $3; missed += $3; next }
        /^0/ && $1 + 0 != ++n { exit 1 } END { print missed }' "$DIR/out")
    [ "$missed" -gt 0 ]
    contains "$DIR/out" "$((2001 - missed)) messages, 0 reconnects, $missed missed"
}

@test "what was missed, with --json: where it would have stood" {
    start_udsd_that_drops
    start_recv --json d last
    miss_some
    wait_until contains "$DIR/out" '"end"'
    run "$PYTHON" - "$DIR/out" <<'EOF'
import json, sys
next_number, missed = 1, 0
for line in map(json.loads, open(sys.argv[1])):
    assert line.pop("time").endswith("Z")
    if "missed" in line:
        assert line.pop("channel") == "d"
        next_number += line["missed"]
        missed += 1
    elif line["channel"] == "d":
        assert int(line["payload"]) == next_number, (line, next_number)
        next_number += 1
assert line == {"channel": "last", "payload": "end"} and next_number == 2001 and missed > 0
EOF
    assert_success
    [ ! -s "$DIR/err" ]
}

@test "a user may subscribe to the notices as to any channel" {
    start_udsd_that_drops
    start_recv --format '%c %p' d last __udsd__:missed
    miss_some
    wait_until contains "$DIR/out" 'last end'
    grep -q '^__udsd__:missed [0-9]* d$' "$DIR/out"
    [ ! -s "$DIR/err" ]
}

@test "who may have one subscription only still receives" {
    start_udsd_with '[limits]' 'max_subscriptions = 1'
    start_recv -n 1 news
    "$UDSCTL" send news x
    ends_with 0
    assert_equal "$(cat "$DIR/out")" x
    [ ! -s "$DIR/err" ]
}

@test "recv ends when its reader leaves, though no message comes: a pipe, a socket" {
    start_udsd
    run "$PYTHON" - "$UDSCTL" <<'EOF'
import os, socket, subprocess, sys
def pair():
    return [s.detach() for s in socket.socketpair()]
for make in os.pipe, pair:
    near, far = make()
    recv = subprocess.Popen([sys.argv[1], "recv", "news"], stdout=far, stderr=subprocess.PIPE)
    os.close(far)
    subprocess.run([sys.argv[1], "send", "--wait-receiver", "news", "x"], check=True)
    assert os.read(near, 10) == b"x\n"
    assert recv.poll() is None
    os.close(near)
    assert recv.wait(20) == 0 and recv.stderr.read() == b"", make
EOF
    assert_success
}

@test "output that is closed from the start or on a full disk: exit 74" {
    start_udsd
    run timeout "$PATIENCE" bash -c "'$UDSCTL' recv news 2>&1 >&-"
    assert_failure 74
    assert_output --partial 'Bad file descriptor'
    background "$UDSCTL" recv --json news >/dev/full 2>"$DIR/err"
    RECV=$!
    "$UDSCTL" send --wait-receiver --timeout 20s news x
    ends_with 74
    contains "$DIR/err" 'No space left'
}

@test "a pipe that is read slowly: bounded memory, and nothing is lost" {
    start_udsd
    mkfifo "$DIR/fifo"
    exec 8<>"$DIR/fifo"
    background "$UDSCTL" recv --format '%p' -n 500 news >"$DIR/fifo"
    RECV=$!
    wait_until subscribed 1
    seq -f '%0100000.0f' 500 | "$UDSCTL" send news 3>&- 8>&- &
    PIDS+=($!)
    wait_until info_is clogged_clients 1
    is_sanitized || [ "$(resident_kib "$RECV")" -lt 12000 ]
    head -n 500 <&8 | awk '$1 != NR { exit 1 } END { if (NR != 500) exit 1 }'
    ends_with 0
}

@test "on a terminal: each message at once, and ^C ends it and the command that runs" {
    start_udsd
    run "$PYTHON" - "$UDSCTL" <<'EOF'
import os, pty, select, signal, subprocess, sys, time
udsctl = sys.argv[1]
signal.alarm(60)
def start(*args):
    pid, fd = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGINT, signal.SIG_DFL) # background jobs of some shells ignore it
        os.execv(udsctl, [udsctl, "recv", "news", *args])
    return pid, fd
def read_until(fd, text):
    got, end = b"", time.monotonic() + 20
    while text not in got:
        assert select.select([fd], [], [], end - time.monotonic())[0], got
        got += os.read(fd, 4096)
def status(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
def send(*words):
    subprocess.run([udsctl, "send", "--wait-receiver", "news", *words], check=True)
pid, fd = start()
for word in "one", "two":
    send(word)
    read_until(fd, word.encode() + b"\r\n")
os.write(fd, b"\x03")
assert status(pid) == 130
os.close(fd)
pid, fd = start("--exec", "cat; echo; exec sleep 60")
send("one", "two")
read_until(fd, b"one\r\n")
os.write(fd, b"\x03")
read_until(fd, b"1 message received but not handled\r\n")
assert status(pid) == 130
EOF
    assert_success
}
