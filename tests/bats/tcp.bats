#!/usr/bin/env bats
# Listeners on TCP.

load helper
load users

# answers ADDRESS...: whether a daemon answers at each.
answers() {
    local address
    for address in "$@"; do
        "$UDSCTL" --socket "$address" ping || return
    done
}

@test "a peer that has vanished is noticed: connections are probed" {
    command -v ss >/dev/null || skip "no ss"
    local port
    port=$(free_port)
    start_udsd --listen "127.0.0.1:$port"
    background "$UDSCTL" --socket "127.0.0.1:$port" recv news
    wait_until subscribed 1
    # Both ends.
    run ss -tnoH state established "( sport = :$port or dport = :$port )"
    assert_success
    assert_equal "$(grep -c 'timer:(keepalive,[1-5]\?[0-9]sec' <<<"$output")" 2
}

@test "a reload from one address to all, and back; a port that is taken leaves the old listener" {
    local port other
    port=$(free_port)
    start_configured '[listener tcp]' "listen = 127.0.0.1:$port"
    sed -i 's/127.0.0.1/0.0.0.0/' "$DIR/conf"
    [ "$(printf 'UDSD RELOAD\r\n' | nc -N -U "$S" | tr -d '\r')" = +OK ]
    contains "$LOG" "listening on 0.0.0.0:$port"
    answers "127.0.0.1:$port"
    sed -i 's/0.0.0.0/127.0.0.1/' "$DIR/conf"
    [ "$(printf 'UDSD RELOAD\r\n' | nc -N -U "$S" | tr -d '\r')" = +OK ]
    answers "127.0.0.1:$port"
    # Another listener of the new configuration cannot be opened: the one that made way for a new one is back.
    sed -i 's/127.0.0.1/0.0.0.0/' "$DIR/conf"
    printf '[listener no]\nlisten = %s/nowhere/s\n' "$DIR" >>"$DIR/conf"
    printf 'UDSD RELOAD\r\n' | nc -N -U "$S" | grep -q '^-ERR'
    answers "127.0.0.1:$port"
}

@test "a host name stands for all its addresses" {
    need_root
    unshare --mount true 2>/dev/null || skip "no right to mount"
    local port
    port=$(free_port)
    printf '127.0.0.1 hub\n127.0.0.2 hub\n127.0.0.1 hub\n192.0.2.1 hub\n' >"$DIR/hosts"
    printf '[listener bus]\nlisten = %s\n[listener tcp]\nlisten = hub:%s\n' "$S" "$port" >"$DIR/conf"
    unshare --mount sh -c 'mount --bind "$1/hosts" /etc/hosts && exec "$2" --config "$1/conf"' - "$DIR" "$UDSD" \
        >>"$LOG" 2>&1 3>&- 8>&- &
    adopt_udsd $!
    # The last address is not one of this host.
    answers "127.0.0.1:$port" "127.0.0.2:$port"
    run unshare --mount sh -c 'mount --bind "$1/hosts" /etc/hosts && exec "$2" --config "$1/conf" --print-config' - \
        "$DIR" "$UDSD"
    assert_success
    assert_line "listen = hub:$port"
    # udsctl tries them all.
    printf '127.0.0.3 there\n127.0.0.2 there\n' >"$DIR/hosts2"
    run unshare --mount sh -c 'mount --bind "$1" /etc/hosts && "$2" --socket "$3" ping' - \
        "$DIR/hosts2" "$UDSCTL" "there:$port"
    assert_success
    assert_output --partial "PONG from there:$port"
    # A name of which one address is taken already.
    printf '[listener again]\nlisten = 127.0.0.2:%s\n' "$port" >>"$DIR/conf"
    printf 'UDSD RELOAD\r\n' | nc -N -U "$S" | grep -q 'is the address of \[listener tcp\] already'
}

# two_hosts: two hosts on one wire, 10.99.0.1 and .2, in the namespaces $A and $B.
two_hosts() {
    A=udsd-a-$$ B=udsd-b-$$
    ip netns add "$A" && ip netns add "$B"
    ip link add va netns "$A" type veth peer name vb netns "$B"
    ip -n "$A" addr add 10.99.0.1/24 dev va
    ip -n "$B" addr add 10.99.0.2/24 dev vb
    ip -n "$A" link set va up
    ip -n "$B" link set vb up
}

teardown() {
    common_teardown
    [ -z "${A:-}" ] || ip netns del "$A"
    [ -z "${B:-}" ] || ip netns del "$B"
}

@test "a hub that vanishes is noticed within two minutes by receivers, and by senders that wait for an answer" {
    [ -n "${UDSD_TCP_SILENCE:-}" ] || skip "takes two minutes; UDSD_TCP_SILENCE=1 runs it"
    need_root
    two_hosts
    background ip netns exec "$A" "$UDSD" --listen 10.99.0.1:7777
    local hub=(ip netns exec "$B" "$UDSCTL" -v -s 10.99.0.1:7777)
    wait_until "${hub[@]}" ping
    mkfifo "$DIR/fifo"
    "${hub[@]}" recv news >"$DIR/recv" 2>&1 3>&- 8>&- &
    PIDS+=("$!")
    "${hub[@]}" send news <"$DIR/fifo" >"$DIR/send" 2>&1 3>&- 8>&- &
    PIDS+=("$!")
    exec 9>"$DIR/fifo"
    echo one >&9
    wait_until grep -q one "$DIR/recv"
    # Everything goes to nobody from now on.
    ip -n "$B" neigh replace 10.99.0.1 lladdr 02:00:00:00:00:99 nud permanent dev vb
    ip -n "$A" neigh replace 10.99.0.2 lladdr 02:00:00:00:00:98 nud permanent dev va
    echo two >&9
    PATIENCE=120 wait_until grep -q 'lost: Connection timed out' "$DIR/send"
    PATIENCE=15 wait_until grep -q 'lost: Connection timed out' "$DIR/recv"
    exec 9>&-
}
