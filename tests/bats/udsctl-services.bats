#!/usr/bin/env bats
# udsctl call and udsctl serve: answers, errors and exit statuses, and what becomes of calls when somebody dies.

load helper
load users

# serve [OPTION...] SERVICE... -- COMMAND...: a worker in the background that serves when this returns; its pid is
# $WORKER, its messages are in $DIR/err.
serve() {
    local before
    before=$(workers)
    serve_unseen "$@"
    wait_until has_more_workers "$before"
}

serve_unseen() {
    background "$UDSCTL" serve "$@" 2>>"$DIR/err"
    WORKER=$!
}

# field NAME: the values of a field of UDSD SERVICES, one for each service.
field() {
    printf 'UDSD SERVICES\r\n' | nc -NU "$S" | tr -d '\r' | grep -x -A 1 "$1" | sed -n 's/^://p'
}

# workers: how many there are, of all services.
workers() {
    field workers | awk '{ n += $1 } END { print n + 0 }'
}

has_workers() {
    [ "$(workers)" = "$1" ]
}

has_more_workers() { # COUNT
    [ "$(workers)" -gt "$1" ]
}

is_busy() { # COUNT
    [ "$(field busy)" = "$1" ]
}

# call_later ARGUMENT...: a call in the background; its pid is $CALL, its exit status comes with wait_exit.
call_later() {
    background "$UDSCTL" call "$@" >"$DIR/answer" 2>"$DIR/why"
    CALL=$!
}

# assert_ended STATUS TEXT: the call of call_later ends so.
assert_ended() {
    wait_exit "$CALL"
    assert_equal "$status" "$1"
    [ -z "$2" ] || contains "$DIR/why" "$2" || fail "$(cat "$DIR/why")"
}

@test "two shells: the command's output is the answer, of a text, and of all of standard input" {
    start_udsd
    serve upper -- tr a-z A-Z
    run bash -c 'echo hi | "$1" call upper' - "$UDSCTL"
    assert_success
    assert_output HI
    run "$UDSCTL" call upper some '' text
    assert_success
    assert_output 'SOME  TEXT'
    printf 'a\n\nb\0c' | "$UDSCTL" call upper | cmp - <(printf 'A\n\nB\0C')
    "$UDSCTL" call upper </dev/null | cmp - /dev/null
    head -c 3000000 /dev/urandom >"$DIR/big"
    serve copy -- cat
    "$UDSCTL" call copy <"$DIR/big" | cmp - "$DIR/big"
    # A file takes everything at once.
    timeout "$PATIENCE" "$UDSCTL" call copy <"$DIR/big" >"$DIR/copy"
    cmp "$DIR/copy" "$DIR/big"
}

@test "the command knows who calls what, until when, and gets no descriptor" {
    start_udsd
    # shellcheck disable=SC2016 # for the command to expand
    serve who what -- sh -c 'echo "$UDSD_SERVICE $UDSD_UID $UDSD_PID $UDSD_TIMEOUT_MS"; ls /proc/self/fd | wc -l'
    background "$UDSCTL" call --timeout 7s who x >"$DIR/answer"
    CALL=$!
    wait_exit "$CALL"
    assert_equal "$(cat "$DIR/answer")" "who $(id -u) $CALL 7000
4"
    run "$UDSCTL" call what x
    assert_line --regexp "^what $(id -u) "
}

@test "each reason for no answer has its text and its exit status" {
    start_configured '[service closed]' 'call =' '[service tight]' 'max_waiting = 1'
    run "$UDSCTL" call nobody x
    assert_failure 69
    assert_output "udsctl: nobody serves 'nobody'"
    run "$UDSCTL" call closed x
    assert_failure 77
    assert_output --partial "may not call 'closed'"
    serve fails -- sh -c 'echo out; echo first >&2; printf "last\n\n" >&2; exit 3'
    run --separate-stderr "$UDSCTL" call fails x
    assert_failure 1
    assert_output ''
    assert_equal "$stderr" 'udsctl: last'
    assert_equal "$(cat "$DIR/err")" $'first\nlast'
    serve mute -- sh -c 'exit 4'
    run "$UDSCTL" call mute x
    assert_failure 1
    assert_output 'udsctl: failed with status 4'
    serve killed -- sh -c 'kill -KILL $$'
    run "$UDSCTL" call killed x
    assert_failure 1
    assert_output 'udsctl: was killed: Killed'
    run "$UDSCTL" call --socket "$DIR/none" fails x
    assert_failure 69
    run "$UDSCTL" call
    assert_failure 64
    run "$UDSCTL" call '' x
    assert_failure 64
    run bash -c '"$1" call mute <"$2"' - "$UDSCTL" "$DIR"
    assert_failure 74
}

@test "a service whose workers are all busy is said to be, once too many wait" {
    start_configured '[service tight]' 'max_waiting = 1'
    mkfifo "$DIR/go"
    serve tight -- sh -c "cat <'$DIR/go'"
    call_later tight x
    wait_until is_busy 1
    background "$UDSCTL" call tight x
    wait_until eval '[ "$(field waiting)" = 1 ]'
    run "$UDSCTL" call tight x
    assert_failure 75
    assert_output --partial "'tight'"
    echo go >"$DIR/go"
    assert_ended 0 ''
}

@test "a command whose deadline has passed is ended with all its processes, and the worker goes on" {
    start_udsd
    # shellcheck disable=SC2016 # for the command to expand
    serve slow -- sh -c '[ "$(cat)" = quick ] && echo done && exit; sleep 1000 & echo $! >"$0"; wait' "$DIR/pid"
    run "$UDSCTL" call --timeout 300ms slow x
    assert_failure 75
    assert_output --partial 'has not answered within 300 ms'
    wait_until test -s "$DIR/pid"
    wait_until is_gone "$(cat "$DIR/pid")"
    run "$UDSCTL" call slow quick
    assert_success
    assert_output 'done'
}

@test "too large an answer, or request, is refused, and the worker goes on" {
    start_configured '[limits]' 'max_message = 64K'
    # shellcheck disable=SC2016 # for the command to expand
    serve big -- sh -c 'head -c "$(cat)" /dev/zero'
    "$UDSCTL" call big 65536 | cmp - <(head -c 65536 /dev/zero)
    run "$UDSCTL" call big 65537
    assert_failure 1
    assert_output 'udsctl: the answer is over max_message (65536 bytes)'
    run bash -c 'head -c 65537 /dev/zero | "$1" call big' - "$UDSCTL"
    assert_failure 76
    assert_output 'udsctl: the request is over max_message'
    run "$UDSCTL" call big 1
    assert_success
}

@test "endless output is ended; what a command leaves behind does not hold its answer" {
    start_udsd
    # shellcheck disable=SC2016 # for the command to expand
    serve odd -- sh -c 'case $(cat) in yes) yes ;; leave) sleep 1000 & echo $! >"$0"; echo left ;; esac' "$DIR/pid"
    run "$UDSCTL" call odd yes
    assert_failure 1
    assert_output --partial 'over max_message'
    run "$UDSCTL" call odd leave
    assert_success
    assert_output left
    kill "$(cat "$DIR/pid")"
}

@test "--jobs runs commands side by side" {
    start_udsd
    mkfifo "$DIR/a" "$DIR/b"
    # The first answers when the second runs, too.
    # shellcheck disable=SC2016 # for the command to expand
    serve --jobs 2 pair -- sh -c 'case $(cat) in a) cat "$0/a" ;; b) echo met >"$0/a"; echo b ;; esac' "$DIR"
    call_later pair a
    run "$UDSCTL" call pair b
    assert_output b
    assert_ended 0 ''
    assert_equal "$(cat "$DIR/answer")" met
}

@test "SIGTERM: what runs ends, nothing new begins, and the exit status is 0" {
    start_udsd
    mkfifo "$DIR/go"
    serve --jobs 2 late -- sh -c "cat '$DIR/go'"
    call_later late x
    wait_until is_busy 1
    kill "$WORKER"
    wait_until has_workers 0
    run "$UDSCTL" call late x
    assert_failure 69
    echo went >"$DIR/go"
    assert_ended 0 ''
    assert_equal "$(cat "$DIR/answer")" went
    wait_exit "$WORKER"
    assert_equal "$status" 0
    serve idle -- true
    kill "$WORKER"
    wait_exit "$WORKER"
    assert_equal "$status" 0
}

@test "a second signal ends the commands and the worker at once; the caller knows" {
    start_udsd
    # shellcheck disable=SC2016 # for the command to expand
    serve stuck -- sh -c 'trap "" TERM; echo $$ >"$0"; while :; do sleep 1; done' "$DIR/pid"
    call_later stuck x
    wait_until test -s "$DIR/pid"
    kill "$WORKER"
    wait_until has_workers 0
    kill "$WORKER"
    wait_exit "$WORKER"
    assert_equal "$status" 143
    assert_ended 75 "the worker of 'stuck' has gone"
    wait_until is_gone "$(cat "$DIR/pid")"
}

@test "a worker that is killed: its caller is told at once, or with --retry another worker answers" {
    start_udsd
    mkfifo "$DIR/go"
    exec 8<>"$DIR/go" # whose end ends the commands of killed workers
    serve work -- sh -c "cat '$DIR/go'"
    call_later work x
    wait_until is_busy 1
    kill -KILL "$WORKER"
    assert_ended 75 'which may have done it'
    # The one that has waited longest gets it, then the other.
    serve work -- sh -c "cat '$DIR/go'"
    local first=$WORKER
    serve work -- echo again
    call_later --retry 1 work x
    wait_until is_busy 1
    kill -KILL "$first"
    assert_ended 0 ''
    assert_equal "$(cat "$DIR/answer")" again
}

@test "the daemon is killed: a caller says that its request may have been done, or repeats it; workers come back" {
    start_udsd
    # shellcheck disable=SC2016 # for the command to expand
    serve --jobs 2 count -- sh -c 'echo run >>"$0/runs"; [ "$(wc -l <"$0/runs")" -gt 2 ] || sleep 1000; echo third' "$DIR"
    call_later count x
    background "$UDSCTL" call --retry 1 count x >"$DIR/second"
    local second=$!
    wait_until has_lines "$DIR/runs" 2
    kill_udsd
    assert_ended 75 'the request may have been done'
    start_udsd
    wait_until has_workers 1
    # The commands of lost requests still count, so the third has to wait for the end of one.
    pkill -KILL -P "$WORKER"
    wait_exit "$second"
    assert_equal "$status" 0
    assert_equal "$(cat "$DIR/second")" third
    run "$UDSCTL" call count x
    assert_success
}

@test "--wait waits for the daemon and for a worker, and no longer" {
    run "$UDSCTL" call --wait 200ms upper x
    assert_failure 69
    assert_output --partial "no connection to $S"
    call_later --wait 1m upper x
    start_udsd
    wait_until eval '[ "$(field waiting)" = 1 ]'
    serve_unseen upper -- tr a-z A-Z
    assert_ended 0 ''
    assert_equal "$(cat "$DIR/answer")" X
    run "$UDSCTL" call --wait 200ms nobody x
    assert_failure 69
    assert_output "udsctl: nobody serves 'nobody'"
}

@test "a daemon that hangs does not hold its callers for ever" {
    start_udsd
    serve upper -- tr a-z A-Z
    kill -STOP "$UDSD_PID"
    run "$UDSCTL" call --timeout 100ms upper x
    kill -CONT "$UDSD_PID"
    assert_failure 75
    assert_output --partial 'the request may have been done'
}

@test "wrong usage of serve, a command that cannot be run, and a service that may not be served" {
    start_configured '[service closed]' 'serve ='
    run "$UDSCTL" serve -- true
    assert_failure 64
    run "$UDSCTL" serve upper
    assert_failure 64
    run "$UDSCTL" serve '' -- true
    assert_failure 64
    run "$UDSCTL" serve --jobs 1001 upper -- true
    assert_failure 64
    run -127 "$UDSCTL" serve upper -- "$DIR/none"
    run -126 "$UDSCTL" serve upper -- "$DIR"
    run "$UDSCTL" serve closed -- true
    assert_failure 77
    assert_output --partial "may not serve 'closed'"
    # One that vanishes later.
    printf '#!/bin/sh\nexit 0\n' >"$DIR/command"
    chmod +x "$DIR/command"
    serve upper -- "$DIR/command"
    rm "$DIR/command"
    run "$UDSCTL" call upper x
    assert_failure 1
    assert_output --partial 'the command cannot be started'
    wait_exit "$WORKER"
    assert_equal "$status" 127
}

# load_on NUMBER: calls one after the other while $DIR/load exists, and notes each answer that is wrong and each exit
# status that there is no reason for.
load_on() {
    local n=0 answer status
    while [ -e "$DIR/load" ]; do
        ((n += 1))
        answer=$("$UDSCTL" call --timeout 10s --wait 10s load "$1-$n" 2>>"$DIR/reasons.$1") && status=0 || status=$?
        echo $status >>"$DIR/statuses.$1"
        case $status in
        0) [ "$answer" = "$1-$n" ] || echo "$1-$n: $answer" >>"$DIR/wrong" ;;
        75) ;;
        *) echo "$1-$n: status $status" >>"$DIR/wrong" ;;
        esac
    done
}

has_answers() { # COUNT
    local numbers
    for numbers in 1 2 3; do
        [ "$(grep -cx 0 "$DIR/statuses.$numbers")" -ge "$1" ] || return 1
    done
}

@test "workers with --jobs 4 that are stopped, restarted and killed under load: every call ends as it must" {
    start_udsd
    serve --jobs 4 load -- cat
    local calls=() number round
    touch "$DIR/load"
    for number in 1 2 3; do
        load_on $number <&0 3>&- 8>&- &
        calls+=($!)
        PIDS+=($!)
    done
    for round in 1 2 3; do
        wait_until has_answers $((3 * round))
        kill -TERM "$WORKER" # and the next one comes later
        wait_exit "$WORKER"
        assert_equal "$status" 0
        serve_unseen --jobs 4 load -- cat
        wait_until has_answers $((3 * round + 1))
        kill -KILL "$WORKER"
        serve_unseen --jobs 4 load -- cat
        wait_until has_answers $((3 * round + 2))
        kill -STOP "$WORKER"
        kill -CONT "$WORKER"
    done
    kill_udsd
    start_udsd
    wait_until has_answers 14
    rm "$DIR/load"
    for number in "${calls[@]}"; do
        wait_exit "$number"
    done
    [ ! -e "$DIR/wrong" ] || fail "$(cat "$DIR/wrong" "$DIR"/reasons.*)"
}

# The process of --lines that the tests mostly use: it answers a line with the line, in a way that some lines tell.
line_process() { # DIR
    # shellcheck disable=SC2016 # for the process to expand
    echo 'trap "" HUP; echo start $$ >>"$0/starts"
        while IFS= read -r line; do
            case $line in
            die) kill -KILL $$ ;;
            exit) echo why >&2; exit 3 ;;
            leave) exit 0 ;;
            half) printf half; kill -KILL $$ ;;
            last) echo last; exit 0 ;;
            more) printf "one\nmore\n" ;;
            mute) exec >&-; sleep 1000 ;;
            big) head -c 70000 /dev/zero | tr "\0" x; echo ;;
            endless) cat /dev/zero ;;
            wait) echo waits >>"$0/waits"; read -r go <"$0/go"; echo "waited $go" ;;
            sleep) sleep 1000 ;;
            env) echo "${UDSD_SERVICE-unset} ${UDSD_UID-unset} $(ls /proc/self/fd | wc -l)" ;;
            pid) echo $$ ;;
            *) echo "<$line>" ;;
            esac
        done
        echo end >>"$0/ends"'
}

# serve_lines [OPTION...] SERVICE...: a worker whose process is line_process.
serve_lines() {
    serve --lines "$@" -- sh -c "$(line_process)" "$DIR"
}

# answers SERVICE TEXT ANSWER
answers() {
    run "$UDSCTL" call --timeout 20s "$1" "$2"
    assert_success
    assert_output "$3"
}

# fails SERVICE TEXT REASON
fails() {
    run "$UDSCTL" call --timeout 20s "$1" "$2"
    assert_failure 1
    assert_output "udsctl: $3"
}

@test "--lines: one process answers all requests, a line with a line" {
    start_udsd
    serve_lines line
    answers line a '<a>'
    answers line '' '<>'
    answers line "b	c" "<b	c>"
    answers line env 'unset unset 4'
    # The answer has the line end that the request has.
    echo x | "$UDSCTL" call line | cmp - <(echo '<x>')
    printf x | "$UDSCTL" call line | cmp - <(printf '<x>')
    assert_equal "$(wc -l <"$DIR/starts")" 1
    # What is no line is refused, and the process goes on.
    fails line $'a\nb' 'the request has more than one line'
    answers line c '<c>'
    # A line that is larger than the pipe, both ways.
    head -c 300000 /dev/zero | tr '\0' y >"$DIR/large"
    serve --lines copy -- sed -u ''
    "$UDSCTL" call copy <"$DIR/large" | cmp - "$DIR/large"
    assert_equal "$(wc -l <"$DIR/starts")" 1
}

@test "--lines: what the process may have read when it ends has failed, and it is started again" {
    start_udsd
    serve_lines line
    fails line die 'was killed: Killed'
    answers line a '<a>'
    fails line exit why
    answers line a '<a>'
    fails line leave 'has ended without an answer'
    fails line half 'was killed: Killed'
    answers line last last
    wait_until has_lines "$DIR/starts" 6
    answers line a '<a>'
    assert_equal "$(wc -l <"$DIR/starts")" 6
    contains "$DIR/err" 'the command was killed: Killed; it is started again in 100ms'
    # Killed between requests, it costs nobody anything.
    kill -KILL "$(sed -n '$s/start //p' "$DIR/starts")"
    wait_until has_lines "$DIR/starts" 7
    answers line b '<b>'
}

@test "--lines: no answer reaches a stranger, however the process behaves" {
    start_configured '[limits]' 'max_message = 64K'
    serve_lines line
    fails line more 'the command has answered with more than a line'
    answers line a '<a>'
    fails line big 'the command has answered with a line over max_message'
    answers line a '<a>'
    fails line endless 'the command has answered with a line over max_message'
    answers line a '<a>'
    # Garbage while nothing is asked.
    serve --lines noise -- sh -c 'echo hello; exec cat'
    wait_until contains "$DIR/err" 'has written what nobody asked for'
}

@test "--lines: a line that comes after the deadline is dropped; one that never comes costs the process its life" {
    start_udsd
    mkfifo "$DIR/go"
    serve_lines line
    run "$UDSCTL" call --timeout 200ms line wait
    assert_failure 75
    # The process still owes a line: the next request waits for that.
    call_later line a
    wait_until eval '[ "$(field waiting)" = 1 ]'
    echo late >"$DIR/go"
    assert_ended 0 ''
    assert_equal "$(cat "$DIR/answer")" '<a>'
    assert_equal "$(wc -l <"$DIR/starts")" 1
    run "$UDSCTL" call --timeout 200ms line sleep
    assert_failure 75
    answers line b '<b>'
    assert_equal "$(wc -l <"$DIR/starts")" 2
    contains "$DIR/err" 'has not answered long after the deadline'
}

@test "--lines: a process that closes its output, or reads nothing, is ended" {
    start_udsd
    serve_lines line
    fails line mute 'has closed its standard output'
    answers line a '<a>'
    # Each reads one line; what the next one is given waits until it can read it, or has failed.
    serve --lines once -- head -n 1
    local n
    for n in 1 2 3 4 5; do
        run "$UDSCTL" call --timeout 20s once "$n"
        [ "$output" = "$n" ] || [ "$output" = 'udsctl: has ended without an answer' ] || fail "$output"
    done
}

@test "--lines: SIGTERM: the running request ends, then the process reads the end of its input and is waited for" {
    start_udsd
    mkfifo "$DIR/go"
    serve_lines --jobs 2 line
    wait_until has_lines "$DIR/starts" 2
    call_later line wait
    wait_until test -e "$DIR/waits"
    kill "$WORKER"
    wait_until has_workers 0
    wait_until has_lines "$DIR/ends" 1
    run "$UDSCTL" call line x
    assert_failure 69
    echo went >"$DIR/go"
    assert_ended 0 ''
    assert_equal "$(cat "$DIR/answer")" 'waited went'
    wait_exit "$WORKER"
    assert_equal "$status" 0
    assert_equal "$(wc -l <"$DIR/ends")" 2
    # One that does not end by itself is made to, with all of its processes.
    serve --lines stays -- sh -c 'trap "" TERM; echo $$ >"$0/pid"; while :; do sleep 1000; done' "$DIR"
    wait_until test -s "$DIR/pid"
    kill "$WORKER"
    wait_exit "$WORKER"
    assert_equal "$status" 0
    is_gone "$(cat "$DIR/pid")"
}

@test "--lines --jobs: so many processes, side by side" {
    start_udsd
    mkfifo "$DIR/go"
    serve_lines --jobs 2 line
    wait_until has_lines "$DIR/starts" 2
    call_later line wait
    wait_until test -e "$DIR/waits"
    answers line a '<a>'
    # One that died is no reason to wait while another is idle.
    kill -KILL "$(grep -vx "start $("$UDSCTL" call line pid)" "$DIR/starts" | sed -n 's/start //p')"
    assert_ended 1 'was killed: Killed'
    answers line b '<b>'
}

@test "--lines: udsctl is killed: its processes die with it, and the caller is told at once" {
    start_udsd
    mkfifo "$DIR/go"
    serve_lines line
    call_later line wait
    wait_until test -e "$DIR/waits"
    kill -KILL "$WORKER"
    assert_ended 75 'which may have done it'
    wait_until is_gone "$(sed -n 's/start //p' "$DIR/starts")"
}

@test "--lines: the daemon is killed: the process goes on, and what it still owes is dropped" {
    start_udsd
    mkfifo "$DIR/go"
    serve_lines line
    call_later line wait
    wait_until test -e "$DIR/waits"
    kill_udsd
    assert_ended 75 'the request may have been done'
    start_udsd
    wait_until has_workers 1
    call_later line next
    wait_until eval '[ "$(field waiting)" = 1 ]'
    echo late >"$DIR/go"
    assert_ended 0 ''
    assert_equal "$(cat "$DIR/answer")" '<next>'
    assert_equal "$(wc -l <"$DIR/starts")" 1
}

@test "--lines: a command that vanishes, or fails at once, again and again" {
    start_udsd
    serve_unseen --lines broken -- false
    wait_until contains "$DIR/err" 'failed with status 1; it is started again in 400ms'
    run "$UDSCTL" call --timeout 200ms broken x
    assert_failure 75
    printf '#!/bin/sh\nread -r line; echo "$line"\n' >"$DIR/command"
    chmod +x "$DIR/command"
    serve --lines upper -- "$DIR/command"
    rm "$DIR/command"
    run "$UDSCTL" call upper x
    wait_exit "$WORKER"
    assert_equal "$status" 127
}

@test "call --lines: each answer is a line, in the order of the requests" {
    start_udsd
    serve_lines --jobs 4 line
    seq 1 2000 | "$UDSCTL" call --lines --parallel 50 line | cmp - <(seq 1 2000 | sed 's/.*/<&>/')
    printf 'a\n\nb' | "$UDSCTL" call --lines line | cmp - <(printf '<a>\n<>\n<b>\n')
    "$UDSCTL" call --lines line </dev/null | cmp - /dev/null
    # Answers that have a line end, or none, make one line each.
    serve upper -- tr a-z A-Z
    printf 'a\nb\n' | "$UDSCTL" call --lines upper | cmp - <(printf 'A\nB\n')
    # Parallel requests run side by side: the first one is answered when the second one runs.
    mkfifo "$DIR/a" "$DIR/go"
    # shellcheck disable=SC2016 # for the command to expand
    serve --jobs 2 pair -- sh -c 'case $(cat) in a) cat "$0/a" ;; b) echo met >"$0/a"; echo b ;; esac' "$DIR"
    printf 'a\nb\n' | "$UDSCTL" call --lines --parallel 2 pair | cmp - <(printf 'met\nb\n')
    # A request is sent once its line is there, and its answer is printed when it is.
    mkfifo "$DIR/requests"
    exec 8<>"$DIR/requests"
    background "$UDSCTL" call --lines line <"$DIR/requests" >"$DIR/answers"
    local caller=$!
    echo one >&8
    wait_until has_lines "$DIR/answers" 1
    echo two >&8
    wait_until has_lines "$DIR/answers" 2
    exec 8>&-
    wait_exit "$caller"
    assert_equal "$status" 0
}

@test "call --lines: each failure has its line, and the status is that of the worst" {
    start_configured '[limits]' 'max_message = 64K'
    serve_lines line
    { echo a; echo exit; head -c 65537 /dev/zero | tr '\0' x; echo; echo b; } >"$DIR/requests"
    run --separate-stderr bash -c '"$1" call --lines --parallel 4 line <"$2"' - "$UDSCTL" "$DIR/requests"
    assert_failure 76
    assert_equal "$output" $'<a>\n\n\n<b>'
    assert_equal "$stderr" $'udsctl: line 2: why\nudsctl: line 3: the request is over max_message'
    run --separate-stderr bash -c 'printf "exit\na\n" | "$1" call --lines line' - "$UDSCTL"
    assert_failure 1
    assert_equal "$output" $'\n<a>'
    run bash -c 'printf "a\nb\n" | "$1" call --lines nobody' - "$UDSCTL"
    assert_failure 69
    assert_line "udsctl: line 2: nobody serves 'nobody'"
    # An answer of several lines cannot be told from several answers.
    serve several -- printf 'x\ny\n'
    run --separate-stderr bash -c 'echo a | "$1" call --lines several' - "$UDSCTL"
    assert_failure 65
    assert_equal "$output" ''
    assert_equal "$stderr" 'udsctl: line 1: the answer has several lines; --json prints it as one'
    run "$UDSCTL" call --lines line text
    assert_failure 64
    run "$UDSCTL" call --parallel 2 line text
    assert_failure 64
    run "$UDSCTL" call --lines --parallel 1001 line
    assert_failure 64
}

@test "call --json: an answer or a reason, and the time, in one object" {
    start_udsd
    serve_lines line
    run "$UDSCTL" call --json line a
    assert_success
    assert_equal "$(jq -c 'del(.microseconds)' <<<"$output")" '{"answer":"<a>"}'
    assert_equal "$(jq '.microseconds >= 1 and .microseconds < 30000000' <<<"$output")" true
    run --separate-stderr "$UDSCTL" call --json line exit
    assert_failure 1
    assert_equal "$(jq -c 'del(.microseconds)' <<<"$output")" '{"error":"FAILED","text":"why"}'
    assert_equal "$stderr" ''
    run "$UDSCTL" call --json nobody x
    assert_failure 69
    assert_equal "$(jq -c 'del(.microseconds)' <<<"$output")" '{"error":"NOSERVICE","text":"nobody serves '"'nobody'"'"}'
    run "$UDSCTL" call --json --timeout 200ms line sleep
    assert_failure 75
    assert_equal "$(jq -r .error <<<"$output")" TIMEOUT
    # Without a request there is no object.
    run --separate-stderr "$UDSCTL" call --socket "$DIR/none" --json line a
    assert_failure 69
    assert_equal "$output" ''
    [ -n "$stderr" ] || fail 'no reason'
    serve several -- printf 'x\ny\377'
    run bash -c 'printf "a\nb\n" | "$1" call --json --lines several' - "$UDSCTL"
    assert_success
    assert_equal "$(jq -c 'del(.microseconds)' <<<"$output")" '{"answer_base64":"eAp5/w==","line":1}
{"answer_base64":"eAp5/w==","line":2}'
}

@test "call --lines: the daemon is killed: what may have been done says so, what cannot be sent waits" {
    start_udsd
    mkfifo "$DIR/go"
    serve_lines --jobs 2 line
    mkfifo "$DIR/requests"
    exec 8<>"$DIR/requests"
    background "$UDSCTL" call --lines --parallel 3 line <"$DIR/requests" >"$DIR/answers" 2>"$DIR/why"
    local caller=$!
    printf 'wait\na\nb\n' >&8
    wait_until test -e "$DIR/waits"
    kill_udsd
    wait_until has_lines "$DIR/answers" 3
    printf 'c\nd\n' >&8
    start_udsd
    wait_until has_lines "$DIR/answers" 5
    exec 8>&-
    wait_exit "$caller"
    assert_equal "$status" 75
    assert_equal "$(tail -n 2 "$DIR/answers")" $'<c>\n<d>'
    contains "$DIR/why" "line 1: connection to $S lost; the request may have been done" || fail "$(cat "$DIR/why")"
    # With --retry all are answered.
    rm "$DIR/waits"
    exec 8<>"$DIR/requests"
    background "$UDSCTL" call --lines --parallel 3 --retry 1 line <"$DIR/requests" >"$DIR/answers" 2>"$DIR/why"
    caller=$!
    printf 'wait\na\nb\n' >&8
    wait_until test -e "$DIR/waits"
    kill_udsd
    echo late >"$DIR/go"
    start_udsd
    wait_until has_lines "$DIR/waits" 2
    echo now >"$DIR/go"
    exec 8>&-
    wait_exit "$caller"
    assert_equal "$status" 0
    assert_equal "$(cat "$DIR/answers")" $'waited now\n<a>\n<b>'
}

@test "call --lines: whoever closes its output ends it; its requests are dropped" {
    start_udsd
    serve_lines line
    run bash -c 'set -o pipefail; yes | "$1" call --lines --parallel 100 line | head -n 3' - "$UDSCTL"
    assert_output $'<y>\n<y>\n<y>'
    wait_until eval '[ "$(field busy) $(field waiting)" = "0 0" ]'
    run bash -c 'echo a | "$1" call --lines line >/dev/full' - "$UDSCTL"
    assert_failure 74
    run bash -c 'echo a | "$1" call --lines line 1</dev/null' - "$UDSCTL"
    assert_failure 74
}

@test "services: who serves what, as a table, as JSON, and by name" {
    start_udsd
    run "$UDSCTL" services
    assert_success
    assert_output --regexp '^SERVICE +WORKERS +IDLE +BUSY +WAITING +ANSWERED +FAILED +GONE +TIMED OUT +P50 +P99$'
    serve_lines --jobs 2 line other
    fails line exit why
    answers line a '<a>'
    run "$UDSCTL" call --timeout 200ms line sleep
    run "$UDSCTL" services
    assert_line --index 1 --regexp '^line +1 +1 +0 +0 +1 +1 +0 +1 +[0-9.]+[um]?s +[0-9.]+[um]?s$'
    assert_line --index 2 --regexp '^other +1 +1 +0 +0 +0 +0 +0 +0 +0us +0us$'
    run "$UDSCTL" services --names
    assert_output $'line\nother'
    run "$UDSCTL" services --json 'o*'
    assert_output '{"name":"other","workers":1,"idle":1,"busy":0,"waiting":0,"answered":0,"failed":0,"gone":0,"timed_out":0,"p50_us":0,"p99_us":0}'
    run "$UDSCTL" services a b
    assert_failure 64
    local verb
    for verb in services streams channels; do
        run "$UDSCTL" "$verb" --names --json
        assert_failure 64
        assert_output 'udsctl: --names cannot be combined with --json'
    done
}

@test "services and top: other users see those that they may call or serve" {
    need_root
    start_hub_with <<<$'[service hidden]\ncall = root\nserve = root'
    cp "$UDSCTL" "$DIR/udsctl"
    serve hidden seen -- cat
    run as_nobody "$DIR/udsctl" --socket "$S" services --names
    assert_output seen
    run as_nobody "$DIR/udsctl" --socket "$S" call hidden x
    assert_failure 77
    run as_nobody "$DIR/udsctl" --socket "$S" call seen x
    assert_output x
    run as_nobody "$DIR/udsctl" --socket "$S" top -n 1 --interval 100ms --sort service </dev/null
    assert_line --partial '[Services 1]  1 more that you may not see'
}

@test "monitor shows requests, answers, failures and errors" {
    start_udsd
    background "$UDSCTL" monitor >"$DIR/seen"
    wait_until info_is monitor_clients 1
    serve_lines line
    answers line a '<a>'
    fails line exit why
    run "$UDSCTL" call --timeout 200ms line sleep
    run "$UDSCTL" call nobody x
    wait_until contains "$DIR/seen" 'call nobody to 0: x'
    run sed -E 's/^[0-9:.]+ [^ ]+ pid [0-9]+ client [0-9]+ //' "$DIR/seen"
    assert_line --index 0 'call line to 1: a'
    assert_line --index 1 'answer line to 1: <a>'
    assert_line --index 2 'call line to 1: exit'
    assert_line --index 3 'fail line to 1: why'
    assert_line --index 4 'call line to 1: sleep'
    assert_line --index 5 --partial 'error line to 1: TIMEOUT'
    assert_line --index 6 'call nobody to 0: x'
    background "$UDSCTL" monitor --json -c 'li*' -n 2 >"$DIR/json"
    local monitor=$!
    wait_until info_is monitor_clients 2
    run "$UDSCTL" call nobody x
    answers line b '<b>'
    wait_exit "$monitor"
    assert_equal "$(jq -c '[.command, .channel, .receivers, .payload]' "$DIR/json")" '["call","line",1,"b"]
["answer","line",1,"<b>"]'
    # Whoever asks has to stay for the answer.
    mkfifo "$DIR/asker"
    exec 8<>"$DIR/asker"
    background nc -U "$S" <"$DIR/asker" >/dev/null
    printf 'UDSD ASK line c REPLY back\r\n' >&8
    wait_until contains "$DIR/seen" 'ask line to 1: c'
    wait_until contains "$DIR/seen" 'answer line to 1: <c>'
    exec 8>&-
}

# has_answer_again: somebody has got an answer since this was true last, or all callers have ended.
has_answer_again() {
    local n
    [ "$(ls "$DIR" | grep -c '^ended')" -lt 3 ] || return 0
    n=$(cat "$DIR"/answers.* | grep -c '<') || true
    [ "$n" -gt "${ANSWERS:-0}" ] && ANSWERS=$n
}

# feed_lines NUMBER COUNT: calls with so many lines, of which every one is different; its end is $DIR/ended.NUMBER.
feed_lines() {
    seq -f "$1-%.0f" "$2" | "$UDSCTL" call --lines --parallel 20 --wait 20s line >"$DIR/answers.$1" 2>"$DIR/why.$1" &&
        status=0 || status=$?
    echo "$status" >"$DIR/ended.$1"
}

@test "call --lines and serve --lines while everything is killed: each answer is that of its own line" {
    start_udsd
    serve_lines --jobs 3 line
    local number callers=() round=0 pid count=${UDSD_SERVICES_LINES:-20000}
    for number in 1 2 3; do
        feed_lines "$number" "$count" <&0 3>&- 8>&- &
        callers+=($!)
        PIDS+=($!)
    done
    while [ "$(ls "$DIR" | grep -c '^ended')" -lt 3 ]; do
        round=$((round + 1))
        case $((round % 8)) in
        0)
            kill -KILL "$WORKER"
            serve_unseen --lines --jobs 3 line -- sh -c "$(line_process)" "$DIR"
            ;;
        3)
            kill_udsd
            start_udsd
            ;;
        *)
            pid=$(pgrep -P "$WORKER" | shuf -n 1) || true
            [ -z "$pid" ] || kill -KILL "$pid" || true
            ;;
        esac
        wait_until has_answer_again
    done
    for pid in "${callers[@]}"; do
        wait_exit "$pid"
    done
    for number in 1 2 3; do
        seq -f "$number-%.0f" "$count" >"$DIR/lines"
        assert_equal "$(wc -l <"$DIR/answers.$number")" "$count"
        # Beside each line its answer, which is empty where the line has failed: then standard error says so.
        run awk -F'\t' '$2 != "" && $2 != "<" $1 ">"' <(paste "$DIR/lines" "$DIR/answers.$number")
        assert_output ''
        assert_equal "$(grep -c '^$' "$DIR/answers.$number")" "$(grep -c '^udsctl: line [0-9]*: ' "$DIR/why.$number")"
    done
    [ "$round" -ge 3 ] || fail "only $round kills"
}
