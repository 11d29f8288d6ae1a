#!/usr/bin/env bats
# udsctl send --store: each message is in the stream once, and exit status 0 means that it is on the disk.

load helper
load streams

setup() {
    common_setup
    SPOOL=$DIR/spool
}

# call WORD...: a command, and its reply as one line.
call() {
    "$PYTHON" -c 'import os, sys
from resp import Client, Error
c = Client(os.environ["UDSD_SOCKET"])
c.send(*sys.argv[1:])
reply = c.read()
def text(r):
    if isinstance(r, list):
        return "[" + " ".join(map(text, r)) + "]"
    return r.decode() if isinstance(r, bytes) else str(r)
print(text(reply))' "$@"
}

# messages STREAM: the field "message" of each entry.
messages() {
    "$PYTHON" -c 'import os, sys
from resp import Client
c = Client(os.environ["UDSD_SOCKET"])
entries = [(b"-", ())]
while entries:
    c.send("XRANGE", sys.argv[1], entries[-1][0], "+", "COUNT", "10000")
    entries = c.read()
    for _, fields in entries:
        print(fields[fields.index(b"message") + 1].decode())
    entries = [(b"(" + entries[-1][0], ())] if entries else []' "$1"
}

@test "lines and arguments are stored, with the ids printed, and survive a kill" {
    start_store
    run "$UDSCTL" send --store --print-id jobs one "two words" ""
    assert_success
    local ids=$output
    assert_equal "${#lines[@]}" 3
    seq 2000 | "$UDSCTL" send --store --print-id jobs >"$DIR/ids"
    assert_equal "$(wc -l <"$DIR/ids")" 2000
    kill_udsd
    start_with_config
    diff <(printf '%s\n' one "two words" ""; seq 2000) <(messages jobs)
    diff <(echo "$ids"; cat "$DIR/ids") <(call XRANGE jobs - + | grep -o '[0-9]*-[0-9]* ' | tr -d ' ')
    assert_equal "$(call XRANGE jobs - + COUNT 1 | cut -d' ' -f2-)" "[message one]]]"
}

@test "kill -9 of udsctl and of the daemon at random moments: each line is stored once, in order" {
    run timeout 120 "$PYTHON" "$TOOLS/store_kill.py" "$UDSD" "$UDSCTL" "$DIR" "${UDSD_STORE_KILLS:-30}"
    echo "$output"
    assert_success
}

@test "the daemon is killed again and again under a sender without a spool: each line is stored once" {
    start_store
    mkfifo "$DIR/fifo"
    "$UDSCTL" send --store --summary numbers <"$DIR/fifo" 2>"$DIR/err" 3>&- 8>&- &
    local send=$! i
    PIDS+=("$send")
    exec 8>"$DIR/fifo"
    for i in 1 2 3 4 5 6; do
        seq $((i * 30000 - 29999)) $((i * 30000)) >&8
        kill_udsd
        start_with_config
    done
    exec 8>&-
    wait_exit "$send"
    assert_equal "$status" 0
    contains "$DIR/err" "180000 messages, 180000 answered"
    messages numbers | cmp - <(seq 180000)
}

@test "a message with the same --id is added once, whoever runs again" {
    start_store
    run "$UDSCTL" send --store --print-id --id nightly-1 jobs "run it"
    assert_success
    local id=$output
    run "$UDSCTL" send --store --print-id --id nightly-1 jobs "run it"
    assert_success
    assert_output "$id"
    kill_udsd
    start_with_config
    run "$UDSCTL" send --store --print-id --id nightly-1 --spool "$SPOOL" jobs "again"
    assert_output "$id"
    "$UDSCTL" send --store --id nightly-2 jobs "another"
    diff <(echo "run it"; echo another) <(messages jobs)
    # Many lines: the second run adds what the first one had not come to.
    seq 350 | "$UDSCTL" send --store --id many numbers
    seq 500 | "$UDSCTL" send --store --id many --spool "$SPOOL" numbers
    diff <(seq 500) <(messages numbers)
}

@test "what a spool holds is sent as the run was told that put it there" {
    run "$UDSCTL" send --spool "$SPOOL" --timeout 100ms live "to receivers"
    assert_failure 75
    run "$UDSCTL" send --store --field kind=test --spool "$SPOOL" --timeout 100ms jobs "to the disk"
    assert_failure 75
    run "$UDSCTL" send --store --id K --spool "$SPOOL" --timeout 100ms jobs "with a key"
    assert_failure 75
    start_store
    receive live
    "$UDSCTL" send --store --spool "$SPOOL" jobs last
    wait_until contains "$DIR/out" "to receivers"
    diff <(printf '%s\n' "to the disk" "with a key" last) <(messages jobs)
    [[ $(call XRANGE jobs - + COUNT 1) == *"[kind test message to the disk]"* ]]
    "$UDSCTL" send --store --id K jobs "with a key"
    assert_equal "$(messages jobs | grep -c key)" 1
    assert_equal "$(wc -l <"$DIR/out")" 1
}

@test "a full store: the message waits, within the timeout, and a spool keeps it" {
    start_store 'max_bytes = 1M' 'min_free = 0'
    "$PYTHON" -c 'print(("x" * 30000 + "\n") * 2000, end="")' >"$DIR/in"
    run "$UDSCTL" send --store --spool "$SPOOL" --timeout 1s big <"$DIR/in"
    assert_failure 75
    assert_output --partial 'the store is full (max_bytes = 1M); trim or delete streams'
    assert_output --partial 'not answered (OOM command not allowed: the store is full (max_bytes = 1M)'
    assert_output --partial "stay in '$SPOOL'"
    # Said once, not each time that it is tried again.
    assert_equal "$(grep -c 'trying again' <<<"$output")" 1
    # What is stored is stored once, when there is room: after the stream was deleted.
    local stored
    stored=$(call XLEN big)
    [ "$stored" -gt 0 ] && [ "$stored" -lt 2000 ]
    "$UDSCTL" send --store --spool "$SPOOL" big </dev/null 2>"$DIR/err" 3>&- 8>&- &
    local send=$!
    PIDS+=("$send")
    wait_until contains "$DIR/err" "trying again"
    wait_until eval 'call XTRIM big MAXLEN 1; is_gone '"$send"
    wait_exit "$send"
    assert_equal "$status" 0
    assert_equal "$(call XINFO STREAM big | grep -o 'entries-added [0-9]*')" "entries-added 2000"
}

@test "streams are off, or may not be added to: said with what to do, and the exit status" {
    start_udsd
    run "$UDSCTL" send --store jobs x
    assert_failure 69
    assert_output --partial "streams are off: set [store] directory, or start udsd with --store"
    refute_output --partial "udsd.conf(5)" # the same again
    run "$UDSCTL" send --store --id K jobs x
    assert_failure 69
    stop_udsd
    printf '%s\n' '[channel secret]' 'publish = uid:4321' >>"$DIR/conf"
    start_store
    printf '%s\n' '[channel secret]' 'publish = uid:4321' >>"$DIR/conf"
    stop_udsd
    start_with_config
    run "$UDSCTL" send --store secret x
    assert_failure 77
    assert_output --partial "NOPERM"
    assert_output --partial "'publish' in a section [channel]"
    run "$UDSCTL" send --store --spool "$SPOOL" secret x
    assert_failure 77
    assert_output --partial "1 message stays in '$SPOOL'"
}

@test "options that contradict each other are refused" {
    local options
    while read -r options; do
        # shellcheck disable=SC2086
        run "$UDSCTL" send $options jobs x
        assert_failure 64
        assert_equal "${#lines[@]}" 1
    done <<'END'
--delay 5m
--at 06:00
--id K
--print-id
--field a=b
--store --wait-receiver
--store --require-receiver
--store --delay 5m --at 06:00
--store --field novalue
--store --field =x
--store --at soon
--store --at 24:00
--store --at 2026-02-30
--store --at 1999-01-01
--store --delay 0
END
}

@test "a reader of the ids that leaves is told of what was not stored" {
    start_store
    run bash -c "seq 300000 | '$UDSCTL' send --store --print-id numbers 2>'$DIR/err' | head -n 1; exit \${PIPESTATUS[1]}"
    assert_failure 74
    contains "$DIR/err" "not answered"
}

@test "--delay and --at: the daemon adds the message then, once, also over kills" {
    start_store
    run "$UDSCTL" send --store --delay 1h --print-id jobs later
    assert_success
    assert_output --regexp '^[0-9]+-[0-9]+-[0-9]+$'
    "$UDSCTL" send --store --at @1 --id K jobs "was due"
    "$UDSCTL" send --store --at @1 --id K jobs "was due"
    "$UDSCTL" send --store --at 'tomorrow 06:00' --field a=b jobs tomorrow
    wait_until eval '[ "$(call XLEN jobs)" = 1 ]'
    assert_equal "$(messages jobs)" "was due"
    local due=$((($(date -d 'tomorrow 06:00' +%s)) * 1000))
    [[ $(call UDSD LATER LIST jobs) == *"due $due fields [a b message tomorrow]"* ]]
    # --delay counts from when it was read, not from when it could be sent.
    kill_udsd
    run "$UDSCTL" send --store --delay 100ms --spool "$SPOOL" --timeout 300ms jobs spooled
    assert_failure 75
    start_with_config
    "$UDSCTL" send --spool "$SPOOL" other </dev/null
    wait_until eval '[ "$(call XLEN jobs)" = 2 ]'
    assert_equal "$(messages jobs)" $'was due\nspooled'
    [[ $(call UDSD LATER LIST jobs) == *"message later"* ]]
}

@test "UDSD IDMP: whoever may add makes the stream and has it remember; nothing is lowered or forgotten" {
    start_store
    printf '%s\n' '[channel jobs]' 'publish = *' 'subscribe = uid:4321' >>"$DIR/conf"
    stop_udsd
    start_with_config
    assert_equal "$(call UDSD IDMP jobs 60 200)" OK
    assert_equal "$(call EXISTS jobs)" 1
    local id
    id=$(call XADD jobs IDMP p i '*' a b)
    assert_equal "$(call UDSD IDMP jobs 1000 500)" OK
    assert_equal "$(call UDSD IDMP jobs 1 1)" OK
    assert_equal "$(call XADD jobs IDMP p i '*' a b)" "$id"
    local i
    for i in {1..150}; do
        printf 'XADD jobs IDMP p %s * a b\r\n' "$i"
    done | nc -N -U "$S" >/dev/null
    assert_equal "$(call XADD jobs IDMP p i '*' a b)" "$id"
    # It is stored.
    kill_udsd
    start_with_config
    assert_equal "$(call XADD jobs IDMP p i '*' a b)" "$id"
    for i in "0 1" "1 0" "2592001 1" "1 10001" "x 1" "1 x"; do
        # shellcheck disable=SC2086
        run call UDSD IDMP jobs $i
        assert_failure
    done
}

@test "the time for which identifiers are known counts anew when the daemon starts" {
    start_store
    call XADD jobs '*' first entry
    call XCFGSET jobs IDMP-DURATION 2
    local id
    id=$(call XADD jobs IDMP p i '*' a b)
    kill_udsd
    local end=$(($(date +%s) + 3))
    wait_until eval '[ "$(date +%s)" -gt '"$end"' ]'
    start_with_config
    assert_equal "$(call XADD jobs IDMP p i '*' a b)" "$id"
    wait_until eval '[ "$(call XADD jobs IDMP p i "*" a b)" != "'"$id"'" ]'
}
