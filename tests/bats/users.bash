# For tests with clients of several users: a daemon that all users can reach; tests/tools/users.py connects to it.

need_root() {
    [ "$(id -u)" -eq 0 ] || skip "needs root to become other users"
    chmod a+x "$BATS_RUN_TMPDIR" "${BATS_TEST_TMPDIR%/*}" "$BATS_TEST_TMPDIR"
}

# as_nobody COMMAND...: runs it as the user nobody, with nogroup as the only group.
as_nobody() {
    setpriv --reuid=nobody --regid=nogroup --clear-groups "$@"
}

# share_tree: makes TREE a tree whose programs and tests other users can run, and SHARED_BUILD its build directory: this
# one, or a copy in $DIR if it is in a directory that others may not enter.
share_tree() {
    TREE=$TOP SHARED_BUILD=$BUILD
    ! as_nobody sh -c '[ -r "$1" ] && [ -x "$2" ]' sh "$BATS_TEST_FILENAME" "$UDSCTL" || return 0
    TREE=$DIR/tree SHARED_BUILD=$DIR/tree/build
    mkdir -p "$SHARED_BUILD/daemon" "$SHARED_BUILD/cli"
    cp -R "$TOP/README.md" "$TOP/conf" "$TOP/man" "$TOP/completions" "$TOP/systemd" "$TOP/tests" "$TREE"
    cp "$UDSD" "$SHARED_BUILD/daemon"
    cp "$UDSCTL" "$SHARED_BUILD/cli"
    chmod -R a+rX "$TREE"
}

# start_hub_with [tcp]: a daemon with the sections on stdin, and with a TCP listener as well if asked for.
start_hub_with() {
    CONF=$DIR/conf PORT=0
    printf '[listener bus]\nlisten = %s\nsocket_mode = 0666\n' "$S" >"$CONF"
    if [ "${1:-}" = tcp ]; then
        PORT=$(free_port)
        printf '[listener tcp]\nlisten = 127.0.0.1:%s\n' "$PORT" >>"$CONF"
    fi
    { echo '# rules'; cat; } >>"$CONF"
    ! is_sanitized || export SANITIZED=1
    start_with_config
    export UDSD_PID LOG CONF PORT
}

start_hub() { # [tcp]
    start_hub_with "$@" </dev/null
}
