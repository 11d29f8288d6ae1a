#!/usr/bin/env bats
# The service under a real systemd: installed by "meson install", in a container that is booted once (tests/systemd/boot)
# and runs tests/systemd/service-cases. Each test here reports the result of one case.

load helper
load service

setup_file() {
    prepare_boot
    if is_sanitized; then
        echo "the sandbox forbids what sanitizers do" >"$OUT/reason"
    else
        DESTDIR=$OUT/tree meson install -C "$BUILD" --no-rebuild --quiet
        for section in Recipes Services; do
            "$PYTHON" "$TOOLS/examples.py" blocks "$TOP/README.md" $section >"$OUT/$section"
        done
        boot service-cases
    fi
}

@test "systemctl start returns when the daemon answers, status shows counts, stop removes the socket" {
    result_of start_status_stop
}

@test "systemctl restart under load: every line once and in order" {
    result_of restart
}

@test "systemctl reload returns when the new configuration is in force, and fails with a bad one" {
    result_of reload
}

@test "systemctl reload waits for a daemon that takes its time" {
    result_of reload_waits
}

@test "the first client starts the service by its socket and is served; a restart refuses no client" {
    result_of socket_activation
}

@test "the watchdog restarts a daemon that hangs, not one that is idle" {
    result_of watchdog
}

@test "after kill -9 systemd starts it again, and udsctl send has lost no message" {
    result_of kill_9
}

@test "it runs in its sandbox, and sees its clients' users and commands" {
    result_of sandbox
}

@test "its sandbox lets it write where udsd(1) says, and a drop-in somewhere else" {
    result_of writes_below
}

@test "drop-ins allow TCP, abstract sockets and another group" {
    result_of network_and_group
}

@test "users outside the group are refused with a clear message" {
    result_of refused_by_group
}

@test "the journal has priorities; systemd does not restart it with a bad configuration" {
    result_of priorities
}

@test "a user has a hub of their own by the user units" {
    result_of user_units
}

@test "every user can log through the README's listeners" {
    result_of log_recipe
}

@test "the README's worker ends the message at hand when it is stopped" {
    result_of worker_recipe
}

@test "the README's units: the first caller starts a worker, and the first one after it was stopped" {
    result_of activation_recipe
}

@test "the service keeps streams in its state directory, over stops and kills; udsctl backup copies them" {
    result_of streams
}

@test "the sandbox's score is at most 0.5" {
    command -v systemd-analyze >/dev/null || skip "no systemd-analyze"
    run systemd-analyze security --offline=true --threshold=5 --no-pager "$BUILD/systemd/udsd.service"
    assert_success
    # systemd-analyze does fail a weaker sandbox.
    sed '/^PrivateNetwork=/d' "$BUILD/systemd/udsd.service" >"$DIR/udsd.service"
    run systemd-analyze security --offline=true --threshold=5 --no-pager "$DIR/udsd.service"
    assert_failure
}
