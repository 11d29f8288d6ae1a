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
        printf '[limits]\nslow_timeout = 1s\n'
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

@test "the daemon stops while an EXEC is in the middle" {
    start_for_work
    run "$PYTHON" - "$S" "$UDSD_PID" <<'PYTHON' 3>&- 8>&-
import sys
from crowd import Crowd, Meter, encode_all, plan_crowd
from resp import Client
path, daemon = sys.argv[1], int(sys.argv[2])
crowd = Crowd(path, None, plan_crowd(20, 100000, 1000, "hot"))
meter = Meter(path, daemon)
holder = Client(path)
before = int(meter.info()["work_total"])
holder.send_raw(encode_all([["MULTI"]] + [["UDSD", "CHANNELS"]] * 50 + [["EXEC"]]))
holder.read()
while holder.read() == b"QUEUED":
    if int(Client(path).call("PING") == b"PONG") and holder.buffer.count(b"QUEUED", holder.at) == 0:
        break
other = Client(path)
other.send("SHUTDOWN")
assert other.read_to_end() == b""
crowd.end()
PYTHON
    assert_success
    wait_exit "$UDSD_PID"
    assert_equal "$status" 0
}
