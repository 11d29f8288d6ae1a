#!/usr/bin/env bats
# Services: requests from callers to workers, and the answers. UDSD CALL and what belongs to it.

load helper

# case_of NAME [ARGUMENT...]: runs a case of services-cases.py against the daemon.
case_of() {
    run "$PYTHON" "$TOOLS/services-cases.py" "$S" "$@" 3>&- 8>&-
    assert_success
}

@test "a request is answered, in both versions of the protocol, whole and in pieces" {
    start_udsd --store none
    case_of basics
    case_of null
}

@test "over TCP, a caller is nobody; an answer goes from any listener to any" {
    local port
    port=$(free_port)
    start_udsd --store none --listen "127.0.0.1:$port" --listen "@udsd-test-$$"
    case_of listeners "$port" "@udsd-test-$$"
}

@test "a wrong command says what is wrong, and does nothing" {
    start_udsd --store none
    case_of errors
    case_of transactions
}

@test "calls run in parallel, and their answers come in order" {
    start_udsd --store none
    case_of order
    case_of many
}

@test "messages overtake answers that are not known, so publishers never wait for a worker" {
    start_udsd --store none
    case_of overtaking
    case_of settling
}

@test "a worker may ask for several requests; the longest idle one gets the next" {
    start_udsd --store none
    case_of several
    case_of in_one
}

@test "a worker that dies is known at once, and a request runs once unless its caller allows more" {
    start_udsd --store none
    case_of death
    case_of unread "$UDSD_PID"
    case_of deserted
}

@test "a caller that goes is forgotten" {
    start_udsd --store none
    case_of callers
}

@test "deadlines are kept, and the text says what was missed" {
    start_udsd --store none
    case_of deadlines
    case_of failures
    case_of strangers
}

@test "UDSD ASK publishes the answer, or the error" {
    start_configured '[channel closed]' 'publish =' '[store]' 'directory = none'
    case_of asking
    stop_udsd
    start_configured '[store]' "directory = $DIR/store" \
        '[stream full]' 'published = yes' 'max_entries = 1' 'when_full = refuse'
    case_of stored_answers
}

@test "max_waiting and queue_limit_per_uid bound what waits" {
    start_configured '[service s]' 'max_waiting = 2' '[store]' 'directory = none'
    case_of full
    stop_udsd
    start_configured '[limits]' 'queue_limit_per_uid = 1M' '[store]' 'directory = none'
    case_of quota
}

@test "rules say who may call and serve, and a reload applies them" {
    start_configured '[service closed.*]' 'call =' 'serve =' '[store]' 'directory = none'
    case_of rights
    cp "$DIR/conf" "$DIR/new"
    printf '[service %s]\nserve =\ntimeout = 500ms\n' s t >>"$DIR/new"
    case_of reload "$DIR/conf" "$DIR/new"
}

@test "CLIENT REPLY OFF, RESET and QUIT" {
    start_udsd --store none
    case_of muted
    case_of resetting
    case_of limits
}

@test "UDSD MONITOR shows requests and how they end" {
    start_udsd --store none
    case_of monitor
}

@test "10,000 idle workers cost at most 600 bytes each, and no CPU time" {
    ! is_sanitized || skip 'a sanitizer takes memory of its own'
    ulimit -n 12000 || skip 'needs 12000 descriptors'
    start_configured '[limits]' 'max_clients = 20000' 'max_clients_per_uid = 20000' '[store]' 'directory = none'
    case_of parked "$UDSD_PID"
    echo "# $output" >&3
}

@test "when the daemon stops, every call ends" {
    start_udsd --store none
    case_of stop "$UDSD_PID"
    wait_exit "$UDSD_PID"
    assert_equal "$status" 0
}

@test "a shell calls and serves with any client" {
    command -v redis-cli >/dev/null || skip 'needs redis-cli'
    start_udsd --store none
    run redis-cli -s "$S" UDSD CALL upper hi
    assert_output "NOSERVICE nobody serves 'upper'"
    mkfifo "$DIR/worker"
    redis-cli -s "$S" <"$DIR/worker" >"$DIR/requests" 3>&- &
    PIDS+=($!)
    exec 8>"$DIR/worker"
    printf 'UDSD SERVE upper\nUDSD NEXT\n' >&8
    wait_until info_is service_workers_idle 1
    background redis-cli -s "$S" UDSD CALL upper hi >"$DIR/answer"
    wait_until contains "$DIR/requests" hi
    printf 'UDSD ANSWER %d HI\n' "$(sed -n 2p "$DIR/requests")" >&8
    wait_until contains "$DIR/answer" HI
    exec 8>&-
}

@test "a storm of callers, workers, deaths, timeouts and reloads: each call ends once, and rightly" {
    local dir
    dir=$(mktemp -d) # a path below the test's own directory may be too long for a socket
    run "$PYTHON" "$TOOLS/services-storm.py" --udsd "$UDSD" --dir "$dir" --steps "${UDSD_SERVICES_STORM:-1500}" \
        3>&- 8>&-
    assert_success
    rm -rf "$dir"
    echo "# ${lines[0]}: ${lines[-1]}" >&3
}
