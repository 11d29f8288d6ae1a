#!/usr/bin/env bats
# Consumer groups, where no redis-server that is installed can be compared with: what is newer, and udsd's own limits.

load helper

@test "XREADGROUP with CLAIM, XNACK, XACKDEL, and the limit of pending entries" {
    start_configured '[store]' "directory = $DIR/store" 'cache = 64K' '[stream *]' 'max_pending = 500'
    run "$PYTHON" "$TOOLS/stream-groups.py" "$S" 500
    assert_success
}
