# For tests of streams.

# start_store [LINE...]: a daemon with a store in $DIR/store, and these lines in the section [store] of its configuration.
start_store() {
    start_configured '[store]' "directory = $DIR/store" "$@"
}

# ask WORD...: an inline command, and what comes back.
ask() {
    printf '%s\r\n' "$*" | nc -N -U "$S" | tr -d '\r'
}

# reply_to WORD...: a command, and its reply as Python writes it.
reply_to() {
    "$PYTHON" -c 'import sys; from resp import Client; print(Client(sys.argv[1]).call(*sys.argv[2:]))' "$S" "$@"
}

# lines FROM TO: entries with the message "N" and the ID "N-0", as export prints them.
lines() {
    seq "$1" "$2" | sed 's/.*/{"id":"&-0","fields":{"message":"&"}}/'
}

# fill STREAM FROM TO: adds these.
fill() {
    lines "$2" "$3" | "$UDSCTL" import "$1" >/dev/null
}
