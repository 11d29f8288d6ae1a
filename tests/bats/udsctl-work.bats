#!/usr/bin/env bats
# udsctl work, and the verbs about jobs: what becomes of each job, whoever dies. What needs many jobs and many deaths is in
# tests/tools/work-kills.py.

load helper
load streams
load users

# add STREAM MESSAGE...: adds jobs; the id of the last one is in $ID.
add() {
    local stream=$1 message
    for message in "${@:2}"; do
        ID=$(printf 'XADD %s * message %s\r\n' "$stream" "$message" | nc -NU "$S" | tr -d '\r' | tail -n 1)
    done
}

length() { # STREAM
    ask XLEN "$1" | tr -d :
}

# work_on [OPTION...] STREAM... -- COMMAND...: a worker in the background; its pid is $WORKER, its messages in $DIR/err.
work_on() {
    background "$UDSCTL" work "$@" 2>>"$DIR/err"
    WORKER=$!
}

# has FILE LINE: whether the file has this line.
has() {
    grep -qxF -- "$2" "$DIR/$1"
}

contains() { # FILE TEXT
    grep -qF -- "$2" "$DIR/$1"
}

has_group() { # STREAM
    ask XINFO GROUPS "$1" | grep -q work
}

# held STREAM COUNT: so many of its jobs are held by connections.
held() {
    [ "$("$UDSCTL" jobs --json "$1" | jq -s 'map(select(.client > 0)) | length')" = "$2" ]
}

all_dying() { # STREAM
    [ "$("$UDSCTL" jobs --json "$1" | jq -s 'length == 2 and all(.state == "dead")')" = true ]
}

not_held() { # STREAM
    held "$1" 0
}

has_dead() { # STREAM
    "$UDSCTL" jobs --dead --json "$1" | grep -q .
}

is_running() { # PID
    ! is_gone "$1"
}

length_is() { # STREAM COUNT
    [ "$(length "$1")" = "$2" ]
}

# states STREAM: the states of its jobs, in the order of "jobs".
states() {
    "$UDSCTL" jobs --json "$1" | jq -r .state | tr '\n' ' '
}

states_are() { # STREAM STATES
    [ "$(states "$1")" = "$2${2:+ }" ]
}

@test "a command gets the message, what is known of it, and no descriptor" {
    start_store
    add jobs hello
    ask XADD jobs '*' a 1 b.c 2 >"$DIR/id"
    # shellcheck disable=SC2016 # for the command to expand
    UDSD_FIELD_old=1 run "$UDSCTL" work --count 2 jobs -- \
        sh -c 'cat; env | grep -E "^UDSD_(FIELD|ID|STREAM|GROUP|ATTEMPT)" | sort; ls /proc/self/fd | wc -l'
    assert_success
    assert_equal "$output" "hello
UDSD_ATTEMPT=1
UDSD_FIELD_message=hello
UDSD_GROUP=work
UDSD_ID=$ID
UDSD_STREAM=jobs
4
{\"a\":\"1\",\"b.c\":\"2\"}
UDSD_ATTEMPT=1
UDSD_FIELD_a=1
UDSD_FIELD_b_c=2
UDSD_GROUP=work
UDSD_ID=$(tail -n 1 "$DIR/id")
UDSD_STREAM=jobs
4"
    assert_equal "$(length jobs)" 0
    add jobs raw
    assert_equal "$("$UDSCTL" work --count 1 --raw jobs -- cat)" raw
}

@test "exit statuses: 0 is done, 75 again without counting, 65 dead at once, others again and then dead" {
    start_store
    add jobs done later data bad killed
    # shellcheck disable=SC2016
    work_on --retries 1 --backoff 10ms..20ms jobs -- sh -c 'read -r word
        echo "$word $UDSD_ATTEMPT" >>'"$DIR"'/ran
        case $word in
        later) [ "$(grep -c later '"$DIR"'/ran)" -ge 5 ] || exit 75 ;;
        data) exit 65 ;;
        bad) exit 3 ;;
        killed) kill -SEGV $$ ;;
        esac'
    wait_until states_are jobs ''
    wait_until has ran 'killed 2'
    assert_equal "$(grep -c later "$DIR/ran")" 5
    assert_equal "$(grep later "$DIR/ran" | sort -u)" 'later 1'
    assert_equal "$(grep -c data "$DIR/ran")" 1
    assert_equal "$(grep bad "$DIR/ran")" $'bad 1\nbad 2'
    wait_until length_is jobs.dead 3
    run bash -c "'$UDSCTL' jobs --dead --json jobs | jq -r '[.fields.message, .deliveries, .status, .text] | join(\" \")' | sort"
    assert_output 'bad 2 3 failed with status 3
data 1 65 failed with status 65
killed 2 139 was killed: Segmentation fault'
    run "$UDSCTL" jobs jobs
    assert_line 'jobs: 0 waiting, 0 running, 0 delayed, 3 dead'
    contains err 'failed with status 3 (attempt 2)'
}

# text ID: what is known of why this dead job of "jobs" has failed.
text() {
    "$UDSCTL" jobs --dead --json jobs | jq -r "select(.id == \"$1\") | .text"
}

@test "the last line of standard error tells why a job is dead, and goes where it went before" {
    start_store
    local -A id
    local what
    for what in plain open progress control long empty late; do
        add jobs "$what"
        id[$what]=$ID
    done
    # shellcheck disable=SC2016
    work_on --timeout 10s --backoff 1h --drain jobs -- sh -c 'read -r word
        echo "$word: first" >&2
        case $word in
        plain) echo "plain: the last line" >&2; echo >&2 ;;
        open) printf "open: no newline" >&2 ;;
        progress) printf "1%%\r2%%\r\nprogress: \r99%%\r\n" >&2 ;;
        control) printf "control: \033[1m \302\205 \377 \303\244\n" >&2 ;;
        long) printf "%0500d\n" 7 >&2 ;;
        late) kill -TERM $$ ;;
        esac
        exit 65'
    wait "$WORKER" || true
    assert_equal "$(text "${id[plain]}")" 'failed with status 65: plain: the last line'
    assert_equal "$(text "${id[open]}")" 'failed with status 65: open: no newline'
    assert_equal "$(text "${id[progress]}")" 'failed with status 65: 99%'
    assert_equal "$(text "${id[control]}")" 'failed with status 65: control: ?[1m ? ? ä'
    assert_equal "$(text "${id[long]}")" "failed with status 65: $(printf '%0200d' 0)"
    assert_equal "$(text "${id[empty]}")" 'failed with status 65: empty: first'
    run "$UDSCTL" jobs jobs
    assert_line --regexp '^delayed .* was killed: Terminated: late: first +late$'
    run "$UDSCTL" jobs --dead jobs
    assert_line --regexp '^dead .* failed with status 65: plain: the last line +plain$'
    # In the order in which it was written, and as it was.
    run cat "$DIR/err"
    assert_line --index 0 'plain: first'
    assert_line --index 1 'plain: the last line'
    assert_line --index 2 --regexp '^udsctl: jobs .* failed with status 65 \(attempt 1\); it is dead now$'
    assert_line --index 4 --regexp '^open: no newlineudsctl: jobs'
    contains err $'control: \033[1m \302\205 \377 \303\244'
    contains err "$(printf '%0500d' 7)"
}

has_descriptors() { # COUNT
    [ "$(find "/proc/$WORKER/fd" -type l | wc -l)" -eq "$1" ]
}

@test "a process that a command leaves behind may write to standard error while the worker runs" {
    start_store
    # shellcheck disable=SC2016
    work_on jobs -- sh -c 'read -r word; echo "$word" >>'"$DIR"'/ran; [ "$word" = b ] || setsid sh -c "
            until [ -e '"$DIR"'/go ]; do sleep 0.01; done; echo left >&2; echo wrote >'"$DIR"'/wrote" &'
    wait_until has_group jobs
    local n
    n=$(find "/proc/$WORKER/fd" -type l | wc -l)
    add jobs a b
    wait_until has ran b
    wait_until states_are jobs ''
    touch "$DIR/go"
    wait_until has err left
    wait_until has wrote wrote
    # Nobody is left who may write: the pipes are closed.
    wait_until has_descriptors "$n"
}

@test "while nobody reads the standard error of a worker its commands wait that write much, and nothing is lost" {
    start_store
    add jobs much little
    mkfifo "$DIR/errors"
    exec 9<>"$DIR/errors"
    # shellcheck disable=SC2016
    background "$UDSCTL" work --jobs 2 --retries 0 jobs -- sh -c 'read -r word; echo "$word" >>'"$DIR"'/ran
        [ "$word" = little ] || { seq 200000 >&2; echo over >>'"$DIR"'/ran; exit 65; }' 2>"$DIR/errors" 9>&-
    WORKER=$!
    wait_until has ran little
    wait_until eval '[ "$("$UDSCTL" jobs --json jobs | jq -r .state)" = running ]'
    ! has ran over
    background sh -c "exec cat '$DIR/errors' >'$DIR/read'" 9>&-
    wait_until has ran over
    wait_until length_is jobs.dead 1
    kill "$WORKER"
    wait_until is_gone "$WORKER"
    exec 9>&-
    wait_until eval 'tail -n 1 "$DIR/read" | grep -q "failed with status 65"'
    assert_equal "$(grep -v udsctl "$DIR/read" | md5sum)" "$(seq 200000 | md5sum)"
    assert_equal "$("$UDSCTL" jobs --dead --json jobs | jq -r .text)" 'failed with status 65: 200000'
}

@test "on a terminal, a command has the terminal as its standard error" {
    start_store
    add jobs a
    run script -qec "'$UDSCTL' work --drain jobs -- sh -c '[ -t 2 ] && echo yes; echo why >&2; exit 65'" /dev/null
    assert_output --partial yes
    assert_equal "$("$UDSCTL" jobs --dead --json jobs | jq -r .text)" 'failed with status 65'
}

@test "a poison message does not stop the others, and comes back by retry with what it was" {
    start_store
    add jobs a poison b c
    work_on --retries 2 --backoff 10ms --jobs 2 jobs -- sh -c 'read -r word; [ "$word" != poison ] || exit 1; echo "$word" >>'"$DIR"'/ran'
    wait_until has ran c
    wait_until states_are jobs ''
    assert_equal "$(sort "$DIR/ran" | tr '\n' ' ')" 'a b c '
    wait_until length_is jobs.dead 1
    kill "$WORKER"
    run "$UDSCTL" jobs --dead jobs
    assert_line --regexp '^dead +[0-9]+-0 +3 +- +- +failed with status 1 +poison$'
    run "$UDSCTL" wait jobs "$("$UDSCTL" jobs --dead --json jobs | jq -r .id)"
    assert_failure 1
    assert_output --partial 'is dead: failed with status 1'

    run "$UDSCTL" retry --all jobs
    assert_success
    assert_output --regexp '^[0-9]+-[0-9]+ is [0-9]+-[0-9]+ now$'
    assert_equal "$(length jobs.dead)" 0
    assert_equal "$("$UDSCTL" work --print --drain jobs)" poison
    assert_equal "$(length jobs)" 0
}

@test "retry by either id; another group of the dead jobs keeps them" {
    start_store
    add jobs x y
    run "$UDSCTL" work --count 2 --retries 0 jobs -- false
    assert_failure 70
    ask XGROUP CREATE jobs.dead reader 0 >/dev/null
    local ids
    mapfile -t ids < <("$UDSCTL" jobs --dead --json jobs | jq -r '.id, .dead_id')
    run "$UDSCTL" retry jobs "${ids[0]}" "${ids[3]}"
    assert_success
    assert_output --partial 'stays in jobs.dead, too'
    # Both are there as long as the other group needs them; a second retry does not add them again.
    assert_equal "$(length jobs.dead) $(length jobs)" '2 2'
    run "$UDSCTL" retry --all jobs
    assert_success
    assert_equal "$(length jobs)" 2
    run "$UDSCTL" retry jobs 1-1
    assert_failure 1
    assert_output --partial 'is not dead'
}

@test "drop takes out what is waiting, delayed or dead, and nothing that runs" {
    start_store
    add jobs running delayed dead waiting other
    # shellcheck disable=SC2016
    work_on --jobs 3 --backoff 1h --count 3 jobs -- sh -c 'read -r word
        case $word in running) exec sleep 1000 ;; delayed) exit 1 ;; dead) exit 65 ;; esac'
    wait_until states_are jobs 'running delayed waiting waiting'
    local ids
    mapfile -t ids < <("$UDSCTL" jobs --json jobs | jq -r .id)
    run "$UDSCTL" drop jobs "${ids[0]}"
    assert_failure 1
    assert_output --partial 'is running'
    run "$UDSCTL" drop jobs "${ids[1]}" "${ids[2]}" "$("$UDSCTL" jobs --dead --json jobs | jq -r .id)"
    assert_success
    assert_equal "$(states jobs)" 'running waiting '
    assert_equal "$(length jobs.dead) $(length jobs)" '0 2'
    run "$UDSCTL" drop jobs "${ids[1]}"
    assert_failure 1
    assert_output --partial 'there is no job'
    # Another group needs what it has not been given yet.
    ask XGROUP CREATE jobs other 0 >/dev/null
    run "$UDSCTL" drop jobs "${ids[3]}"
    assert_failure 1
    assert_output --partial 'another group needs it'
    assert_equal "$("$UDSCTL" work --group other --print --drain jobs | tail -n 1)" other
    run "$UDSCTL" drop jobs "${ids[3]}"
    assert_success
}

@test "jobs and drop know what the daemon will add later" {
    start_store
    local ticket
    ticket=$("$UDSCTL" send --store --delay 1h --print-id jobs later)
    add jobs now
    run "$UDSCTL" jobs jobs
    assert_line --regexp "^scheduled +$ticket +0 +in (1h0m|59m[0-9]+s) .* later\$"
    assert_line 'jobs: 1 waiting, 0 running, 0 delayed, 1 scheduled, 0 dead'
    run "$UDSCTL" drop jobs "$ticket"
    assert_output "dropped $ticket"
    run "$UDSCTL" drop jobs "$ticket"
    assert_failure 1
    assert_equal "$(states jobs)" 'waiting '
}

@test "wait tells how a job ended" {
    start_store
    add jobs good
    local good=$ID
    add jobs bad
    run "$UDSCTL" wait --timeout 50ms jobs "$good"
    assert_failure 75
    background bash -c "'$UDSCTL' wait jobs $good; echo \$? >'$DIR/status'"
    local waiter=$!
    work_on --retries 0 jobs -- sh -c 'read -r word; [ "$word" = good ] || exit 7'
    wait_exit "$waiter"
    assert_equal "$(cat "$DIR/status")" 0
    run "$UDSCTL" wait --timeout "$PATIENCE" jobs "$good" "$ID"
    assert_failure 7
    run "$UDSCTL" wait jobs x
    assert_failure 64
    run -66 "$UDSCTL" wait jobs 9999999999999-0
    assert_output "udsctl: jobs has had no job 9999999999999-0"
}

@test "wait: status 0 for an ID that no job has any more; a job that was put back has another one" {
    start_store
    add jobs bad
    run "$UDSCTL" work --retries 0 --count 1 jobs -- sh -c 'exit 7'
    run -7 "$UDSCTL" wait --timeout "$PATIENCE" jobs "$ID"
    run -0 "$UDSCTL" retry jobs "$ID"
    assert_output --regexp "^$ID is [0-9-]+ now$"
    local again=${output#* is }
    again=${again% now}
    run -0 "$UDSCTL" wait --timeout 1s jobs "$ID"
    assert_output ''
    run -75 "$UDSCTL" wait --timeout 50ms jobs "$again"
    run -0 "$UDSCTL" drop jobs "$again"
    run -0 "$UDSCTL" wait --timeout 1s jobs "$again"
}

@test "a job whose entry was trimmed is none any more, unless it runs" {
    start_store
    add jobs a b
    run "$UDSCTL" work --count 2 --backoff 100s jobs -- false
    add jobs running
    local deleted=$ID
    work_on jobs -- sh -c "while [ ! -e $DIR/go ]; do sleep 0.02; done; exit 1"
    wait_until held jobs 1
    run -0 "$UDSCTL" jobs jobs
    assert_line 'jobs: 0 waiting, 1 running, 2 delayed, 0 dead'
    local ids
    mapfile -t ids < <("$UDSCTL" jobs --ids jobs)
    run -0 "$UDSCTL" trim --max-entries 0 jobs
    run -0 "$UDSCTL" jobs jobs
    refute_output --partial "${ids[0]}"
    assert_line --regexp "^running +$deleted "
    assert_line 'jobs: 0 waiting, 1 running, 0 delayed, 0 dead'
    assert_equal "$("$UDSCTL" jobs --json jobs | jq -r '"\(.id) \(.state) \(.fields)"')" "$deleted running null"
    assert_equal "$("$UDSCTL" jobs -n 1 jobs | tail -n 1)" 'jobs: 0 waiting, 1 running, 0 delayed, 0 dead'
    run -0 "$UDSCTL" wait --timeout 1s jobs "${ids[0]}" "${ids[1]}"
    run -75 "$UDSCTL" wait --timeout 50ms jobs "$deleted"
    run -1 "$UDSCTL" drop jobs "${ids[0]}"
    assert_output "udsctl: jobs: there is no job ${ids[0]}"
    touch "$DIR/go"
    run -0 "$UDSCTL" wait --timeout 30s jobs "$deleted"
}

@test "wait goes on when the daemon is back, and waits for it no longer than --timeout" {
    start_store
    add jobs one
    background bash -c "'$UDSCTL' -v wait jobs $ID 2>'$DIR/wait'; echo \$? >'$DIR/status'"
    local waiter=$! shorter
    wait_until info_is connected_clients 2 # it and the client that asks
    background bash -c "'$UDSCTL' wait --timeout 1s jobs $ID 2>'$DIR/shorter'; echo \$? >'$DIR/status-shorter'"
    shorter=$!
    wait_until info_is connected_clients 3
    kill_udsd
    wait_exit "$shorter"
    assert_equal "$(cat "$DIR/status-shorter")" 75
    grep -q "timed out: no connection to $S: " "$DIR/shorter"
    # One that begins while there is no daemon.
    background bash -c "'$UDSCTL' wait jobs $ID; echo \$? >'$DIR/status-later'"
    local later=$!
    start_store
    wait_until contains wait 'connected again'
    work_on jobs -- true
    wait_exit "$waiter"
    assert_equal "$(cat "$DIR/status")" 0
    wait_exit "$later"
    assert_equal "$(cat "$DIR/status-later")" 0
}

@test "pause holds jobs back, over a restart of the daemon, until resume" {
    start_store
    work_on jobs -- sh -c 'cat >>'"$DIR"'/ran'
    wait_until has_group jobs
    run "$UDSCTL" pause jobs
    assert_output 'paused jobs'
    add jobs one
    kill_udsd
    start_store
    run "$UDSCTL" jobs jobs
    assert_line 'jobs: 1 waiting, 0 running, 0 delayed, 0 dead, paused'
    add jobs two
    wait_until info_is blocked_clients 1 # the worker is back, and waits
    [ ! -e "$DIR/ran" ]
    run "$UDSCTL" resume jobs
    wait_until has ran two
    has ran one
    # A stream may be paused before it has jobs or workers.
    run "$UDSCTL" pause --create new
    assert_success
    add new job
    assert_equal "$("$UDSCTL" work --print --drain new)" ''
}

@test "SIGTERM: what runs ends, the rest goes to the next worker at once and counts for nothing" {
    start_store
    add jobs a b c d
    work_on --jobs 2 jobs -- sh -c "read -r word; echo begin \$word >>'$DIR/ran'; until [ -e '$DIR/go' ]; do sleep 0.05; done; echo end \$word >>'$DIR/ran'"
    wait_until has ran 'begin b'
    kill "$WORKER"
    assert_equal "$("$UDSCTL" work --print --drain jobs | tr '\n' ' ')" 'c d '
    run ! has ran 'begin c'
    is_running "$WORKER"
    touch "$DIR/go"
    wait_exit "$WORKER"
    assert_equal "$status" 143
    assert_equal "$(grep -c end "$DIR/ran") $(length jobs)" '2 0'
}

@test "after SIGTERM nothing is begun, though a command could run: a job that comes then goes to another worker" {
    start_store
    add jobs a
    work_on -v --jobs 2 jobs -- sh -c "read -r word; echo begin \$word >>'$DIR/ran'; until [ -e '$DIR/go' ]; do sleep 0.05; done"
    wait_until has ran 'begin a'
    wait_until info_is blocked_clients 1 # it waits for another one
    kill "$WORKER"
    wait_until contains err 'waiting for the running commands'
    add jobs b
    timeout "$PATIENCE" "$UDSCTL" work --print --count 1 jobs >"$DIR/out"
    assert_equal "$(cat "$DIR/out")" b
    run ! has ran 'begin b'
    touch "$DIR/go"
    wait_exit "$WORKER"
    assert_equal "$status $(length jobs)" '143 0'
}

@test "a second SIGTERM ends the commands, whose jobs are given back; a third one ends udsctl" {
    start_store
    add jobs a
    work_on jobs -- sh -c "echo begin >>'$DIR/ran'; sleep 1000; echo end >>'$DIR/ran'"
    wait_until has ran begin
    kill "$WORKER"
    wait_until states_are jobs running
    kill "$WORKER"
    wait_exit "$WORKER"
    assert_equal "$status" 143
    assert_equal "$("$UDSCTL" jobs --json jobs | jq -c '[.state, .deliveries]')" '["released",0]'

    work_on jobs -- sh -c "trap '' TERM; echo \$\$ >'$DIR/pid'; while :; do sleep 0.01; done"
    wait_until [ -s "$DIR/pid" ]
    kill "$WORKER"
    kill "$WORKER"
    wait_until states_are jobs running
    wait_until eval 'kill "$WORKER"; is_gone "$WORKER"'
    wait_exit "$WORKER"
    # The command dies with its worker.
    wait_until is_gone "$(cat "$DIR/pid")"
    assert_equal "$("$UDSCTL" work --print --drain jobs)" a
}

@test "--timeout ends a command and its children, which counts as a failure" {
    start_store
    add jobs a
    run "$UDSCTL" work --count 1 --retries 0 --timeout 100ms jobs -- sh -c "sleep 1000 & echo \$! >'$DIR/child'; wait"
    assert_failure 70
    assert_output --partial 'timed out after 100ms'
    wait_until is_gone "$(cat "$DIR/child")"
    assert_equal "$("$UDSCTL" jobs --dead --json jobs | jq -c '[.status, .text]')" '[124,"timed out after 100ms"]'
}

@test "a command that ignores SIGTERM is killed five seconds after its --timeout; jobs tells where and since when one runs" {
    start_store
    add stubborn a
    local start=${EPOCHREALTIME/./} # microseconds
    work_on --retries 0 --timeout 100ms stubborn -- sh -c "trap '' TERM; echo \$\$ >'$DIR/pid'; exec sleep 1000"
    wait_until test -s "$DIR/pid"
    # The suite waits for that anyway, so it sees meanwhile how another one runs.
    add jobs b
    work_on jobs -- sleep 1000
    wait_until eval '"$UDSCTL" jobs --json jobs | jq -e "select(.state == \"running\")" >"$DIR/first"'
    assert_equal "$(jq -c '[.id, .deliveries, .pid, .uid]' "$DIR/first")" "[\"$ID\",1,$WORKER,$UID]"
    local client
    client=$(jq .client "$DIR/first")
    ask UDSD CLIENTS | grep -q "^id=$client .*\<pid=$WORKER\>"
    run -0 "$UDSCTL" jobs jobs
    assert_line --index 0 --regexp '^STATE +ID +TRIES +TIME +WHERE +LAST +MESSAGE$'
    assert_line --index 1 --regexp "^running +$ID +1 +[0-9]+s +$(uname -n):$WORKER \(client $client\) +- +b$"
    wait_until eval '"$UDSCTL" jobs jobs | grep -qE "^running +[^ ]+ +1 +[1-9][0-9]*s "'
    assert_equal "$("$UDSCTL" jobs --json jobs | jq --slurpfile first "$DIR/first" '.running_ms > $first[0].running_ms')" true
    wait_until is_gone "$(cat "$DIR/pid")"
    local took=$((${EPOCHREALTIME/./} - start))
    ((took >= 5100000)) || fail "killed after $took us"
    wait_until has_dead stubborn
    assert_equal "$("$UDSCTL" jobs --dead --json stubborn | jq -c '[.status, .text, .pid]')" '[124,"timed out after 100ms",null]'
}

@test "--timeout holds for each attempt, whatever command was ended before" {
    start_store
    add jobs a
    "$UDSCTL" work --count 5 --retries 4 --backoff 1ms --timeout 100ms jobs -- sleep 1000 2>"$DIR/err" 3>&- &
    PIDS+=($!)
    WORKER=$!
    # The command before was not killed, so nothing waits for the five seconds after which it would be.
    local start=$SECONDS
    wait_until has_dead jobs
    ((SECONDS - start < 15)) || fail "five attempts of 0.1s took $((SECONDS - start))s"
    [ "$(grep -c 'timed out after 100ms' "$DIR/err")" = 5 ]
}

@test "a command that is over its --timeout has failed, also after a signal to the worker" {
    start_store
    add jobs a
    work_on --retries 0 --timeout 1s jobs -- sh -c "echo \$\$ >'$DIR/pid'; exec sleep 1000"
    wait_until test -s "$DIR/pid"
    kill "$WORKER"
    wait_until is_gone "$WORKER"
    assert_equal "$("$UDSCTL" jobs --dead --json jobs | jq -c '[.status, .text]')" '[124,"timed out after 1s"]'
}

@test "a second SIGTERM gives the job back, though the worker has asked for the next one meanwhile" {
    start_store
    local i
    for i in 1 2 3; do
        add "jobs$i" fast slow
        : >"$DIR/pid"
        work_on -v --retries 0 "jobs$i" -- sh -c "read -r it; [ \"\$it\" = fast ] || { echo \$\$ >'$DIR/pid'; exec sleep 1000; }"
        wait_until test -s "$DIR/pid"
        kill "$WORKER"
        wait_until contains err 'another signal ends them'
        kill "$WORKER"
        wait_until is_gone "$WORKER"
        rm "$DIR/err"
        assert_equal "$("$UDSCTL" jobs --json "jobs$i" | jq -c '[.state, .deliveries, .died]')" '["released",0,0]'
    done
}

@test "a worker that ends leaves no consumer behind, unless jobs are pending for it" {
    start_store
    add jobs a
    "$UDSCTL" work --drain jobs -- true
    assert_equal "$("$UDSCTL" groups --json jobs | jq .consumers)" 0
    work_on jobs -- true
    wait_until has_group jobs
    add jobs b
    wait_until length_is jobs 0
    kill "$WORKER"
    wait_until is_gone "$WORKER"
    assert_equal "$("$UDSCTL" groups --json jobs | jq .consumers)" 0
    # What was lost with a connection is pending for its consumer until somebody gets it, and must not go with that.
    add jobs c
    work_on jobs -- sh -c "echo \$\$ >'$DIR/pid'; exec sleep 1000"
    wait_until test -s "$DIR/pid"
    kill -KILL "$WORKER"
    wait_until is_gone "$WORKER"
    length_is jobs 1
    "$UDSCTL" work --drain jobs -- true
    length_is jobs 0
}

@test "--print: what cannot be printed is not counted, waits for the delay and says why" {
    start_store
    add jobs a b c
    for _ in 1 2; do
        run bash -c "'$UDSCTL' work --print --count 1 --backoff 200ms jobs >/dev/full"
        assert_failure 74
        assert_output --partial 'writing to standard output: No space left on device'
    done
    wait_until not_held jobs
    "$UDSCTL" jobs --json jobs | jq -se 'map(select(.state == "delayed" or .state == "released" or .state == "waiting")) |
        length == 3 and all(.deliveries == 0 and .died == 0)'
    "$UDSCTL" jobs --json jobs | jq -se 'any(.text == "could not be printed: No space left on device")'
    run -0 "$UDSCTL" work --print --count 3 jobs
    assert_equal "$(sort <<<"$output" | tr '\n' ' ')" 'a b c '
}

@test "--rate starts no two commands at once after it had nothing to do" {
    start_store
    work_on --count 3 --rate 2/s jobs -- sh -c "date +%s%N >>'$DIR/times'"
    wait_until has_group jobs
    sleep 1.1 # in which a bucket would fill that keeps more than its tokens
    add jobs a b c
    wait_until is_gone "$WORKER"
    awk 'NR > 1 && $1 - last < 100000000 { exit 1 } { last = $1 }' "$DIR/times"
}

@test "verbs about jobs name a stream or a group that is not there, and make none" {
    start_store
    local verb
    for verb in jobs 'jobs --dead' 'jobs --json' 'wait:1-1' 'drop:1-1' 'retry:1-1' 'retry --all' pause resume; do
        run "$UDSCTL" ${verb%:*} nosuch $([[ $verb != *:* ]] || echo "${verb#*:}")
        assert_failure 66
        assert_output "udsctl: there is no stream 'nosuch'"
    done
    assert_equal "$("$UDSCTL" streams --names)" ''
    add jobs a
    run "$UDSCTL" pause jobs
    assert_failure 66
    assert_output "udsctl: stream 'jobs' has no group 'work' yet; 'udsctl pause --create' makes it"
    run "$UDSCTL" resume -g typo jobs
    assert_failure 66
    assert_output "udsctl: stream 'jobs' has no group 'typo'; 'udsctl groups' lists those that it has"
    "$UDSCTL" jobs jobs # before the first worker
    run "$UDSCTL" jobs -g typo jobs
    assert_success
    assert_line "udsctl: stream 'jobs' has no group 'typo': all of its jobs wait for the group's first worker"
}

@test "the ticket of a scheduled job is told apart from what is no ID at all" {
    start_store
    "$UDSCTL" send --store --delay 1h jobs x
    run "$UDSCTL" wait jobs "$("$UDSCTL" jobs --json jobs | jq -r .id)"
    assert_failure 64
    assert_output --partial 'is the ticket of a scheduled job, which gets an ID when its time has come'
    run "$UDSCTL" retry jobs bad1
    assert_failure 64
    assert_output --partial "'udsctl jobs --dead jobs' lists them"
}

@test "the log of a worker says when a job is tried again, that it is dead, and that the stream is paused" {
    start_store
    add jobs a
    work_on --retries 1 --backoff 10ms jobs -- sh -c 'exit 3'
    wait_until has_dead jobs
    wait_until has err "udsctl: jobs $ID failed with status 3 (attempt 1); again in 10ms"
    wait_until has err "udsctl: jobs $ID failed with status 3 (attempt 2); it is dead now"
    kill "$WORKER"
    wait_until is_gone "$WORKER"
    add jobs b
    run -0 "$UDSCTL" work --count 1 jobs -- sh -c 'exit 75'
    assert_output "udsctl: jobs $ID was put off with status 75 (attempt 1); again in 10ms"
    "$UDSCTL" pause jobs
    run -0 "$UDSCTL" work --drain jobs -- true
    assert_output "udsctl: jobs is paused: it gives no jobs until 'udsctl resume'"
}

@test "a command knows who has sent its job, if the configuration asks for that, also when it is tried again" {
    need_root
    start_configured 'socket_mode = 0666' '[store]' "directory = $DIR/store" '[stream jobs*]' 'sender = yes'
    share_tree
    local nobody
    nobody=$(id -u nobody)
    as_nobody "$SHARED_BUILD/cli/udsctl" -s "$S" send --store jobs hello
    "$UDSCTL" send --store other hello
    # shellcheck disable=SC2016
    local command='[ -n "$1" ] || exit 65; echo "$(cat) of $UDSD_SENDER"'
    UDSD_SENDER=me run -70 "$UDSCTL" work --drain jobs other -- sh -c "$command"
    assert_equal "$("$UDSCTL" jobs --dead --json jobs | jq -s length)" 1
    "$UDSCTL" retry --all jobs
    "$UDSCTL" retry --all other
    UDSD_SENDER=me run -0 "$UDSCTL" work --drain jobs other -- sh -c "$command" sh again
    assert_line "hello of $nobody"
    assert_line "hello of "
}

@test "what becomes of the first jobs of a worker is told, too" {
    start_store
    add jobs a b c
    run -70 "$UDSCTL" work --jobs 3 --retries 1 --backoff 1s --count 3 jobs -- false
    assert_equal "$(grep -c 'failed with status 1 (attempt 1); again in 1s$' <<<"$output")" 3
}

@test "jobs says of a job without another reason that its worker died" {
    start_store
    add jobs a
    work_on jobs -- sh -c "echo \$\$ >'$DIR/pid'; exec sleep 1000"
    wait_until test -s "$DIR/pid"
    kill -KILL "$WORKER"
    wait_until not_held jobs
    run "$UDSCTL" jobs jobs
    assert_output --partial 'its worker died'
}

@test "a job that cannot go to the dead ones, since the store is full, is listed and retried all the same" {
    start_configured '[store]' "directory = $DIR/store" 'max_bytes = 2M'
    add jobs a b
    work_on --retries 0 jobs -- sh -c "echo \$\$ >>'$DIR/pid'; until [ -e '$DIR/go' ]; do sleep 0.02; done; exit 3"
    wait_until test -s "$DIR/pid"
    head -c 100000 /dev/zero | tr '\0' x >"$DIR/big"
    while timeout 1 "$UDSCTL" send --store fill <"$DIR/big" 2>/dev/null; do :; done
    touch "$DIR/go"
    wait_until all_dying jobs
    kill "$WORKER"
    wait_until is_gone "$WORKER"
    run "$UDSCTL" jobs --dead jobs
    assert_line 'jobs: 2 dead'
    run -0 "$UDSCTL" retry --all jobs
    assert_equal "$(grep -c 'is tried again' <<<"$output")" 2
    timeout "$PATIENCE" "$UDSCTL" work --count 2 jobs -- true
    length_is jobs 0
}

@test "the daemon is killed while a job runs: it is done once, and acknowledged to the new daemon" {
    start_store
    add jobs a b
    # shellcheck disable=SC2016
    work_on --jobs 2 --count 2 jobs -- sh -c "read -r word; echo begin \$word \$UDSD_ATTEMPT >>'$DIR/ran'; until [ -e '$DIR/go' ]; do sleep 0.05; done; echo end \$word >>'$DIR/ran'"
    wait_until has ran 'begin b 1'
    kill_udsd
    start_store
    wait_until held jobs 2
    work_on jobs -- sh -c "cat >>'$DIR/ran'"
    touch "$DIR/go"
    wait_until length_is jobs 0
    assert_equal "$(sort "$DIR/ran" | tr '\n' ' ')" 'begin a 1 begin b 1 end a end b '
}

@test "the daemon is stopped while a job runs, and takes long for a slow receiver: the job is done once" {
    start_store
    background "$PYTHON" "$TOOLS/hostile.py" "$S" subscribe big >"$DIR/hostile"
    wait_until contains hostile done
    head -c 2000000 /dev/zero | tr '\0' x >"$DIR/in"
    background "$UDSCTL" send --whole --timeout 60s big <"$DIR/in"
    wait_until info_is messages_queued 1
    add jobs a
    work_on jobs -- sh -c "echo begin >>'$DIR/ran'; until [ -e '$DIR/go' ]; do sleep 0.05; done; echo end >>'$DIR/ran'"
    local first=$WORKER
    wait_until has ran begin
    work_on jobs -- sh -c "echo other >>'$DIR/ran'"
    wait_until eval '[ "$("$UDSCTL" groups --json jobs | jq -r .consumers)" = 2 ]'
    kill -STOP "$first"
    stop_udsd
    start_store
    kill -CONT "$first"
    wait_until held jobs 1
    touch "$DIR/go"
    wait_until length_is jobs 0
    assert_equal "$(tr '\n' ' ' <"$DIR/ran")" 'begin end '
}

@test "a job that ends while there is no daemon is acknowledged to the next one" {
    start_store
    add jobs a
    work_on --count 1 jobs -- sh -c "echo begin >>'$DIR/ran'; while [ ! -e '$DIR/go' ]; do sleep 0.01; done; echo end >>'$DIR/ran'"
    wait_until has ran begin
    kill_udsd
    touch "$DIR/go"
    wait_until has ran end
    is_running "$WORKER"
    start_store
    wait_exit "$WORKER"
    assert_equal "$status $(length jobs) $(grep -c begin "$DIR/ran")" '0 0 1'
}

@test "a worker that waits for the daemon ends at SIGTERM" {
    work_on -v jobs -- cat
    wait_until contains err 'waiting for'
    kill "$WORKER"
    wait_exit "$WORKER"
    assert_equal "$status" 143
}

# The first job runs and nobody has the others.
is_slow() {
    [[ $(states jobs) =~ ^running\ ((waiting|released)\ ){3}$ ]]
}

@test "two workers share the jobs, and an idle one gets what another has not begun" {
    start_store
    local i
    # This one believes that commands are fast, and then meets a slow one.
    work_on jobs -- sh -c "read -r word; case \$word in slow*) exec sleep 1000 ;; esac; echo one \$word >>'$DIR/ran'"
    local first=$WORKER
    for i in $(seq 50); do add jobs "fast$i"; done
    wait_until length_is jobs 0
    "$UDSCTL" pause jobs
    add jobs slow0 next1 next2 next3
    "$UDSCTL" resume jobs
    wait_until is_slow
    work_on jobs -- sh -c "read -r word; echo two \$word >>'$DIR/ran'"
    wait_until has ran 'two next3'
    has ran 'two next1'
    has ran 'two next2'
    is_running "$first"
}

is_blocked() {
    grep -q pipe_write "/proc/$WORKER/stack" || [ "$("$UDSCTL" jobs --json jobs | jq -r 'select(.client > 0).id' | wc -l)" -gt 0 ]
}

@test "--print acknowledges what is written, and takes no more while standard output is blocked" {
    start_store
    local i
    for i in $(seq 101); do
        printf 'XADD jobs * message %060000d\r\n' "$i"
    done | nc -NU "$S" >/dev/null
    mkfifo "$DIR/out"
    exec 7<>"$DIR/out"
    "$UDSCTL" work --print jobs >"$DIR/out" 2>>"$DIR/err" 7>&- 3>&- 8>&- &
    PIDS+=($!)
    WORKER=$!
    # The pipe has the first, and a part of the second.
    wait_until length_is jobs 100
    wait_until is_blocked
    assert_equal "$(length jobs)" 100
    # Not a byte of what it cannot write is lost: the next one has it.
    kill -KILL "$WORKER"
    wait_until held jobs 0
    local left
    left=$(length jobs)
    "$UDSCTL" work --print --drain jobs >"$DIR/rest"
    assert_equal "$(wc -l <"$DIR/rest")" "$left"
    assert_equal "$(length jobs)" 0
    exec 7>&-
}

@test "--print prints lines, NUL bytes or JSON, and ends when its reader leaves" {
    start_store
    add jobs a b
    assert_equal "$("$UDSCTL" work --print --drain --null jobs | tr '\0' ,)" a,b,
    add jobs c
    run "$UDSCTL" work --print --count 1 --json jobs
    assert_output "{\"stream\":\"jobs\",\"id\":\"$ID\",\"attempt\":1,\"fields\":{\"message\":\"c\"}}"
    run bash -c "'$UDSCTL' work --print jobs | true"
    assert_success
}

@test "mistakes on the command line, and commands that cannot run" {
    start_store
    add jobs a
    local mistake
    for mistake in '' 'jobs' 'jobs --' 'jobs --print -- cat' '-- cat' 'jobs --retries x -- cat' 'jobs --backoff 5s..1s -- cat' \
        'jobs --print --jobs 2' 'jobs --null -- cat' 'jobs --json -- cat'; do
        # shellcheck disable=SC2086 # words
        run "$UDSCTL" work $mistake
        assert_failure 64
        assert_output --partial 'udsctl: work: '
    done
    run "$UDSCTL" work '' -- cat
    assert_failure 64
    run "$UDSCTL" work jobs -- ''
    assert_failure 64
    run -127 "$UDSCTL" work jobs -- no-such-command
    run -127 "$UDSCTL" work jobs -- 'cat | wc'
    assert_output --partial "sh -c 'LINE'"
    run "$UDSCTL" work jobs -- "$TOP"
    assert_failure 126
    # One that disappears later: nothing is counted.
    printf '#!/bin/sh\nrm "$0"\n' >"$DIR/once"
    chmod +x "$DIR/once"
    add jobs b
    run -127 "$UDSCTL" work jobs -- "$DIR/once"
    assert_equal "$("$UDSCTL" jobs --json jobs | jq -c '[.fields.message, .deliveries]')" '["b",0]'
    for verb in jobs retry drop wait pause resume; do
        run "$UDSCTL" "$verb"
        assert_failure 64
        assert_output --partial 'no stream'
    done
}

@test "what the administrator has configured stands, unless the worker names another value" {
    start_configured '[store]' "directory = $DIR/store" '[stream *]' 'max_deliveries = 2' 'retry_delay = 10ms' 'dead_letter = bin'
    add jobs a
    "$UDSCTL" work --count 2 jobs -- false || true
    wait_until length_is bin 1
    add other a
    "$UDSCTL" work --count 1 --retries 0 other -- false || true
    wait_until length_is bin 2
    run "$UDSCTL" jobs --dead other
    assert_line 'other: 1 dead'
}

@test "a lease is extended while the command runs" {
    start_configured '[store]' "directory = $DIR/store" '[stream *]' 'redeliver = 2s'
    add jobs a
    work_on --count 1 jobs -- sh -c "echo begin >>'$DIR/ran'; sleep 5"
    work_on --count 1 jobs -- sh -c "echo begin >>'$DIR/ran'"
    wait_until length_is jobs 0
    assert_equal "$(wc -l <"$DIR/ran")" 1
}

@test "--rate limits how many commands start" {
    start_store
    add jobs 1 2 3 4 5
    local begin=${EPOCHREALTIME/./}
    run "$UDSCTL" work --count 5 --jobs 5 --rate 20/s jobs -- true
    assert_success
    ((${EPOCHREALTIME/./} - begin >= 200000 * 9 / 10))
}

@test "users who may publish and subscribe work, retry and drop without being administrators" {
    need_root
    share_tree
    start_configured 'socket_mode = 0666' '[store]' "directory = $DIR/store" '[admin]' 'allow = root'
    local udsctl=(as_nobody "$SHARED_BUILD/cli/udsctl")
    add jobs a b c d
    run "${udsctl[@]}" work --count 1 --retries 0 jobs -- sh -c 'exit 3'
    assert_failure 70
    run "${udsctl[@]}" retry --all jobs
    assert_success
    run "${udsctl[@]}" work --count 1 --retries 0 jobs -- sh -c 'exit 3'
    assert_failure 70
    run "${udsctl[@]}" drop jobs "$("$UDSCTL" jobs --dead --json jobs | jq -r .id)" "$ID"
    assert_success
    run "${udsctl[@]}" work --print --drain jobs
    assert_success
    assert_output $'c\na'
    run "${udsctl[@]}" pause jobs
    assert_success
}

@test "who may not read the dead jobs is told so, by every verb that looks for them" {
    need_root
    share_tree
    start_configured 'socket_mode = 0666' '[store]' "directory = $DIR/store" '[channel jobs.dead]' 'subscribe = root'
    local udsctl=(as_nobody "$SHARED_BUILD/cli/udsctl") verb
    add jobs bad
    run "$UDSCTL" work --count 1 --retries 0 jobs -- sh -c 'exit 3'
    wait_until eval '"$UDSCTL" jobs --dead jobs | grep -q bad'
    for verb in 'jobs jobs' 'retry --all jobs' "wait jobs $ID"; do
        run "${udsctl[@]}" $verb
        assert_failure 77
        assert_output --partial jobs.dead
    done
}

@test "queues of very many jobs are listed and put back, page by page" {
    run "$PYTHON" "$TOOLS/many-jobs.py" --udsd "$UDSD" --udsctl "$UDSCTL" --dir "$DIR/many" \
        --jobs "${UDSD_WORK_JOBS:-3000}" 3>&- 8>&-
    echo "$output"
    assert_success
}

@test "workers and the daemon are killed all the time: each job is done, twice only after a worker's death, never at once" {
    run "$PYTHON" "$TOOLS/work-kills.py" --udsd "$UDSD" --udsctl "$UDSCTL" --dir "$DIR/kills" --jobs 600 \
        --kills "${UDSD_WORK_KILLS:-10}" --takeovers 5 ${UDSD_TEST_SEED:+--seed "$UDSD_TEST_SEED"} 3>&- 8>&-
    echo "$output"
    assert_success
}

@test "lines go through a queue, or into a file, while sender, daemon and workers are killed in turn: none is lost" {
    local into
    for into in "" --into; do
        run "$PYTHON" "$TOOLS/long-queue.py" --udsd "$UDSD" --udsctl "$UDSCTL" --dir "$DIR/long$into" $into \
            --lines "${UDSD_QUEUE_LINES:-20000}" --kills "${UDSD_QUEUE_KILLS:-9}" \
            ${UDSD_TEST_SEED:+--seed "$UDSD_TEST_SEED"} 3>&- 8>&-
        echo "$output"
        assert_success
        echo "# ${lines[-1]}" >&3
    done
}

@test "thousands of jobs, and several workers with several commands: each job is done once" {
    start_store
    local i
    for i in $(seq 3000); do
        printf 'XADD jobs * message %d\r\n' "$i"
    done | nc -NU "$S" >/dev/null
    work_on --jobs 3 jobs -- sh -c "read -r n; echo \$n >>'$DIR/ran'"
    work_on --jobs 2 jobs -- sh -c "read -r n; echo \$n >>'$DIR/ran'"
    "$UDSCTL" work --jobs 2 --drain jobs -- sh -c "read -r n; echo \$n >>'$DIR/ran'"
    wait_until length_is jobs 0
    assert_equal "$(sort -n "$DIR/ran" | md5sum)" "$(seq 3000 | md5sum)"
}

@test "--drain leaves no job behind, though the worker is slow and gives jobs back that it has read ahead" {
    start_store
    local i round
    for round in 1 2 3 4; do
        for i in $(seq 300); do
            printf 'XADD jobs * message %d\r\n' "$i"
        done | nc -NU "$S" >/dev/null
        work_on --drain jobs -- true
        # Stopped for so long, what it has read ahead is too old when it goes on.
        while is_running "$WORKER"; do
            kill -STOP "$WORKER" || break
            sleep 0.055
            kill -CONT "$WORKER" || break
            sleep "0.0$((RANDOM % 20 + 10))"
        done 2>/dev/null
        wait "$WORKER"
        assert_equal "$(length jobs)" 0
    done
}

@test "--drain: what became of a job is told however long the daemon is away" {
    start_store
    "$UDSCTL" send --store jobs a b
    work_on --drain --jobs 2 jobs -- sh -c "read -r n; echo \$n >>'$DIR/ran'; until [ -e '$DIR/go' ]; do sleep 0.05; done"
    wait_until has_lines "$DIR/ran" 2
    kill -KILL "$UDSD_PID"
    wait_exit "$UDSD_PID"
    : >"$DIR/go"
    # One that has nothing to tell gives up meanwhile.
    run "$UDSCTL" work --drain jobs -- true
    assert_failure 75
    start_store
    wait_exit "$WORKER"
    assert_equal "$status" 0
    assert_equal "$(length jobs)" 0
    assert_equal "$(sort "$DIR/ran" | paste -sd ' ')" 'a b'
}

@test "--drain believes no answer from before its jobs were given back" {
    start_store
    background "$PYTHON" "$TOOLS/late-answers.py" "$DIR/late.sock" "$S"
    wait_until is_listening "$DIR/late.sock"
    local i
    for i in $(seq 110); do
        printf 'XADD jobs * message %d\r\n' "$i"
    done | nc -NU "$S" >/dev/null
    # It reads ahead what fits between two of its answers. Then a job takes so long that the others are given back, after
    # it has asked for more and was answered that there is nothing.
    # shellcheck disable=SC2016 # for the command to expand
    "$UDSCTL" -s "$DIR/late.sock" work --drain jobs -- sh -c 'read -r n; [ "$n" != 100 ] || sleep 0.2'
    assert_equal "$(length jobs)" 0
}

@test "the group is deleted under its workers: they make it again" {
    start_store
    work_on --jobs 2 jobs -- sh -c "cat >>'$DIR/ran'"
    wait_until has_group jobs
    add jobs one
    wait_until has ran one
    ask DEL jobs >/dev/null
    wait_until has_group jobs
    add jobs two
    wait_until has ran two
}
