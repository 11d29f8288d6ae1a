#!/usr/bin/env bats
# Nobody makes others wait for long: what one pass of the loop may cost, counted in work and not by a clock.

load helper
load users

# start_for_work: a daemon with a listener of each kind.
start_for_work() {
    local mode
    {
        for mode in line length whole; do
            printf '[listener %s]\nlisten = %s\nmode = %s\nchannel = feed.%s\nsocket_mode = 0666\n' \
                "$mode" "$S.$mode" "$mode" "$mode"
        done
        printf '[limits]\nslow_timeout = 1s\n[store]\ndirectory = %s\n[stream *]\nretry_delay = 0\n' "$DIR/store"
    } >"$DIR/more"
    [ "$(id -u)" -ne 0 ] || need_root
    start_hub_with <"$DIR/more"
}

@test "no command makes a pass cost too much, and each counts what it does" {
    local size=()
    [ -z "${UDSD_WORK_FULL:-}" ] || size=(full)
    ! is_sanitized || export UNTIMED=1
    start_for_work
    run "$PYTHON" "$TOOLS/worst-case.py" "$S" "$UDSD_PID" "${size[@]}" 3>&- 8>&-
    printf '# %s\n' "${lines[@]:0:12}" >&3
    assert_success
    "$UDSCTL" ping
}

@test "a commit about very many streams is made in portions, and is whole" {
    start_configured '[store]' "directory = $DIR/store" 'max_streams = 20000'
    run "$PYTHON" - "$S" 18000 <<'EOF'
import sys
from crowd import encode_all
from resp import Client
client, n = Client(sys.argv[1]), int(sys.argv[2])
commands = [["MULTI"]]  # all of it is in one batch
for i in range(n):
    commands += [["XGROUP", "CREATE", "s.%d" % i, "g", "$", "MKSTREAM"], ["XADD", "s.%d" % i, "*", "f", "v" * 100],
                 ["XREADGROUP", "GROUP", "g", "c", "STREAMS", "s.%d" % i, ">"]]
client.send_raw(encode_all(commands + [["EXEC"]]))
for _ in commands:
    client.read()
assert len(client.read()) == 3 * n
info = client.call("INFO", "stats").decode()
figures = {key: int(value) for key, _, value in (line.partition(":") for line in info.split("\r\n"))
           if key in ("pass_work_max", "pass_work_limit")}
print(figures)
assert figures["pass_work_max"] <= figures["pass_work_limit"], figures
EOF
    assert_success
    kill -KILL "$UDSD_PID"
    wait_exit "$UDSD_PID"
    start_with_config
    assert_equal "$("$PYTHON" -c '
import sys
from resp import Client
client = Client(sys.argv[1])
print(client.call("DBSIZE"), client.call("XPENDING", "s.17999", "g")[0])' "$S")" "18000 1"
}

@test "SIGTERM in the middle of an EXEC stops the daemon" {
    need_root # clients of one user share their time: the others have to be of another one
    start_for_work
    run "$PYTHON" - "$S" "$UDSD_PID" <<'EOF' 3>&- 8>&-
import os, signal, sys
from crowd import NOBODY, As, Crowd, encode_all, plan_crowd
from resp import Client, wait_until
path, daemon = sys.argv[1], int(sys.argv[2])
crowd = Crowd(path, None, plan_crowd(20, 100000, 1000, "hot"))
with As(NOBODY):
    other, excluded = Client(path), Client(path)

def is_in_the_middle():
    """Whether a command that must not come in between waits, though others that were sent later are answered."""
    excluded.send("PUBSUB", "NUMPAT")
    for _ in range(3):
        other.call("PING")
    excluded.sock.setblocking(False)
    try:
        excluded.sock.recv(100)
        return False
    except BlockingIOError:
        return True
    finally:
        excluded.sock.setblocking(True)

def begin():
    holder = Client(path)
    holder.send_raw(encode_all([["MULTI"]] + [["UDSD", "CHANNELS"]] * 50 + [["EXEC"]]))
    found = any(is_in_the_middle() for _ in range(20))
    if found:
        os.kill(daemon, signal.SIGTERM)
        holder.read_to_end()
    holder.close()
    return found

wait_until(begin, "an EXEC in the middle")
crowd.end()
EOF
    assert_success
    wait_exit "$UDSD_PID"
    assert_equal "$status" 0
}
