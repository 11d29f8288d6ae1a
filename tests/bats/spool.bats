#!/usr/bin/env bats
# udsctl send --spool: lines that were read and not answered survive udsctl, whatever ends it.

load helper

setup() {
    common_setup
    SPOOL=$DIR/spool
    MOUNTED=
}

teardown() {
    common_teardown
    [ -z "$MOUNTED" ] || umount -l "$MOUNTED"
}

size() {
    stat -c %s "$1"
}

# damage FILE OFFSET: inverts one byte.
damage() {
    "$PYTHON" -c 'import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(int(sys.argv[2]))
    byte = f.read(1)[0]
    f.seek(int(sys.argv[2]))
    f.write(bytes([byte ^ 0xff]))' "$1" "$2"
}

# spool_lines FROM TO [CHANNEL]: puts these numbers into the spool, without a daemon.
spool_lines() {
    run bash -c "seq $1 $2 | '$UDSCTL' send --spool '$SPOOL' --timeout 100ms '${3:-numbers}'"
    assert_failure 75
}

# mount_small SIZE: a small file system on $DIR/small.
mount_small() {
    [ "$(id -u)" -eq 0 ] || skip "needs root to mount"
    mkdir "$DIR/small"
    mount -t tmpfs -o "size=$1" tmpfs "$DIR/small" || skip "cannot mount"
    MOUNTED=$DIR/small
}

@test "unanswered messages stay in the spool, and the next start sends them first, in order" {
    spool_lines 1 5
    assert_output --partial "5 of 5 messages were not answered"
    assert_output --partial "5 messages stay in '$SPOOL', sent at the next start"
    assert_equal "$(stat -c %a "$SPOOL")" 600
    spool_lines 6 7
    assert_output --partial "7 messages stay"
    start_udsd
    receive numbers
    seq 8 9 | "$UDSCTL" send --spool "$SPOOL" numbers
    wait_until has_lines "$DIR/out" 9
    diff <(seq 9) "$DIR/out"
    # Nothing is left, and the file is as small as at the beginning.
    assert_equal "$(size "$SPOOL")" 4096
    run "$UDSCTL" send --spool "$SPOOL" --summary numbers </dev/null
    assert_success
    assert_output --partial "0 messages"
}

@test "with empty input it sends the spooled messages, each to its own channel" {
    spool_lines 1 3 old
    start_udsd
    receive old new
    run "$UDSCTL" send --spool "$SPOOL" -v new <<<4
    assert_success
    assert_output --partial "3 messages left from before are sent first"
    run "$UDSCTL" send --spool "$SPOOL" new </dev/null
    assert_success
    wait_until has_lines "$DIR/out" 4
    diff <(seq 4) "$DIR/out"
    # A receiver of one channel gets only the messages for that channel.
    stop_udsd
    spool_lines 5 6 old
    start_udsd
    background "$UDSCTL" recv new >"$DIR/out2" 2>/dev/null
    wait_until has_receivers new 2
    "$UDSCTL" send --spool "$SPOOL" new seven
    wait_until contains "$DIR/out2" seven
    assert_equal "$(cat "$DIR/out2")" seven
}

@test "messages from arguments go into the spool as well" {
    run "$UDSCTL" send --spool "$SPOOL" --timeout 100ms news "one two" "" three
    assert_failure 75
    start_udsd
    receive news
    "$UDSCTL" send --spool "$SPOOL" news </dev/null
    wait_until has_lines "$DIR/out" 3
    assert_equal "$(cat "$DIR/out")" $'one two\n\nthree'
}

@test "kill -9 of udsctl and of the daemon at random moments loses no line" {
    run timeout 120 "$PYTHON" "$TOOLS/spool_kill.py" "$UDSD" "$UDSCTL" "$DIR" 30
    echo "$output"
    assert_success
}

@test "kill -9 at random moments on a nearly full disk loses no line either" {
    mount_small 400k
    head -c 280k /dev/zero >"$DIR/small/filler"
    run timeout 120 "$PYTHON" "$TOOLS/spool_kill.py" "$UDSD" "$UDSCTL" "$DIR/small" 15
    echo "$output"
    assert_success
}

@test "SIGTERM without a daemon: it ends at once and reports how many messages stay" {
    mkfifo "$DIR/fifo"
    "$UDSCTL" send --spool "$SPOOL" -v news <"$DIR/fifo" 2>"$DIR/err" 3>&- 8>&- &
    local send=$!
    PIDS+=("$send")
    exec 8<>"$DIR/fifo"
    seq 5 >&8
    wait_until test -s "$SPOOL"
    wait_until eval '[ "$(size "$SPOOL")" -gt 4096 ]'
    local start=$SECONDS
    kill -TERM "$send"
    wait_exit "$send"
    assert_equal "$status" 75
    [ $((SECONDS - start)) -lt 4 ]
    contains "$DIR/err" "5 messages stay in '$SPOOL'"
}

@test "the spool takes more than the queue, up to --spool-bytes; then the input waits" {
    mkfifo "$DIR/fifo"
    "$UDSCTL" send --queue-bytes 16K --spool "$SPOOL" --spool-bytes 1M numbers <"$DIR/fifo" 2>"$DIR/err" 3>&- 8>&- &
    local send=$!
    PIDS+=("$send")
    # exec, so that no shell keeps the FIFO open.
    background bash -c "exec seq 500000 >'$DIR/fifo'"
    local seq=$!
    wait_until contains "$DIR/err" "is full (--spool-bytes)"
    kill -0 "$seq"
    [ "$(size "$SPOOL")" -lt 1500000 ]
    start_udsd
    receive numbers
    wait_exit "$send"
    assert_equal "$status" 0
    # At first there was no receiver, so only the last lines are certain to arrive.
    wait_until contains "$DIR/out" 500000
    assert_equal "$(size "$SPOOL")" 4096
}

@test "the disk is full: it reports that, the input waits, and every line arrives when there is room" {
    mount_small 300k
    seq 200000 | "$UDSCTL" send --wait-receiver --spool "$DIR/small/spool" numbers 2>"$DIR/err" 3>&- 8>&- &
    local send=$!
    PIDS+=("$send")
    wait_until contains "$DIR/err" "No space left on device"
    kill -0 "$send"
    start_udsd
    receive numbers
    wait_exit "$send"
    assert_equal "$status" 0
    wait_until has_lines "$DIR/out" 200000
    diff <(seq 200000) "$DIR/out"
    # Reported once each time that the disk was full, not every second.
    [ "$(grep -c 'No space left' "$DIR/err")" -le 60 ]
}

@test "a disk that stays nearly full: what fits is written and sent, piece by piece, and nothing twice" {
    mount_small 300k
    start_udsd
    receive numbers
    # Room for less than a batch of udsctl's, and none will be made.
    head -c 200k /dev/zero >"$DIR/small/filler"
    seq 100000 >"$DIR/in"
    local run
    for run in 1 2; do
        "$UDSCTL" send --spool "$DIR/small/spool" numbers <"$DIR/in" 2>"$DIR/err" 3>&- 8>&- &
        wait_exit $!
        assert_equal "$status" 0
    done
    wait_until has_lines "$DIR/out" 200000
    diff <(seq 100000; seq 100000) "$DIR/out"
    assert_equal "$(grep -c 'No space left on device; nothing more is read' "$DIR/err")" 1
    [ "$(wc -l <"$DIR/err")" -le 2 ]
}

@test "the disk is full: what fits is in the spool, the rest in the pipe, and when there is room it goes on" {
    mount_small 300k
    head -c 200k /dev/zero >"$DIR/small/filler"
    seq 50000 >"$DIR/in"
    exec 8<"$DIR/in"
    "$UDSCTL" send --spool "$DIR/small/spool" numbers <&8 2>"$DIR/err" 3>&- &
    local send=$!
    PIDS+=("$send")
    wait_until contains "$DIR/err" "No space left on device"
    # The part of the batch that fits, to the last block or so.
    wait_until eval '[ "$(size "$DIR/small/spool")" -gt 80000 ]'
    kill -KILL "$send"
    wait_exit "$send"
    start_udsd
    receive numbers
    "$UDSCTL" send --spool "$DIR/small/spool" numbers <&8 2>"$DIR/err" 3>&- &
    send=$!
    PIDS+=("$send")
    wait_exit "$send"
    assert_equal "$status" 0
    wait_until has_lines "$DIR/out" 50000
    diff <(seq 50000) "$DIR/out"
    # Without a daemon, it goes on when somebody makes room.
    stop_udsd
    rm "$DIR/err"
    seq 50000 >"$DIR/in"
    exec 8<"$DIR/in"
    "$UDSCTL" send --spool "$DIR/small/spool" numbers <&8 2>"$DIR/err" 3>&- &
    send=$!
    PIDS+=("$send")
    wait_until contains "$DIR/err" "No space left on device"
    mount -o remount,size=2m "$DIR/small"
    wait_until contains "$DIR/err" "writing works again"
    exec 8<&-
    kill -TERM "$send"
    wait_exit "$send"
    contains "$DIR/err" "50000 messages stay in"
}

@test "the disk is full and no daemon runs: it exits with 74, and lines that it did not read are still in the pipe" {
    mount_small 300k
    mkfifo "$DIR/fifo"
    exec 8<>"$DIR/fifo"
    background bash -c "exec seq 100000 >'$DIR/fifo'"
    local seq=$!
    run "$UDSCTL" send --spool "$DIR/small/spool" --timeout 300ms numbers <"$DIR/fifo"
    assert_failure 74
    assert_output --partial "No space left on device"
    assert_output --partial "stay in"
    start_udsd
    receive numbers
    # As a supervisor would, start it again on the same FIFO.
    "$UDSCTL" send --spool "$DIR/small/spool" numbers <"$DIR/fifo" 2>/dev/null 3>&- 8>&- &
    local send=$!
    PIDS+=("$send")
    wait_exit "$seq"
    exec 8>&-
    wait_exit "$send"
    assert_equal "$status" 0
    wait_until has_lines "$DIR/out" 100000
    diff <(seq 100000) "$DIR/out"
}

@test "a line that udsctl has read in part when it is killed is completed by the next udsctl" {
    start_udsd
    receive numbers
    mkfifo "$DIR/fifo"
    exec 8<>"$DIR/fifo"
    printf 'one\ntw' >&8
    background "$UDSCTL" send --spool "$DIR/spool" numbers <"$DIR/fifo"
    local send=$!
    wait_until has_lines "$DIR/out" 1
    kill -9 "$send"
    wait_exit "$send"
    background "$UDSCTL" send --spool "$DIR/spool" numbers <"$DIR/fifo"
    send=$!
    printf 'o\nthree\nfou' >&8
    wait_until has_lines "$DIR/out" 3
    # At the end of input a line without newline is a message as well.
    exec 8>&-
    wait_exit "$send"
    assert_equal "$status" 0
    wait_until has_lines "$DIR/out" 4
    diff - "$DIR/out" <<<$'one\ntwo\nthree\nfou'
}

# take_over SIGNAL: udsctl reads $DIR/in through descriptor 8 until its small spool is full, and is ended by the signal;
# then another one goes on with the same descriptor, and everything must arrive.
take_over() {
    exec 8<"$DIR/in"
    rm -f "$DIR/err"
    "$UDSCTL" --socket "$DIR/none" send --spool "$SPOOL" --spool-bytes 300K news <&8 2>"$DIR/err" 3>&- &
    local send=$!
    PIDS+=("$send")
    wait_until contains "$DIR/err" "is full (--spool-bytes)"
    kill "-$1" "$send"
    wait_exit "$send"
    : >"$DIR/out"
    background "$UDSCTL" recv news >"$DIR/out" 2>/dev/null
    wait_until has_receivers news 1
    "$UDSCTL" send --spool "$SPOOL" news <&8
    exec 8<&-
    "$UDSCTL" send news end
    wait_until contains "$DIR/out" end
    diff <(cat "$DIR/in"; echo end) "$DIR/out"
}

@test "lines of a file are taken whole, whether SIGTERM or kill -9 ends udsctl" {
    start_udsd
    # Longer than a block that udsctl reads, so that blocks end within lines.
    awk 'BEGIN { for (i = 0; i < 3000; i++) printf("%d %0*d\n", i, i * 37 % 900 + 1, 0) }' >"$DIR/in"
    take_over TERM
    kill -KILL "${PIDS[-1]}"
    wait_until has_receivers news 0
    take_over KILL
}

@test "a pipe in packet mode, or a small one: every line arrives, in order" {
    start_udsd
    receive news
    run timeout 60 "$PYTHON" - "$UDSCTL" "$SPOOL" <<'EOF'
import fcntl, os, subprocess, sys
text = b"".join(b"line %d %s\n" % (n, b"x" * (n % 40)) for n in range(3000))
for n, (flags, size, step) in enumerate([(os.O_DIRECT, 65536, 24), (os.O_DIRECT, 65536, 1), (os.O_DIRECT, 4096, 7),
                                         (0, 4096, 5), (0, 65536, 3000), (os.O_DIRECT, 4096, 60000)]):
    part = text[:len(text) if step > 9 else 4000].rpartition(b"\n")[0] + b"\n"
    r, w = os.pipe2(flags)
    fcntl.fcntl(w, fcntl.F_SETPIPE_SZ, size)
    send = subprocess.Popen([sys.argv[1], "send", "--spool", "%s%d" % (sys.argv[2], n), "news"], stdin=r, pass_fds=[])
    os.close(r)
    for at in range(0, len(part), step):
        os.write(w, part[at:at + step])
    os.close(w)
    assert send.wait() == 0
    sys.stdout.buffer.write(part)
EOF
    assert_success
    wait_until eval '[ "$(stat -c %s "$DIR/out")" -ge '"$((${#output} + 1))"' ]'
    diff <(echo "$output") "$DIR/out"
}

@test "killed when its lines are in the spool and still in the pipe: the next udsctl sends them once, and counts them so" {
    command -v strace >/dev/null || skip "needs strace"
    ! is_sanitized || skip "sanitizers find leaks by tracing"
    mkfifo "$DIR/fifo"
    exec 8<>"$DIR/fifo"
    seq 2000 >&8
    run strace -qq -o /dev/null -e trace=splice -e inject=splice:signal=KILL:when=1 \
        "$UDSCTL" send --spool "$SPOOL" --timeout 10s numbers <&8 3>&-
    assert_failure 137
    start_udsd
    receive numbers
    # Its reader would keep the FIFO open.
    "$UDSCTL" send --spool "$SPOOL" --summary numbers <"$DIR/fifo" 2>"$DIR/err" 3>&- 8>&- &
    local send=$!
    PIDS+=("$send")
    wait_until has_lines "$DIR/out" 2000
    seq 2001 2010 >&8
    exec 8<&-
    wait_exit "$send"
    assert_equal "$status" 0
    contains "$DIR/err" '2010 messages, 2010 answered, 0 not sent'
    diff <(seq 2010) "$DIR/out"
}

@test "a line of 300 kB in a FIFO stays whole when udsctl is killed in the middle of it" {
    start_udsd
    receive news
    mkfifo "$DIR/fifo"
    exec 8<>"$DIR/fifo"
    background "$UDSCTL" send --spool "$SPOOL" news <"$DIR/fifo"
    local send=$!
    { echo first; head -c 200000 /dev/zero | tr '\0' x; } >&8
    wait_until has_lines "$DIR/out" 1
    kill -9 "$send"
    wait_exit "$send"
    background "$UDSCTL" send --spool "$SPOOL" news <"$DIR/fifo"
    { head -c 100000 /dev/zero | tr '\0' x; echo; } >&8
    wait_until has_lines "$DIR/out" 2
    assert_equal "$(tail -n 1 "$DIR/out" | tr -d '\n' | wc -c)" 300000
}

@test "options of the spool without a spool: exit 64" {
    run "$UDSCTL" send --spool-sync news x
    assert_failure 64
    assert_output --partial "--spool-sync needs --spool"
    run "$UDSCTL" send --spool-bytes 1M news x
    assert_failure 64
    assert_output --partial "--spool-bytes needs --spool"
}

@test "no room even for an empty spool: exit 74, and no broken file remains" {
    mount_small 16k
    head -c 100000 /dev/zero >"$DIR/small/filler" 2>/dev/null || true
    run "$UDSCTL" send --spool "$DIR/small/spool" news x
    assert_failure 74
    assert_output --partial "No space left"
    rm "$DIR/small/filler"
    run "$UDSCTL" send --spool "$DIR/small/spool" --timeout 50ms news x
    assert_failure 75
}

@test "a limit on file sizes counts as a full disk: it is reported, and no line is lost" {
    seq 20000 >"$DIR/in"
    run bash -c "ulimit -f 16; exec '$UDSCTL' send --spool '$DIR/spool' --timeout 300ms numbers <'$DIR/in'"
    assert_failure 74
    assert_output --partial "spool '$DIR/spool': File too large; nothing more is read until it can be written"
    assert_output --regexp "[1-9][0-9]* messages stay in '$DIR/spool'"
    local before
    before=$(sed -E 's/.* ([0-9]+) messages stay in .*/\1/' <<<"${output//$'\n'/ }")
    start_udsd
    receive numbers
    run bash -c "ulimit -f 16; exec '$UDSCTL' send --spool '$DIR/spool' numbers <'$DIR/in'"
    assert_success
    wait_until has_lines "$DIR/out" $((before + 20000))
    diff <(seq "$before"; seq 20000) "$DIR/out"
    # Nothing helps where a single message does not fit.
    head -c 20000 /dev/zero | tr '\0' x >"$DIR/in"
    run bash -c "ulimit -f 16; exec '$UDSCTL' send --spool '$DIR/spool' --timeout 300ms numbers <'$DIR/in'"
    assert_failure 74
    assert_output --partial "1 of 1 message was not answered (the spool cannot be written)"
}

@test "lines of a file are taken whole, although the disk is full" {
    start_udsd
    receive news
    awk 'BEGIN { for (i = 0; i < 1000; i++) printf("%d %0*d\n", i, i * 37 % 900 + 1, 0) }' >"$DIR/in"
    exec 8<"$DIR/in"
    run bash -c "ulimit -f 200; exec '$UDSCTL' -s '$DIR/none' send --spool '$SPOOL' --timeout 300ms news <&8"
    assert_failure 74
    run "$UDSCTL" send --spool "$SPOOL" news <&8
    assert_success
    exec 8<&-
    wait_until has_lines "$DIR/out" 1000
    cmp "$DIR/in" "$DIR/out"
}

@test "a line that no pipe holds is sent whole; a signal in the middle of it reports what is lost" {
    start_udsd
    receive news
    mkfifo "$DIR/fifo"
    exec 8<>"$DIR/fifo"
    "$UDSCTL" send --spool "$SPOOL" news <"$DIR/fifo" 2>"$DIR/err" 3>&- 8>&- &
    local send=$!
    PIDS+=("$send")
    { head -c 3000000 /dev/zero | tr '\0' x; echo; head -c 2000000 /dev/zero | tr '\0' y; echo z; } >"$DIR/in"
    # More of the second line than fits in the pipe, so some of it is taken when all is written.
    background bash -c "exec head -c 4900000 '$DIR/in' >'$DIR/fifo'"
    wait_exit $!
    wait_until has_lines "$DIR/out" 1
    cmp <(head -n 1 "$DIR/in") "$DIR/out"
    kill -TERM "$send"
    wait_exit "$send"
    assert_equal "$status" 143
    contains "$DIR/err" "too long to stay in the pipe, "
}

@test "two processes do not share a spool: the second reports the pid of the first" {
    mkfifo "$DIR/fifo"
    "$UDSCTL" send --spool "$SPOOL" news <"$DIR/fifo" 2>"$DIR/err" 3>&- 8>&- &
    local send=$!
    PIDS+=("$send")
    exec 8<>"$DIR/fifo"
    echo one >&8
    wait_until eval '[ "$(size "$SPOOL")" -gt 4096 ]'
    run "$UDSCTL" send --spool "$SPOOL" news two
    assert_failure 75
    assert_output --partial "'$SPOOL' is in use by process $send"
}

@test "a file that is not a spool is left alone" {
    printf 'somebody wrote this\n' >"$DIR/file"
    cp "$DIR/file" "$DIR/copy"
    run "$UDSCTL" send --spool "$DIR/file" news x
    assert_failure 65
    assert_output --partial "this is not a spool"
    cmp "$DIR/file" "$DIR/copy"
    run "$UDSCTL" send --spool "$DIR" news x
    assert_failure 65
    run "$UDSCTL" send --spool /dev/null news x
    assert_failure 65
    mkfifo "$DIR/fifo"
    run timeout 10 "$UDSCTL" send --spool "$DIR/fifo" news x
    assert_failure 65
    run "$UDSCTL" send --spool "$DIR/none/spool" news x
    assert_failure 73
    (umask 0 && : >"$DIR/open")
    run "$UDSCTL" send --spool "$DIR/open" news x
    assert_failure 77
    assert_output --partial "others may write to it (mode 0666"
}

@test "an incomplete record at the end is cut off and reported; the messages before it arrive" {
    spool_lines 1 5
    spool_lines 6 9
    truncate -s -3 "$SPOOL"
    start_udsd
    receive numbers
    run "$UDSCTL" send --spool "$SPOOL" numbers ten
    assert_success
    assert_output --partial "not written to its end; it is cut off"
    wait_until contains "$DIR/out" ten
    assert_equal "$(cat "$DIR/out")" "$(seq 5; echo ten)"
}

@test "damage loses only the messages that it hit, is reported, and ends with 65" {
    spool_lines 1 2
    local second
    second=$(size "$SPOOL")
    spool_lines 3 5
    spool_lines 6 7
    damage "$SPOOL" $((second + 50))
    start_udsd
    receive numbers
    run "$UDSCTL" send --spool "$SPOOL" numbers </dev/null
    assert_failure 65
    assert_output --partial "was damaged: 3 messages are lost"
    wait_until has_lines "$DIR/out" 4
    assert_equal "$(cat "$DIR/out")" $'1\n2\n6\n7'
    stop_udsd
    spool_lines 1 2
    damage "$SPOOL" 20
    run "$UDSCTL" send --spool "$SPOOL" numbers </dev/null
    assert_failure 65
    assert_output --partial "its head is damaged; move it away"
}

@test "--spool-sync: messages are on the disk before they are sent" {
    command -v strace >/dev/null || skip "needs strace"
    start_udsd
    strace -f -s 300 -o "$DIR/trace" -e trace=pwrite64,fdatasync,writev,write,sendmsg "$UDSCTL" send --spool "$SPOOL" \
        --spool-sync news secret 2>/dev/null || skip "cannot trace"
    run grep -nE 'pwrite64.*secret|fdatasync|PUBLISH.*secret' "$DIR/trace"
    assert_success
    [[ ${lines[0]} == *pwrite64* && ${lines[1]} == *fdatasync* && ${lines[2]} == *PUBLISH* ]]
}
