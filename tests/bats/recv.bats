#!/usr/bin/env bats
# udsctl recv beyond plain lines: formats, JSON, a command for each message, and missed messages.

load helper
load users

# start_recv OPTION...: udsctl recv, $RECV, with its output in $DIR/out and its errors in $DIR/err.
start_recv() {
    background "$UDSCTL" recv "$@" >"$DIR/out" 2>"$DIR/err"
    RECV=$!
    wait_until subscribed 1
}

# ends_with STATUS: waits until $RECV exits with it.
ends_with() {
    wait_exit "$RECV"
    assert_equal "$status" "$1"
}

# start_udsd_that_drops: a daemon that drops messages of d for a clogged receiver.
start_udsd_that_drops() {
    start_configured '[limits]' 'queue_limit = 64K' '[channel d]' 'slow = drop'
}

# miss_some: stops $RECV while 2000 messages go to d, until some are dropped; then one message goes to last.
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

@test "--exec: each message is the input of a command, in order; channel, pattern and number are in its environment" {
    start_udsd
    UDSD_PATTERN=outer UDSD_COUNT=outer start_recv --raw -n 4 -p 'w*' news \
        --exec 'printf "%s %s %s <" "$UDSD_COUNT" "$UDSD_CHANNEL" "${UDSD_PATTERN-none}"; cat; echo ">"'
    "$UDSCTL" send news "two words" ""
    printf 'a\nb\n' | "$UDSCTL" send --whole weather
    printf 'nul\0byte' | "$UDSCTL" send --whole news
    ends_with 0
    printf '1 news none <two words>\n2 news none <>\n3 weather w* <a\nb\n>\n4 news none <nul\0byte>\n' |
        cmp - "$DIR/out"
    [ ! -s "$DIR/err" ]
}

@test "--exec: the input of a command ends as a line of the output does, with -0 by a NUL" {
    start_udsd
    start_recv -n 2 news --exec 'while read -r word; do echo "<$word>"; done'
    "$UDSCTL" send news one "two words"
    ends_with 0
    assert_equal "$(cat "$DIR/out")" $'<one>\n<two words>'
    start_recv -0 -n 1 news --exec cat
    "$UDSCTL" send news x
    ends_with 0
    printf 'x\0' | cmp - "$DIR/out"
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

@test "--exec: a channel with a NUL is left out of the environment" {
    start_udsd
    UDSD_CHANNEL=outer start_recv -n 1 -p '*' --exec 'echo "${UDSD_CHANNEL-none}"'
    "$PYTHON" -c 'import sys; from resp import Client; Client(sys.argv[1]).call("PUBLISH", b"a\0b", "x")' "$S"
    ends_with 0
    assert_equal "$(cat "$DIR/out")" none
}

@test "--exec: a failing command is reported, the others run, and the exit status is 70" {
    start_udsd
    start_recv -n 3 --summary news --exec 'case $UDSD_COUNT in 1) exit 3 ;; 2) kill -KILL $$ ;; esac; cat'
    "$UDSCTL" send news a b c
    ends_with 70
    assert_equal "$(cat "$DIR/out")" c
    contains "$DIR/err" 'message 1 failed with status 3'
    contains "$DIR/err" 'message 2 was killed: Killed'
    contains "$DIR/err" '3 messages, 0 reconnects, 0 missed, 2 commands failed'
}

@test "--summary: one of something is no plural" {
    start_udsd
    start_recv -n 1 --summary news --exec false
    "$UDSCTL" send news a
    ends_with 70
    contains "$DIR/err" 'recv: 1 message, 0 reconnects, 0 missed, 1 command failed'
}

@test "--stop-on-error: no other command is started, and the messages left over are reported" {
    start_udsd
    start_recv --stop-on-error news --exec "cat; until [ -e '$DIR/go' ]; do sleep 0.05; done; false"
    "$UDSCTL" send news a b c
    wait_until contains "$DIR/out" a
    touch "$DIR/go"
    ends_with 70
    assert_equal "$(cat "$DIR/out")" a
    contains "$DIR/err" '2 messages received but not handled'
}

@test "--jobs: so many commands run at once, and not more" {
    start_udsd
    mkdir "$DIR/run"
    # Each command waits until three have run at once; a command that sees a fourth prints it.
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
    start_recv --raw -n 4 big --exec "case \$UDSD_COUNT in
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

@test "--exec: a command inherits only the standard descriptors and the default SIGPIPE; no zombie remains" {
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

# with_signals BLOCKED IGNORED COMMAND...: starts it so.
with_signals() {
    exec "$PYTHON" -c 'import os, signal, sys
sys.argv.pop(0)
blocked, ignored = [[getattr(signal, name) for name in names.split()] for names in sys.argv[:2]]
for signo in signal.SIGPIPE, signal.SIGXFSZ:
    signal.signal(signo, signal.SIG_DFL)
for signo in ignored:
    signal.signal(signo, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, blocked)
os.execv(sys.argv[2], sys.argv[2:])' "$@"
}

@test "signals that were blocked or ignored when udsctl was started: it ends, sees its commands end, and they ignore the same" {
    start_udsd
    local bits='sed -n "s/^SigIgn:\s*//p" /proc/self/status; exit 3'
    background with_signals "SIGCHLD SIGTERM SIGINT" "SIGHUP SIGPIPE" "$UDSCTL" recv --summary --exec "$bits" news >"$DIR/out" 2>"$DIR/err"
    local recv=$!
    wait_until subscribed 1
    "$UDSCTL" send news x
    wait_until contains "$DIR/err" "failed with status 3"
    # SIGHUP is bit 0, SIGPIPE bit 12, SIGXFSZ bit 24.
    assert_equal $((0x$(cat "$DIR/out") & 0x1001001)) $((0x1001))
    kill -HUP "$recv"
    kill -TERM "$recv"
    wait_exit "$recv"
    assert_equal "$status" 143
    contains "$DIR/err" "1 command"
    # With SIGCHLD ignored the kernel would not tell how a command ended.
    background with_signals "" "SIGCHLD" "$UDSCTL" recv -n 1 --exec "exit 4" news 2>"$DIR/err"
    recv=$!
    wait_until subscribed 1
    "$UDSCTL" send news x
    wait_exit "$recv"
    contains "$DIR/err" "failed with status 4"
}

@test "as process 1 udsctl leaves no zombies of other processes" {
    unshare -pf --mount-proc true 2>/dev/null || skip "cannot make a namespace for processes"
    start_udsd
    # Each command leaves a child behind that udsctl inherits; the last one waits until none of them is left.
    local left='(exec true) & :'
    local last='while ps -eo stat=,comm= | grep -q true; do sleep 0.02; done; echo none'
    background unshare -pf --mount-proc "$UDSCTL" recv -n 5 --exec "if [ \$UDSD_COUNT = 5 ]; then $last; else sh -c '$left'; fi" \
        news >"$DIR/out"
    local recv=$!
    wait_until subscribed 1
    "$UDSCTL" send news 1 2 3 4 5
    wait_exit "$recv"
    assert_equal "$status" 0
    assert_equal "$(cat "$DIR/out")" none
    # The other verbs, too.
    mkfifo "$DIR/fifo"
    exec 8<>"$DIR/fifo"
    unshare -pf --mount-proc "$UDSCTL" send news <"$DIR/fifo" 3>&- 8>&- &
    local unshare=$!
    PIDS+=("$unshare")
    wait_until pgrep -P "$unshare"
    nsenter -t "$(pgrep -P "$unshare")" -p sh -c "sh -c '$left'"
    wait_until eval '! nsenter -t "$(pgrep -P "'"$unshare"'")" -p -m ps -eo stat= | grep -q Z'
    exec 8>&-
    wait_exit "$unshare"
}

@test "--exec: with a full queue udsctl stops reading, the publisher waits, and no message is lost" {
    start_udsd
    start_recv -n 500 --queue-bytes 1M --jobs 2 news \
        --exec "until [ -e '$DIR/go' ]; do sleep 0.05; done; echo \$UDSD_COUNT"
    # 50 MB, of which udsctl queues 1 MB and the daemon 8 MB.
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

@test "--exec: SIGTERM waits for the running command and reports the messages not handled" {
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

@test "--exec: a signal after the last message of -n ends it all the same" {
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

@test "--exec: disconnected by slow_timeout, it handles the messages that it has, reconnects and reports the gap" {
    start_configured '[limits]' 'slow_timeout = 300ms'
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

@test "--exec: after a signal, commands have until --stop-timeout, then go on alone" {
    start_udsd
    start_recv news --stop-timeout 200ms --exec "echo \$UDSD_COUNT; until [ -e '$DIR/go' ]; do sleep 0.05; done; echo done"
    "$UDSCTL" send news 1 2 3 4
    wait_until has_lines "$DIR/out" 1
    kill -TERM "$RECV"
    wait_exit "$RECV"
    assert_equal "$status" 143
    contains "$DIR/err" '1 command still running'
    contains "$DIR/err" '3 messages received but not handled: numbers 2 to 4'
    touch "$DIR/go"
    wait_until has_lines "$DIR/out" 2
    run cat "$DIR/out"
    assert_output $'1\ndone'
    run "$UDSCTL" recv --stop-timeout 1s news
    assert_failure 64
    assert_output 'udsctl: recv: --stop-timeout needs --exec'
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
    contains "$DIR/err" '1 message received but not handled: number 2'
    kill "$(cat "$DIR/out")"
}

@test "--exec with --timeout: messages that were received are handled before it exits" {
    start_udsd
    start_recv --timeout 500ms news --exec 'sleep 0.3; cat'
    "$UDSCTL" send news a b c
    ends_with 75
    assert_equal "$(cat "$DIR/out")" $'a\nb\nc'
}

@test "--exec: where no process can be started, it waits and loses no message" {
    need_root
    start_udsd
    chmod 666 "$S"
    cp "$UDSCTL" "$DIR/udsctl"
    # The user may have two processes; the other one ends later.
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
    assert_equal "$(wc -l <"$DIR/err")" 1
}

@test "options that contradict each other and mistakes in a format: exit 64" {
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
    # A NUL instead of the newline, or nothing.
    start_recv -0 -n 1 --format '%p' news
    "$UDSCTL" send news x
    ends_with 0
    printf 'x\0' | cmp - "$DIR/out"
    start_recv -n 2 --format '%p\0\c' news
    "$UDSCTL" send news x y
    ends_with 0
    printf 'x\0y\0' | cmp - "$DIR/out"
}

@test "--format %U and %I: the time when a message arrived" {
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

@test "--json: bytes that are not UTF-8 are in base64" {
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

@test "missed messages are reported on standard error, at their place if it is the same file as standard output" {
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

@test "missed messages with --json: an object at their place" {
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

@test "users may subscribe to the notices of missed messages as to any channel" {
    start_udsd_that_drops
    start_recv --format '%c %p' d last __udsd__:missed
    miss_some
    wait_until contains "$DIR/out" 'last end'
    grep -q '^__udsd__:missed [0-9]* d$' "$DIR/out"
    [ ! -s "$DIR/err" ]
}

@test "udsctl recv works with max_subscriptions = 1" {
    start_configured '[limits]' 'max_subscriptions = 1'
    start_recv -n 1 news
    "$UDSCTL" send news x
    ends_with 0
    assert_equal "$(cat "$DIR/out")" x
    [ ! -s "$DIR/err" ]
}

@test "recv ends when the reader of its pipe or socket leaves, even if no message arrives" {
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

@test "a pipe that is read slowly: memory is bounded, and no message is lost" {
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

@test "on a terminal: each message is shown at once, and ^C ends recv and its running command" {
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
assert status(pid) == -signal.SIGINT
os.close(fd)
pid, fd = start("--exec", "cat; exec sleep 60")
send("one", "two")
read_until(fd, b"one\r\n")
os.write(fd, b"\x03")
read_until(fd, b"1 message received but not handled: number 2\r\n")
assert status(pid) == -signal.SIGINT
EOF
    assert_success
}

@test "a channel named like a pattern is pointed out, and received by its name" {
    start_udsd
    start_recv -n 1 -p 'other.*' news 'logs.*'
    "$UDSCTL" send logs.app 'not for it'
    "$UDSCTL" send 'logs.*' 'by name'
    ends_with 0
    assert_equal "$(cat "$DIR/out")" 'by name'
    assert_equal "$(cat "$DIR/err")" "udsctl: recv: 'logs.*' is taken as the name of one channel; patterns need -p"
}
