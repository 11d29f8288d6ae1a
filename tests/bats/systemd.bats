#!/usr/bin/env bats
# The service under a real systemd: installed as "meson install" does it, in a container that is booted once
# (tests/systemd/boot) and runs tests/systemd/service-cases. Here each case is told.

load helper
load service

setup_file() {
    prepare_boot
    if is_sanitized; then
        echo "not with sanitizers: the sandbox forbids what they do" >"$OUT/reason"
    else
        DESTDIR=$OUT/tree meson install -C "$BUILD" --no-rebuild --quiet
        boot service-cases
    fi
}

@test "systemctl start waits until it answers, status counts, stop removes the socket" {
    of start_status_stop
}

@test "systemctl restart under load: every line once and in order" {
    of restart
}

@test "systemctl reload returns when it is done, and fails if it was not" {
    of reload
}

@test "the first client starts it by its socket and is served; nobody is refused during a restart" {
    of socket_activation
}

@test "the watchdog restarts it when it hangs, not when it is idle" {
    of watchdog
}

@test "after kill -9 it is started again, and udsctl send has lost nothing" {
    of kill_9
}

@test "it runs in its sandbox, and sees users and commands of its clients" {
    of sandbox
}

@test "drop-ins open it for TCP, abstract sockets and another group" {
    of network_and_group
}

@test "who is not in the group is refused, and told so" {
    of refused_by_group
}

@test "the journal has priorities; a bad configuration is not tried again" {
    of priorities
}

@test "a user has a hub of his own by the user's units" {
    of user_units
}

@test "the sandbox's score is at most 0.5" {
    command -v systemd-analyze >/dev/null || skip "no systemd-analyze"
    run systemd-analyze security --offline=true --threshold=5 --no-pager "$BUILD/systemd/udsd.service"
    assert_success
    # It does tell a weaker one.
    sed '/^PrivateNetwork=/d' "$BUILD/systemd/udsd.service" >"$DIR/udsd.service"
    run systemd-analyze security --offline=true --threshold=5 --no-pager "$DIR/udsd.service"
    assert_failure
}
