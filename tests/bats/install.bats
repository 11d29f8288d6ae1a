#!/usr/bin/env bats
# What an administrator gets: the installed files, units and manuals.

load helper

@test "meson install puts everything where it belongs" {
    DESTDIR=$DIR/root meson install -C "$BUILD" --no-rebuild --quiet
    cd "$DIR/root"
    local prefix
    prefix=$(dirname "$(dirname "$(find . -name udsctl -path '*/bin/*')")")
    [ -x "$prefix/sbin/udsd" ]
    [ -x "$prefix/bin/udsctl" ]
    [ -f etc/udsd/udsd.conf ]
    # The administrator's file survives the next installation.
    echo '# mine' >>etc/udsd/udsd.conf
    DESTDIR=$DIR/root meson install -C "$BUILD" --no-rebuild --quiet
    grep -q '^# mine' etc/udsd/udsd.conf
    find . -name udsd.8 | grep -q man8
    find . -name udsd.conf.5 | grep -q man5
    find . -name udsctl.1 | grep -q man1
    find . -name udsd-protocol.7 | grep -q man7
    [ -f "$prefix/lib/systemd/system/udsd.service" ]
    [ -f "$prefix/lib/systemd/system/udsd.socket" ]
    [ -f "$prefix/lib/sysusers.d/udsd.conf" ]
    [ -f "$prefix/share/bash-completion/completions/udsctl" ]
    [ -f "$prefix/share/zsh/site-functions/_udsctl" ]
    [ -f "$prefix/share/fish/vendor_completions.d/udsctl.fish" ]
    grep -q "^ExecStart=/.*${prefix#.}/sbin/udsd --config /etc/udsd/udsd.conf\$\|^ExecStart=${prefix#.}/sbin/udsd --config /etc/udsd/udsd.conf\$" \
        "$prefix/lib/systemd/system/udsd.service"
}

@test "the manuals are clean" {
    run mandoc -Tlint -Wwarning "$TOP"/man/*.[1-9]
    assert_success
    assert_output ''
}

@test "the units have no unknown settings" {
    command -v systemd-analyze >/dev/null || skip "no systemd-analyze"
    mkdir "$DIR/units"
    cp "$BUILD"/systemd/udsd.service "$BUILD"/systemd/udsd.socket "$DIR/units/"
    sed -i "s|^ExecStart=[^ ]*|ExecStart=$UDSD|" "$DIR/units/udsd.service"
    run systemd-analyze verify --man=no "$DIR/units/udsd.service" "$DIR/units/udsd.socket"
    refute_output --partial "$DIR/units"
    # It does complain of what is wrong.
    echo 'Nonsense=yes' >>"$DIR/units/udsd.socket"
    run systemd-analyze verify --man=no "$DIR/units/udsd.socket"
    assert_output --partial Nonsense
}

@test "the bash completion offers verbs and options" {
    run bash -c ". '$TOP/completions/udsctl.bash'; COMP_WORDS=(udsctl se); COMP_CWORD=1; _udsctl; echo \"\${COMPREPLY[@]}\""
    assert_success
    assert_output send
}

@test "readiness is told to the service manager, and a socket that it hands over is used" {
    command -v systemd-socket-activate >/dev/null || skip "no systemd-socket-activate"
    "$PYTHON" "$TOOLS/notified.py" "$DIR/notify" 2 >"$DIR/told" 3>&- &
    local told=$!
    PIDS+=("$told")
    wait_until test -S "$DIR/notify"
    NOTIFY_SOCKET=$DIR/notify background "$UDSD" --listen "$S" >>"$LOG" 2>&1
    local pid=$!
    wait_until contains "$DIR/told" READY=1
    is_listening "$S"
    kill -TERM "$pid"
    wait_until contains "$DIR/told" STOPPING=1
    wait_exit "$pid"

    printf '[listener bus]\nlisten = %s\nmode = echo\n' "$S" >"$DIR/conf"
    background systemd-socket-activate --listen "$S" "$UDSD" --config "$DIR/conf" >>"$LOG" 2>&1
    pid=$!
    wait_until test -S "$S"
    run bash -c "printf 'first\n' | '$UDSCTL' --socket '$S'"
    assert_output first
    kill -TERM "$pid"
    wait_exit "$pid"
    # It was not the daemon's to remove.
    [ -S "$S" ]
}
