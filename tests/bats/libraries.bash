# For conversations of $program, which uses a library made for Redis and writes lines to $DIR/out.

setup() {
    ! is_sanitized || skip "the libraries see no difference"
    common_setup
}

INTEROP=$TOP/tests/interop

# said LINE [TIMES]: waits until $program has written the line so often.
said() {
    wait_until has_said_or_ended "$@"
    has_said "$@" || {
        cat "$DIR/out" "$DIR/err" >&2
        return 1
    }
}

has_said() {
    [ "$(grep -cxF "$1" "$DIR/out")" -ge "${2:-1}" ]
}

has_said_or_ended() {
    has_said "$@" || is_gone "$program"
}

need_node() {
    node -e 'process.exit(parseInt(process.versions.node) >= 18 ? 0 : 1)' 2>/dev/null || skip "no node of version 18 or later"
    [ -e "$INTEROP/node_modules/.package-lock.json" ] || skip "the libraries of tests/interop/package-lock.json are not installed"
}
