#!/usr/bin/env bats
# udsctl send --follow: each line of a log that grows, across rotation in its ways, and across restarts.

load helper
load streams

setup() {
    common_setup
    LOGFILE=$DIR/logs/app.log
    mkdir "$DIR/logs"
    SENDER=
}

# follow [OPTION...]: starts the sender, $SENDER, with a position.
follow() {
    "$UDSCTL" send -v --store --follow "$LOGFILE" --position "$DIR/position" "$@" logs 2>>"$DIR/err" 3>&- 8>&- &
    SENDER=$!
    PIDS+=("$SENDER")
}

unfollow() {
    kill -TERM "$SENDER"
    wait_exit "$SENDER"
    assert_equal "$status" 143
}

stored() {
    "$PYTHON" -c 'import os
from resp import Client
c = Client(os.environ["UDSD_SOCKET"])
c.send("XLEN", "logs")
print(c.read())'
}

has_stored() {
    [ "$(stored)" -ge "$1" ]
}

# logs_are LINE...: waits until these are stored, and nothing else.
logs_are() {
    wait_until has_stored "$#"
    "$PYTHON" -c 'import os
from resp import Client
c = Client(os.environ["UDSD_SOCKET"])
c.send("XRANGE", "logs", "-", "+")
for _, fields in c.read():
    print(fields[1].decode())' >"$DIR/stored"
    diff <(printf '%s\n' "$@") "$DIR/stored"
}

add() {
    printf '%s\n' "$@" >>"$LOGFILE"
}

@test "it begins at the beginning with a new position, waits for the log, and takes whole lines" {
    start_store
    follow
    wait_until contains "$DIR/err" "No such file or directory; waiting for it"
    add 1 2
    logs_are 1 2
    printf thr >>"$LOGFILE"
    add "" | cat
    add 4
    logs_are 1 2 thr 4
    printf five >>"$LOGFILE"
    unfollow
    add ""
    follow
    logs_are 1 2 thr 4 five
    unfollow
    # A second one may not use the same position.
    : >"$DIR/err"
    follow
    wait_until contains "$DIR/err" connected
    run "$UDSCTL" send --store --follow "$LOGFILE" --position "$DIR/position" logs
    assert_failure 75
    assert_output --partial "is in use by process $SENDER"
}

@test "without a position it begins behind the last line, and publishes without --store" {
    start_udsd
    receive logs
    add old
    printf 'begun ' >>"$LOGFILE"
    "$UDSCTL" send -v --follow "$LOGFILE" logs 2>"$DIR/err" 3>&- 8>&- &
    SENDER=$!
    PIDS+=("$SENDER")
    wait_until contains "$DIR/err" connected
    add before new
    wait_until has_lines "$DIR/out" 2
    mv "$LOGFILE" "$LOGFILE.1"
    add newer
    wait_until has_lines "$DIR/out" 3
    unfollow
    diff <(printf '%s\n' "begun before" new newer) "$DIR/out"
}

@test "rotation by rename: what is written to the old file before and after is sent, too" {
    start_store
    add 1
    follow
    logs_are 1
    exec 7>>"$LOGFILE" # a writer that does not know yet
    mv "$LOGFILE" "$LOGFILE.1"
    echo 2 >&7
    logs_are 1 2
    add 3
    logs_are 1 2 3
    echo 4 >&7
    logs_are 1 2 3 4
    exec 7>&-
    add 5
    # Twice while it is stopped.
    kill -STOP "$SENDER"
    add 6
    mv "$LOGFILE.1" "$LOGFILE.2"
    mv "$LOGFILE" "$LOGFILE.1"
    add 7
    mv "$LOGFILE.2" "$LOGFILE.3"
    mv "$LOGFILE.1" "$LOGFILE.2"
    mv "$LOGFILE" "$LOGFILE.1"
    add 8
    kill -CONT "$SENDER"
    logs_are 1 2 3 4 5 6 7 8
    unfollow
}

@test "rotation while it does not run: the rest of the old files is found" {
    start_store
    add 1 2
    follow
    logs_are 1 2
    unfollow
    add 3
    mv "$LOGFILE" "$LOGFILE-20261201"
    add 4
    mv "$LOGFILE" "$LOGFILE-20261202"
    add 5
    echo "not a log" >"$DIR/logs/app.log-20261201.gz"
    echo "another log" >"$DIR/logs/app-error.log"
    follow
    logs_are 1 2 3 4 5
    unfollow
    # The old one is gone: said, and the new one is read.
    add 6
    rm "$LOGFILE"
    add 7
    follow
    logs_are 1 2 3 4 5 7
    contains "$DIR/err" "of last time is gone"
    unfollow
    # The log is gone, but not for good: it is not read again.
    mv "$DIR/logs" "$DIR/unmounted"
    follow
    wait_until contains "$DIR/err" "waiting for it"
    mv "$DIR/unmounted" "$DIR/logs"
    add 8
    logs_are 1 2 3 4 5 7 8
    unfollow
}

@test "rotation by copying and cutting off: what was not read is read from the copy" {
    local long="a line that is long enough to know a copy by"
    start_store
    add "$long 1"
    follow
    logs_are "$long 1"
    kill -STOP "$SENDER"
    add "$long 2"
    cp "$LOGFILE" "$LOGFILE.1"
    : >"$LOGFILE"
    add "$long 3"
    kill -CONT "$SENDER"
    logs_are "$long 1" "$long 2" "$long 3"
    # Longer than before when it is looked at, and a writer that does not append: there is a hole.
    kill -STOP "$SENDER"
    "$PYTHON" -c 'import os, sys
with open(sys.argv[1], "r+b", buffering=0) as f:
    f.seek(0, 2)
    end = f.tell()
    f.truncate(0)
    f.write(b"behind the hole\n")' "$LOGFILE"
    kill -CONT "$SENDER"
    logs_are "$long 1" "$long 2" "$long 3" "behind the hole"
    # The same while it does not run.
    unfollow
    add "$long 4"
    cp "$LOGFILE" "$LOGFILE.1"
    : >"$LOGFILE"
    add "$long 5" "$long 6" "$long 7" "$long 8"
    follow
    logs_are "$long 1" "$long 2" "$long 3" "behind the hole" "$long 4" "$long 5" "$long 6" "$long 7" "$long 8"
    unfollow
}

@test "a new file with the inode of the old one is read from its beginning" {
    start_store
    add 1 2 3
    follow
    logs_are 1 2 3
    unfollow
    # As if the inode was used again: other bytes in the same file, and more of them.
    printf '%s\n' a b c d e >"$LOGFILE"
    follow
    logs_are 1 2 3 a b c d e
    unfollow
}

@test "logrotate in its usual ways" {
    command -v logrotate >/dev/null || PATH=$PATH:/usr/sbin
    command -v logrotate >/dev/null || skip "logrotate is not installed"
    start_store
    local way i n=0 expected=()
    follow
    for way in "create" "copytruncate" "create dateext dateformat -%s" "nocreate" "copytruncate compress delaycompress"; do
        tr ' ' '\n' <<<"$way" | sed 's/^dateformat$/dateformat -%s/; /^-%s$/d' >"$DIR/way"
        { echo "$LOGFILE {"; echo "rotate 5"; cat "$DIR/way"; echo "}"; } >"$DIR/rotate.conf"
        for i in 1 2 3; do
            [[ $way != *date* || $i = 1 ]] || continue # only one in a second
            n=$((n + 1))
            add "line $n, which says that it was added before the rotation $way"
            expected+=("line $n, which says that it was added before the rotation $way")
            [ "$n" -gt 1 ] || wait_until has_stored 1
            logrotate -f -s "$DIR/state" "$DIR/rotate.conf" 2>"$DIR/logrotate" || { cat "$DIR/logrotate"; return 1; }
            # What is compressed cannot be read any more; nor is a log known again that was cut off before it was read.
            [[ $way != copytruncate* ]] || wait_until has_stored "$n"
        done
        wait_until has_stored "$n"
    done
    add last
    logs_are "${expected[@]}" last
    unfollow
}

@test "kill -9 of the sender and of the daemon, while the log is rotated: each line is stored once" {
    run timeout 120 "$PYTHON" "$TOOLS/follow_kill.py" "$UDSD" "$UDSCTL" "$DIR" "${UDSD_STORE_KILLS:-30}"
    echo "$output"
    assert_success
}

@test "a position that is none is left alone; options that do not go together are refused" {
    add 1
    echo "not a position" >"$DIR/position"
    run "$UDSCTL" send --store --follow "$LOGFILE" --position "$DIR/position" logs
    assert_failure 65
    assert_equal "$(cat "$DIR/position")" "not a position"
    run "$UDSCTL" send --follow "$DIR" logs
    assert_failure 66
    run "$UDSCTL" send --follow "$LOGFILE" --position "$DIR/no/such/directory" logs
    assert_failure 73
    local options
    for options in "--follow a --spool b logs" "--follow a --file b logs" "--follow a logs text" "--position a logs"; do
        # shellcheck disable=SC2086
        run "$UDSCTL" send $options
        assert_failure 64
    done
}
