#!/usr/bin/env bats
# udsctl serve, call and work: a hub that does odd things, a standard error that nobody reads, many processes.

load helper

# case_of NAME [ARGUMENT...]: runs a case of serve-cases.py.
case_of() {
    run "$PYTHON" "$TOOLS/serve-cases.py" "$UDSD" "$UDSCTL" "$DIR" "$@" 3>&- 8>&-
    assert_success
}

@test "serve: a request that is on its way at SIGTERM has all the time that its command takes" {
    case_of stop_long
}

@test "serve --lines: a request that is on its way at SIGTERM has all the time that its process takes" {
    case_of stop_long --lines
}

@test "serve --lines: a process that is away is started for a request that is on its way at SIGTERM" {
    case_of stop_away
}

@test "serve --lines: what a process does not read goes to one that is idle, at once" {
    case_of deaf
}

@test "serve --lines: the memory for a large line is given back" {
    ! is_sanitized || skip 'a sanitizer keeps what is freed'
    case_of memory
}

@test "serve --lines: as many processes as the hard limit of descriptors permits, and one line about those beyond it" {
    case_of descriptors
}

@test "serve: a terminal that nobody reads holds the command that writes there, and no other" {
    case_of terminal
}

@test "serve: the last line of standard error is the reason, as a terminal shows it" {
    case_of reasons
}

@test "serve: what a command leaves behind may write to standard error" {
    case_of left
}

@test "work: what many commands write to a standard error that is read late all comes" {
    case_of noisy work 60 60
}

@test "work: few commands are started while standard error takes nothing" {
    case_of noisy work 4 80
}

@test "serve: few commands are started while standard error takes nothing" {
    case_of noisy serve 4 80
}

@test "call --lines: each request under way has its line when the daemon hangs, and no more are sent" {
    case_of hang
}
