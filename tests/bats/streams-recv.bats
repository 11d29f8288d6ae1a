#!/usr/bin/env bats
# udsctl recv of streams: history and what follows, without a gap and without a repeat; positions; files in which each
# entry is once, whatever is killed.

load helper
load streams

recv() {
    "$UDSCTL" recv "$@"
}

# recv_all STREAM...: what they hold.
recv_all() {
    recv --no-wait "$@" 2>"$DIR/err"
}

ends_with() { # FILE LINE
    [ "$(tail -n 1 "$1")" = "$2" ]
}

is_size() { # FILE BYTES
    [ "$(stat -c %s "$1")" -ge "$2" ]
}

@test "history, then what is added, of several streams" {
    start_store
    fill a 1 3
    fill b 11 12
    background "$UDSCTL" recv --from first --format '%c %i %p' a b >"$DIR/out"
    local recv=$!
    wait_until has_lines "$DIR/out" 5
    fill a 4 4
    fill b 13 13
    wait_until has_lines "$DIR/out" 7
    assert_equal "$(grep '^a' "$DIR/out" | tr '\n' ,)" 'a 1-0 1,a 2-0 2,a 3-0 3,a 4-0 4,'
    assert_equal "$(grep '^b' "$DIR/out" | tr '\n' ,)" 'b 11-0 11,b 12-0 12,b 13-0 13,'
    kill -TERM "$recv"
    wait_exit "$recv"
    assert_equal "$status" 143
}

@test "it begins with the first entry, the last, the next, behind an ID, at a time, or so long ago" {
    start_store
    fill a 1 5
    assert_equal "$(recv_all --from first a | tr '\n' ' ')" '1 2 3 4 5 '
    assert_equal "$(recv_all --from last a)" 5
    assert_equal "$(recv_all --from 3-0 a | tr '\n' ' ')" '4 5 '
    assert_equal "$(recv_all --from 3 a | tr '\n' ' ')" '3 4 5 '
    assert_equal "$(recv_all --from 0-0 -n 2 a | tr '\n' ' ')" '1 2 '
    reply_to XADD a '*' message now
    assert_equal "$(recv_all --from -10m a)" now
    assert_equal "$(recv_all --from -1d -n 1 a)" now
    assert_equal "$(recv_all --from -600 a)" now
    assert_equal "$(recv_all --from=-0 a)" ''
    # A name that is mistyped is not taken for one that has nothing new.
    reply_to XADD b '*' message there
    run recv --no-wait none b
    assert_failure 66
    assert_output "udsctl: there is no stream 'none'
there"
    run recv --no-wait -n 1 none b
    assert_failure 66
    run recv --no-wait --exec false none b
    assert_failure 70
    reply_to DEL b
    background "$UDSCTL" recv --from new -n 1 a none >"$DIR/out"
    local recv=$!
    wait_until info_is stream_readers_blocked 1
    reply_to XADD none '*' message next
    wait_exit "$recv"
    assert_equal "$(cat "$DIR/out")" next
    for from in x 1-x -10x -- '' -; do
        run recv --from "$from" a
        assert_failure 64
    done
    run recv --from first -p 'a*'
    assert_failure 64
    run recv --from first
    assert_failure 64
}

@test "--from a time since which nothing was added is no position behind the end of the stream" {
    start_store
    fill a 1 3
    local from
    for from in -1s "$(date +%s)000" $(($(date +%s) + 1000))000; do
        rm -f "$DIR/p"
        assert_equal "$(recv_all --from "$from" --position "$DIR/p" a)" ''
        assert_equal "$(cat "$DIR/err")" ''
        recv_all --position "$DIR/p" a
        assert_equal "$(cat "$DIR/err")" ''
    done
    recv_all --from -1s --position "$DIR/q" a
    fill a 4 5
    assert_equal "$(recv_all --position "$DIR/q" a)" $'4\n5'
    assert_equal "$(cat "$DIR/err")" ''
    # A stream that does not exist yet, and one that is empty.
    run recv --from -1s -n 1 --timeout 100ms b
    assert_failure 75
    assert_output 'udsctl: timed out after 100ms: no message came'
    reply_to XTRIM a MAXLEN 0
    assert_equal "$(recv_all --from -1s a)" ''
    assert_equal "$(cat "$DIR/err")" ''
}

@test "all forms of output and the commands have the ID and the fields" {
    start_store
    reply_to XADD a 5-1 message hello
    reply_to XADD a 5-2 x 1 y z
    "$PYTHON" -c 'import sys; from resp import Client; Client(sys.argv[1]).call("XADD", "a", "5-3", b"\xff", b"\0", "x", "1", "x", b"\xfe")' "$S"
    reply_to XADD a 1500-0 x_base64 q
    recv_all --from first a >"$DIR/out"
    printf '%s\n' hello '{"x":"1","y":"z"}' \
        '[{"name_base64":"/w==","value":"\u0000"},{"name":"x","value":"1"},{"name":"x","value_base64":"/g=="}]' \
        '{"x_base64_base64":"cQ=="}' | diff - "$DIR/out"
    recv_all --from first --json -n 2 a >"$DIR/out"
    printf '%s\n' '{"channel":"a","id":"5-1","payload":"hello","time":"1970-01-01T00:00:00.005000Z"}' \
        '{"channel":"a","id":"5-2","fields":{"x":"1","y":"z"},"time":"1970-01-01T00:00:00.005000Z"}' | diff - "$DIR/out"
    TZ=UTC recv_all --from 6-0 --format '%c %i %I %U %n %l %j' a >"$DIR/out"
    echo 'a 1500-0 1970-01-01T00:00:01.500000+00:00 1.500000 1 26 "{\"x_base64_base64\":\"cQ==\"}"' | diff - "$DIR/out"
    recv_all --from first -0 -n 1 a | cmp - <(printf 'hello\0')
    recv --from first -n 2 --exec 'echo "$UDSD_CHANNEL $UDSD_ID $UDSD_COUNT $(cat)"' a >"$DIR/out"
    printf '%s\n' 'a 5-1 1 hello' 'a 5-2 2 {"x":"1","y":"z"}' | diff - "$DIR/out"
}

@test "it goes on when the daemon was killed and is back: no entry is missing, none comes twice" {
    start_store
    background "$UDSCTL" recv --from first --summary a >"$DIR/out" 2>"$DIR/err"
    local recv=$! n
    for n in 1 2 3 4; do
        fill a $((1000 * n - 999)) $((1000 * n))
        wait_until ends_with "$DIR/out" $((1000 * n))
        kill_udsd
        start_store
    done
    kill -TERM "$recv"
    wait_exit "$recv"
    seq 4000 | diff - "$DIR/out"
    run cat "$DIR/err"
    assert_output --regexp '^udsctl: recv: 4000 messages, [4-9] reconnects, 0 missed$'
}

@test "a position: the next run goes on behind the last entry that was handled" {
    start_store
    fill a 1 10
    fill 'b c' 1 2
    assert_equal "$(recv --position "$DIR/p" -n 4 a | tr '\n' ' ')" '1 2 3 4 '
    assert_equal "$(recv --position "$DIR/p" -n 1 --from last a)" 5
    assert_equal "$(recv_all --position "$DIR/p" 'b c' | tr '\n' ' ')" '1 2 '
    assert_equal "$(recv_all --position "$DIR/p" a 'b c' | tr '\n' ' ')" '6 7 8 9 10 '
    printf '%s\n' 'udsctl positions 1' 'stream 10-0 10 a' 'stream 2-0 2 b\x20c' | diff - "$DIR/p"
    assert_equal "$(recv_all --position "$DIR/p" a 'b c')" ''
    # "last" is the same entry after a restart.
    recv_all --position "$DIR/p2" --from new a
    fill a 11 12
    assert_equal "$(recv_all --position "$DIR/p2" --from new a | tr '\n' ' ')" '11 12 '
    # The reader of standard output leaves: not a line is skipped that it has read.
    fill a 13 50000
    recv --position "$DIR/p" a | head -n 3 >"$DIR/out"
    recv_all --position "$DIR/p" a >>"$DIR/out"
    assert_equal "$(tail -n 1 "$DIR/out")" 50000
    # Through a symbolic link.
    ln -s p "$DIR/link"
    fill a 50001 50001
    assert_equal "$(recv --position "$DIR/link" -n 1 a)" 50001
    [ -L "$DIR/link" ]
    assert_equal "$(recv_all --position "$DIR/p" a)" ''
}

@test "a position: one process at a time, and a file that is none is left alone" {
    start_store
    fill a 1 1
    background "$UDSCTL" recv --position "$DIR/p" a >"$DIR/out"
    local recv=$!
    wait_until has_lines "$DIR/out" 1
    run recv --position "$DIR/p" a
    assert_failure 75
    assert_output --partial "in use by process $recv"
    fill a 2 2
    wait_until contains "$DIR/p" 'stream 2-0'
    run recv --position "$DIR/p" a # the file is another one by now
    assert_failure 75
    kill -KILL "$recv"
    wait_exit "$recv"
    recv_all --position "$DIR/p" a
    for text in 'other' $'udsctl positions 1\nstream x 1 a' $'udsctl positions 1\nstream 1-1 y a' \
        $'udsctl positions 1\nstream 1-1 1 a\\x' $'udsctl positions 1\ninto 1 2'; do
        echo "$text" >"$DIR/bad"
        run recv --position "$DIR/bad" a
        assert_failure 65
        assert_equal "$(cat "$DIR/bad")" "$text"
    done
    run recv --position "$DIR" a
    assert_failure 73
    run recv --position "$DIR/none/p" a
    assert_failure 73
    recv --into "$DIR/f" -n 1 a
    run recv --position "$DIR/f.position" a
    assert_failure 64
}

has_position() { # FILE: behind an entry
    grep -q '^stream [1-9]' "$1"
}

@test "a position counts only what standard output has taken" {
    start_store
    fill a 1 30000
    mkfifo "$DIR/fifo"
    background bash -c "exec '$UDSCTL' recv --position '$DIR/p' a >'$DIR/fifo'"
    local recv=$! last
    exec 8<"$DIR/fifo" # nobody reads: the pipe takes 64 KiB
    wait_until has_position "$DIR/p"
    kill -KILL "$recv"
    wait_exit "$recv"
    cat <&8 >"$DIR/pipe"
    exec 8<&-
    last=$(sed -n 's/^stream \([0-9]*\)-0 .*/\1/p' "$DIR/p")
    [ "$last" -gt 1000 ]
    [ "$last" -le "$(wc -l <"$DIR/pipe")" ]
    recv_all --position "$DIR/p" a >"$DIR/rest"
    seq $((last + 1)) 30000 | diff - "$DIR/rest"
}

@test "--exec: a position counts only messages whose command has ended, in order" {
    start_store
    fill a 1 6
    mkfifo "$DIR/fifo"
    # The second command does not end, all others do.
    background "$UDSCTL" recv --position "$DIR/p" --jobs 3 \
        --exec "read n; [ \$n != 2 ] || cat '$DIR/fifo'; echo \$n >>'$DIR/out'" a
    local recv=$!
    wait_until has_lines "$DIR/out" 5
    wait_until contains "$DIR/p" 'stream 1-0 1 a'
    kill -KILL "$recv"
    wait_exit "$recv"
    : >"$DIR/fifo" # lets the command end
    wait_until has_lines "$DIR/out" 6
    assert_equal "$(recv_all --position "$DIR/p" a | tr '\n' ' ')" '2 3 4 5 6 '
    # A command that fails has handled its message; with --stop-on-error it has not.
    fill a 7 9
    run recv --position "$DIR/p" -n 2 --exec 'false' a
    assert_failure 70
    run recv --position "$DIR/p" --stop-on-error --exec 'false' a
    assert_failure 70
    assert_equal "$(recv_all --position "$DIR/p" a)" 9
}

@test "entries that were removed before they were read are counted, or said to be unknown" {
    start_store
    fill a 1 10
    recv --position "$DIR/p" -n 4 a >/dev/null
    reply_to XTRIM a MAXLEN 3
    assert_equal "$(recv_all --position "$DIR/p" --summary a | tr '\n' ' ')" '8 9 10 '
    assert_line_in "$DIR/err" "missed 3 entries of 'a' behind 4-0: removed from the stream before they were read"
    assert_line_in "$DIR/err" '3 messages, 0 reconnects, 3 missed'
    # All of them are gone.
    fill a 11 12
    reply_to XTRIM a MAXLEN 0
    assert_equal "$(recv_all --position "$DIR/p" a)" ''
    assert_line_in "$DIR/err" "missed 2 entries of 'a' behind 10-0"
    assert_equal "$(recv_all --position "$DIR/p" a)" ''
    run ! grep -q missed "$DIR/err" # it is said once
    # One that was deleted within.
    fill a 13 15
    reply_to XDEL a 14-0
    assert_equal "$(recv_all --position "$DIR/p" a | tr '\n' ' ')" '13 15 '
    # Nothing is missing, and nothing is said, where reading begins with what there is.
    assert_equal "$(recv_all --from first a | tr '\n' ' ')" '13 15 '
    run ! grep -q 'miss' "$DIR/err"
    # Behind an ID that is not there any more.
    assert_equal "$(recv_all --from 9-0 a | tr '\n' ' ')" '13 15 '
    fill b 1 10
    reply_to XTRIM b MAXLEN 2
    assert_equal "$(recv_all --from 3-0 b | tr '\n' ' ')" '9 10 '
    assert_line_in "$DIR/err" "'b' begins behind 3-0: entries may be missing; how many is not known"
}

assert_line_in() { # FILE TEXT
    contains "$1" "$2" || fail "$(cat "$1")"
}

@test "trims that overtake the reader: what comes and what is missed make up what was added" {
    start_configured '[store]' "directory = $DIR/store"
    background "$UDSCTL" recv --from first --summary a >"$DIR/out" 2>"$DIR/err"
    local recv=$!
    wait_until info_is stream_readers_blocked 1
    kill -STOP "$recv"
    "$PYTHON" - "$S" <<'EOF'
import sys
from resp import Client
c = Client(sys.argv[1])
for n in range(1, 20001):
    c.send("XADD", "a", "MAXLEN", "=", "500", "%d-0" % n, "message", str(n))
    if n % 500 == 0:
        for i in range(500):
            c.read()
EOF
    kill -CONT "$recv"
    wait_until ends_with "$DIR/out" 20000
    wait_until contains "$DIR/err" missed
    kill -TERM "$recv"
    wait_exit "$recv"
    # Each once, in order.
    sort -nu "$DIR/out" | diff - "$DIR/out"
    local missed
    missed=$(sed -n 's/.*, \([0-9]*\) missed$/\1/p' "$DIR/err")
    assert_equal $((missed + $(wc -l <"$DIR/out"))) 20000
}

@test "a stream that was made anew, or comes from a backup, is said to be behind the position" {
    start_store
    fill a 1 10
    recv --position "$DIR/p" -n 10 a >/dev/null
    reply_to DEL a
    fill a 1 5
    recv_all --position "$DIR/p" a
    assert_line_in "$DIR/err" "the last ID of 'a', 5-0, is before the position, 10-0"
    fill a 6 11
    assert_equal "$(recv_all --position "$DIR/p" a)" 11
}

@test "--into: a file in which each entry is once; the end that was not recorded is cut off" {
    start_store
    fill a 1 5
    recv --into "$DIR/f" -n 3 a
    seq 3 | diff - "$DIR/f"
    # Written, and not recorded.
    printf '4\n5\ngarbage' >>"$DIR/f"
    recv_all --into "$DIR/f" a
    assert_line_in "$DIR/err" "the last 11 bytes of '$DIR/f' were not recorded as written; they are cut off and come again"
    seq 5 | diff - "$DIR/f"
    # What stood in it before stays.
    echo before >"$DIR/g"
    recv --into "$DIR/g" --position "$DIR/gp" --json -n 1 a
    assert_equal "$(head -n 1 "$DIR/g")" before
    assert_equal "$(wc -l <"$DIR/g")" 2
    # Somebody has emptied it.
    : >"$DIR/f"
    fill a 6 6
    recv_all --into "$DIR/f" a
    assert_line_in "$DIR/err" 'shorter than when it was last written'
    assert_equal "$(cat "$DIR/f")" 6
    # One process at a time, also with other positions.
    background "$UDSCTL" recv --into "$DIR/f" a
    local recv=$!
    wait_until info_is stream_readers_blocked 1
    run recv --into "$DIR/f" a
    assert_failure 75
    run recv --into "$DIR/f" --position "$DIR/other" a
    assert_failure 75
    assert_output --partial "in use by process $recv"
    kill -TERM "$recv"
    wait_exit "$recv"
    run recv --into "$DIR" a
    assert_failure 73
    mkfifo "$DIR/fifo"
    run recv --into "$DIR/fifo" a
    assert_failure 73
    run recv --into "$DIR/f" --exec true a
    assert_failure 64
}

@test "--into: the file may be renamed at any time" {
    start_store
    fill a 1 3
    background "$UDSCTL" recv --into "$DIR/f" a
    local recv=$!
    wait_until ends_with "$DIR/f" 3
    mv "$DIR/f" "$DIR/f.1"
    fill a 4 6
    wait_until ends_with "$DIR/f" 6
    assert_equal "$(cat "$DIR/f.1" "$DIR/f" | tr '\n' ' ')" '1 2 3 4 5 6 '
    kill -KILL "$recv"
    wait_exit "$recv"
    # While nobody writes to it, and with an end that was not recorded.
    printf '7\n' >>"$DIR/f"
    mv "$DIR/f" "$DIR/f.2"
    fill a 7 8
    recv_all --into "$DIR/f" a
    assert_equal "$(cat "$DIR/f.1" "$DIR/f.2" "$DIR/f" | tr '\n' ' ')" '1 2 3 4 5 6 7 8 '
    # Deleted.
    rm "$DIR/f"
    fill a 9 9
    recv_all --into "$DIR/f" a
    assert_equal "$(cat "$DIR/f")" 9
}

# kill_in_turn: kills and restarts the receiver, and every other time the daemon, while 100,000 entries are added.
kill_in_turn() {
    local n=${UDSD_STREAM_KILLS:-8} i before recv adders=()
    start_store
    for ((i = 0; i < n; i++)); do
        background "$UDSCTL" recv --into "$DIR/f" a 2>>"$DIR/err"
        recv=$!
        wait_until [ -f "$DIR/f" ]
        before=$(stat -c %s "$DIR/f")
        # Whoever adds them begins anew after a failure; what is there is left alone.
        lines $((100000 * i / n + 1)) $((100000 * (i + 1) / n)) >"$DIR/lines.$i"
        background bash -c "until '$UDSCTL' import a <'$DIR/lines.$i' >>'$DIR/import' 2>&1; do sleep 0.05; done"
        adders+=($!)
        wait_until has_grown "$before"
        if ((i % 2)); then
            kill_udsd
            start_store
            wait_exit "${adders[i]}"
            wait_until ends_with "$DIR/f" $((100000 * (i + 1) / n))
        fi
        kill -KILL "$recv"
        wait_exit "$recv"
        wait_exit "${adders[i]}"
    done
    background "$UDSCTL" recv --into "$DIR/f" a 2>>"$DIR/err"
    recv=$!
    wait_until contains "$DIR/f.position" 'stream 100000-0' # what the file ends with may not be recorded yet
    kill -TERM "$recv"
    wait_exit "$recv"
    echo "# $((n + n / 2)) kills, $(grep -c 'they are cut off' "$DIR/err") with lines that were not recorded" >&3
}

has_grown() { # BYTES
    [ "$(stat -c %s "$DIR/f")" -gt "$1" ]
}

@test "--into: exactly once, over kill -9 of the receiver and the daemon in turn" {
    kill_in_turn
    seq 100000 | cmp - "$DIR/f"
}

# replay_power_loss [OPTION...]: the trace in $DIR/trace, up to random points.
replay_power_loss() {
    "$PYTHON" "$TOOLS/power-loss.py" "$DIR/trace" "${UDSD_TEST_SEED:-$RANDOM}" "${UDSD_POWER_LOSS_IMAGES:-150}" "$DIR/image" \
        "$PYTHON" "$TOOLS/into-check.py" "$UDSCTL" "$S" a 20001 DIRECTORY "$@"
}

@test "--into: exactly once, whenever the power fails" {
    ! is_sanitized || skip "with a sanitizer" # the recorder takes the place of the same functions
    start_store
    fill a 1 20000
    mkdir "$DIR/into"
    local n recv
    # Runs that end well, and such that are killed with lines that are not recorded.
    for n in 1 2 3 4 5 6 7 8; do
        LD_PRELOAD=$BUILD/tests/power-loss/recorder.so RECORDER_DIRECTORY=$DIR/into RECORDER_TRACE=$DIR/trace.$n \
            background "$UDSCTL" recv --into "$DIR/into/f" -n 1200 a 2>"$DIR/err"
        recv=$!
        if ((n % 3 == 0)); then
            wait_until has_line "$DIR/into/f" $((800 * n))
            kill -KILL "$recv" || true # it may have ended
        fi
        wait_exit "$recv"
    done
    cat "$DIR"/trace.* >"$DIR/trace"
    fill a 20001 20001
    run replay_power_loss
    echo "# $output" >&3
    assert_success
    run replay_power_loss --forget database
    assert_failure
    assert_output --regexp ' [1-9][0-9]* bad'
}

has_line() { # FILE LINE
    grep -qx "$2" "$1"
}

@test "--into: a full disk ends it, and the next run goes on; the file never ends with a part of a line" {
    start_store
    fill a 1 20000 # 108,894 bytes
    run bash -c "ulimit -f 50; exec '$UDSCTL' recv --into '$DIR/f' --timeout 1s a"
    assert_failure 74
    assert_output --partial 'File too large'
    assert_equal "$(tail -c 1 "$DIR/f" | od -An -c | tr -d ' ')" '\n' || [ ! -s "$DIR/f" ]
    recv_all --into "$DIR/f" a
    seq 20000 | cmp - "$DIR/f"
}

@test "--into and --position: a file system that is full, as root" {
    [ "$(id -u)" -eq 0 ] || skip "needs root"
    mkdir "$DIR/small"
    mount -t tmpfs -o size=64k,nr_inodes=10 tmpfs "$DIR/small" || skip "cannot mount"
    start_store
    fill a 1 20000
    run recv --into "$DIR/small/f" --timeout 1s a
    local full=$status
    cp "$DIR/small/f" "$DIR/part"
    mount -o remount,size=1m "$DIR/small"
    recv_all --into "$DIR/small/f" a
    cp "$DIR/small/f" "$DIR/whole"
    # No room for the positions.
    head -c 2M /dev/zero >"$DIR/small/fill" 2>/dev/null || true
    fill a 20001 20001
    run recv --position "$DIR/small/p" --timeout 1s a
    local unsaved=$status
    umount "$DIR/small"
    assert_equal "$full" 74
    seq 20000 | cmp - "$DIR/whole"
    assert_equal "$unsaved" 74
}

@test "100,000 entries to a slow reader: little memory, each once" {
    start_store
    fill a 1 100000
    reply_to XADD a '*' message end
    background "$UDSCTL" recv --from first a > >(exec 3>&- 8>&-; sleep 0.5; exec cat >"$DIR/out")
    wait_until ends_with "$DIR/out" end
    { seq 100000; echo end; } | cmp - "$DIR/out"
    mkfifo "$DIR/fifo"
    background bash -c "exec '$UDSCTL' recv --from first a >'$DIR/fifo'"
    local recv=$!
    exec 8<"$DIR/fifo"
    head -n 1 <&8 >/dev/null
    wait_until is_sanitized_or_small "$recv"
    exec 8<&-
    wait_exit "$recv"
    assert_equal "$status" 0 # its reader has left
}

is_sanitized_or_small() { # PID
    is_sanitized || [ "$(peak_kib "$1")" -lt 20000 ]
}

@test "a stream that has much does not starve another one" {
    start_store
    "$PYTHON" - "$S" <<'EOF'
import sys
from resp import Client
c = Client(sys.argv[1])
for n in range(1, 1001): # an answer ends at about a hundred of them
    c.call("XADD", "big", "%d-0" % n, "message", "x" * 10000)
c.call("XADD", "small", "1-0", "message", "y")
EOF
    recv --from first -n 300 --format %c big small >"$DIR/out"
    grep -qx small "$DIR/out"
    recv_all --from first --format '%c %l' big small big >"$DIR/out" # a name that is given twice counts once
    assert_equal "$(sort "$DIR/out" | uniq -c | awk '{ print $1, $2, $3 }' | tr '\n' ,)" '1000 big 10000,1 small 1,'
}

@test "who may not read a stream is told so" {
    start_configured '[store]' "directory = $DIR/store" '[channel no]' 'subscribe ='
    run recv --from first no
    assert_failure 77
    assert_output --partial NOPERM
    # It has no place in the stream, so it notes none.
    run recv --from new --position "$DIR/position" no
    assert_failure 77
    assert_equal "$(cat "$DIR/position")" ''
}

@test "without a store it says that streams are off" {
    start_udsd
    run recv --from first a
    assert_failure 69
    assert_output --partial 'streams are off'
}

@test "--into a directory is refused, and leaves nothing in it" {
    mkdir "$DIR/d"
    run recv --into "$DIR/d" a
    assert_failure 73
    assert_output "udsctl: recv: --into: '$DIR/d' is a directory; name a file"
    [ -z "$(ls "$DIR/d")" ]
    [ ! -e "$DIR/d.position" ]
}
