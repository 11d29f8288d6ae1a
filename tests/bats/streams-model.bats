#!/usr/bin/env bats
# Random stream commands of several clients, across kills, against a model in Python. See tests/tools/stream-model.py.

load helper

# UDSD_STREAM_STEPS: how many commands.
run_model() { # OPTION...
    run "$PYTHON" "$TOOLS/stream-model.py" --dir "$DIR/hub" --steps "${UDSD_STREAM_STEPS:-5000}" "$@" 3>&- 8>&-
    assert_success
    echo "# ${lines[1]}" >&3
}

@test "every answer is that of the model, before and after kills" {
    run_model --udsd "$UDSD"
}

@test "the model agrees with redis-server" {
    find_redis >/dev/null || skip "redis-server is not installed"
    run_model --redis "$(find_redis)"
}
