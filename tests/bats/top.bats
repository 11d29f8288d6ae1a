# udsctl top in a real terminal, tmux's, and as plain text.

load helper
load users

setup() {
    common_setup
    command -v tmux >/dev/null || skip "needs tmux"
    unset NO_COLOR
    export LC_ALL=C.UTF-8
}

teardown() {
    tmux_ kill-server 2>/dev/null || true
    common_teardown
}

# Wait for it after kill-server: a new session would go to the server that ends.
is_gone_server() {
    ! tmux_ list-sessions 2>/dev/null
}

tmux_once() {
    TMUX= tmux -S "$DIR/t" -f /dev/null "$@" 3>&- 8>&-
}

tmux_() {
    # A server without sessions may still be about to end.
    tmux_once "$@" || { [ "$1" = new-session ] && wait_until tmux_once "$@"; }
}

# terminal COLUMNS ROWS [OPTION...]: a shell runs udsctl top, and shows "ended STATUS" afterwards. It saves the terminal's
# modes before and after.
terminal() {
    local columns=$1 rows=$2
    shift 2
    cat >"$DIR/run" <<EOF
stty -a >$DIR/stty.before
$UDSCTL top $* 2>$DIR/err
echo "ended \$?"
stty -a >$DIR/stty.after
touch $DIR/ended
exec sleep 1000
EOF
    tmux_ new-session -d -x "$columns" -y "$rows" "bash $DIR/run"
}

top_pid() {
    pgrep -P "$(tmux_ display-message -p '#{pane_pid}')" -x udsctl
}

screen() {
    tmux_ capture-pane -p
}

shows() { # REGEXP
    screen | grep -qE -- "$1"
}

lacks() { # REGEXP
    local text
    text=$(screen) && ! grep -qE -- "$1" <<<"$text"
}

keys() {
    tmux_ send-keys "$@"
}

see() {
    wait_until shows "$1" || {
        screen >&2
        return 1
    }
}

# rows: the lines of the table, from below the heading to the first empty line.
rows() {
    screen | sed -n '/^ *\(CHANNEL\|ID\|PID\|COMMAND\|STREAM\|GROUP\|SERVICE\)/,/^$/p' | sed '1d;/^$/d'
}

first_row_is() { # REGEXP
    rows | head -n 1 | grep -qE -- "$1"
}

# start_load: a daemon with 200 messages a second on quick, which has two receivers, and 20 on calm.
start_load() {
    start_udsd
    background "$UDSCTL" recv quick calm >/dev/null 2>&1
    background "$UDSCTL" recv -p 'qu*' >/dev/null 2>&1
    wait_until subscribed 3
    background "$PYTHON" "$TOOLS/steady.py" "$S" quick=200 calm=20
}

@test "top: channels and clients with their rates; views, sorting, filter, help" {
    start_load
    terminal 100 30
    # MSG/S and DLV/S, and receivers.
    see '^quick +(19[0-9]|20[0-9]|21[0-9]) +(3[89][0-9]|4[012][0-9]) .* 2 '
    see '^calm +(1[89]|2[012])(\.[0-9])? '
    see '^clients 5 +messages in 2[0-9]{2}/s out 4[0-9]{2}/s'
    see 'CPU [0-9.]+% +memory [0-9.]+M'
    first_row_is '^quick'
    keys r
    wait_until first_row_is '^calm'
    keys r
    wait_until first_row_is '^quick'
    # The column on the left is the name, in ascending order.
    keys '<'
    wait_until first_row_is '^calm'
    keys Tab
    see '\[Clients 5\]'
    see "$(pgrep -f "steady.py $S") +[a-z]+ +python3 +to-quick +[12][0-9][0-9] "
    keys / t o - c
    see 'filter: to-c'
    keys Enter
    see 'filter: to-c \(1\)'
    assert_equal "$(rows | wc -l)" 1
    keys Escape
    wait_until lacks 'filter:'
    keys c
    see '\[Channels 2\]'
    keys h
    see 'Any key goes back'
    keys x
    see '\[Channels 2\]'
    keys p
    see 'PAUSED'
    keys p + +
    see 'every 5s'
    keys q
    see '^ended 0'
}

@test "top: the help fits 40 columns and 24 lines" {
    start_udsd
    terminal 40 24
    keys h
    see '^Any key goes back\.$'
    shows '^What goes through the daemon'
    shows 'closing, clogged \(over its limit\)\.$'
    lacks '…'
    keys q q
    see '^ended 0'
}

@test "top: 12 lines of 40 columns: the help goes on, and a pause and the keys that kill are seen" {
    start_udsd
    background "$UDSCTL" recv news >"$DIR/out"
    wait_until subscribed 1
    terminal 40 12 --sort id
    keys h
    see '^Space goes on, another key back\.$'
    shows '^What goes through the daemon'
    keys Space
    see '^p +pause'
    shows '^q +quit'
    keys Space
    see '^Any key goes back\.$'
    shows 'clogged \(over its limit\)'
    keys Space p
    see 'PAUSED'
    keys p
    wait_until lacks 'PAUSED'
    keys Down Down k
    see '^y or n: kill client [0-9]+ '
    keys n
    see '^not killed'
    keys q
    see '^ended 0'
}

@test "top: --sort chooses the table and -n the number of refreshes; mistakes are reported" {
    start_load
    terminal 100 30 --sort name -n 2 --interval 200ms
    see '^ended 0'
    assert_equal "$(cat "$DIR/err")" ""
    run "$UDSCTL" top --sort bytes
    assert_failure 64
    assert_output --regexp "'bytes' is not a column; there are channel messages .* channels .* owner .* consumers .* p99$"
    run "$UDSCTL" top --interval 1ms
    assert_failure 64
    assert_output --partial "at least 50ms"
    tmux_ kill-server
    wait_until is_gone_server
    # ncurses leaks memory in this case.
    tmux_ new-session -d -x 100 -y 30 "ASAN_OPTIONS=detect_leaks=0 TERM=nonsense $UDSCTL top 2>&1; echo ended \$?; exec sleep 1000"
    see "^udsctl: top: TERM: 'nonsense' is not a terminal that is known; try --batch"
    see '^ended 64'
    tmux_ kill-server
    wait_until is_gone_server
    tmux_ new-session -d -x 130 -y 30 "TERM=dumb $UDSCTL top -n 1 2>&1; echo ended \$?; exec sleep 1000"
    see '^ended 0'
    see '^CHANNEL .*DROPPED$'
    see '^ *ID .* STATE'
}

@test "top: every column is in the manual and the completions" {
    local column file n=0
    start_udsd
    for column in $("$UDSCTL" top --sort '?' 2>&1 | sed 's/.*there are //'); do
        n=$((n + 1))
        for file in man/udsctl.1 completions/udsctl.bash completions/_udsctl completions/udsctl.fish; do
            sed -n '/^\.Ss top/,/^\.Ss monitor/p; /channel messages/,/owner/p' "$TOP/$file" |
                grep -qw -- "$column" || fail "$file lacks $column"
        done
        "$UDSCTL" top --sort "$column" -n 1 --interval 50ms </dev/null >"$DIR/out"
    done
    [ "$n" -eq 43 ]
}

@test "top: the streams, if there is a store" {
    start_udsd --store "$DIR/store"
    background redis-cli -s "$S" -r -1 -i 0.01 XADD busy '*' f v >/dev/null
    redis-cli -s "$S" XADD idle '*' f v
    redis-cli -s "$S" XGROUP CREATE busy workers 0 MKSTREAM
    redis-cli -s "$S" XGROUP CREATE idle workers 0
    redis-cli -s "$S" XREADGROUP GROUP workers one COUNT 1 STREAMS idle '>'
    terminal 100 30 --interval 200ms
    see '^streams 2 +entries [0-9]+ \([0-9.KM]+\) +added [0-9.]+/s read 0/s .* store [0-9.KM]+$'
    see '\[Channels 0\] +Clients [23] +Streams 2'
    keys t
    see '\[Streams 2\]'
    see "^busy +[1-9][0-9.]* .* $(id -un) *$"
    wait_until first_row_is '^busy'
    keys r
    wait_until first_row_is '^idle'
    keys '/' i d l e Enter
    see 'filter: idle \(1\)'
    see '^idle +0 +1 +[0-9]+ +1 +1 +0 '
    keys Escape
    # Their groups.
    redis-cli -s "$S" XADD idle '*' f w
    keys g
    see '\[Groups 2\]'
    see '^GROUP +STREAM +GIVEN/S +LAG▾ +PENDING +CONSUMERS$'
    see '^workers +busy .* 0 +0 *$'
    see '^workers +idle .* 1 +1 +1 *$'
    wait_until first_row_is '^workers +busy'
    keys '/' i d l e Enter
    see 'filter: idle \(1\)'
    keys Escape
    keys Tab
    see '\[Channels 0\]'
    keys q
    see '^ended 0'
    "$UDSCTL" top -n 1 --interval 100ms --sort behind </dev/null >"$DIR/out"
    grep -q '^workers  *idle .* 1 *1 *1$' "$DIR/out"
}

@test "top: the services, if there are some" {
    start_udsd
    terminal 100 30 --interval 200ms
    see '\[Channels 0\]'
    lacks 'Services'
    keys v
    see 'nobody serves anything'
    mkfifo "$DIR/go"
    exec 8<>"$DIR/go" # whose end ends the command of "stuck"
    background "$UDSCTL" serve --lines quick -- sed -u ''
    background "$UDSCTL" serve stuck -- cat "$DIR/go"
    wait_until info_is service_workers 2
    background "$UDSCTL" call --lines quick < <(yes) >/dev/null
    background "$UDSCTL" call stuck x
    wait_until info_is service_requests_running 2
    background "$UDSCTL" call stuck y
    see '^services 2 +workers 2 +requests [1-9][0-9.]*k?/s failed 0/s +waiting 1 running [12]'
    keys v
    see '\[Services 2\]'
    see '^SERVICE +CALLS/S▾ +FAIL/S +WAITING +BUSY +WORKERS +IDLE +P50 +P99$'
    see '^quick +[1-9][0-9.]*k? +0 .* 1 +[01] +[0-9.]+[um]?s +[0-9.]+[um]?s$'
    see '^stuck +0 +0 +1 +1 +1 +0 +0us +0us$'
    wait_until first_row_is '^quick'
    keys r
    wait_until first_row_is '^stuck'
    keys '/' q u i Enter
    see 'filter: qui \(1\)'
    keys q
    see '^ended 0'
    "$UDSCTL" top -n 1 --interval 100ms --sort requests </dev/null >"$DIR/out"
    grep -q '^stuck .* 1 *1 *1 *0 ' "$DIR/out"
}

@test "top: a daemon without a store has no table of streams" {
    start_udsd
    terminal 100 30
    see '\[Channels 0\] +Clients 1'
    lacks Streams
    keys t
    see 'this daemon has no streams'
    keys Tab Tab
    see '\[Channels 0\]'
    keys q
    see '^ended 0'
}

@test "top: what clients are subscribed to" {
    start_udsd
    receive quick 'with blank'
    background "$UDSCTL" recv -p 'qu*' >"$DIR/out2"
    wait_until subscribed 3
    terminal 130 30 --sort channels
    see ' +2 +[0-9]+s receives +with blank,quick *$'
    see ' +1 +[0-9]+s receives +qu\* *$'
    keys / b l a n k Enter
    see 'filter: blank \(1\)'
}

@test "top: k kills a client after a confirmation" {
    start_udsd
    background "$UDSCTL" recv news >"$DIR/out"
    wait_until subscribed 1
    terminal 80 24 --sort id
    see '\[Clients 2\]'
    keys k
    see 'select a client first'
    keys Down k
    see 'this udsctl top'
    keys Down k
    see "kill client [0-9]+ \(pid ${PIDS[1]} udsctl, .*\)\? y or n"
    local id
    id=$(screen | sed -n 's/^kill client \([0-9]*\) .*/\1/p')
    keys n
    see 'not killed'
    keys k y
    see "^client $id killed"
    # It reconnects, as a client with another id.
    wait_until lacks "^ +$id +${PIDS[1]} "
    keys q
    see '^ended 0'
}

@test "top: the slow receiver, and the publishers that wait for it" {
    start_udsd
    block_on_big_message
    background "$PYTHON" "$TOOLS/hostile.py" "$S" subscribe other >"$DIR/hostile2"
    wait_until contains "$DIR/hostile2" done
    terminal 100 30
    see 'slow: pid [0-9]+ python3, .*: 1\.[0-9]M unsent; 1 publisher waits at big'
    see '^big +.* 1\.[0-9]M +0 +1 '
}

@test "top: resumes when the daemon was killed and runs again" {
    start_load
    terminal 80 24 --interval 200ms
    see '^quick +[12][0-9][0-9] '
    kill_udsd
    see 'reconnecting\.\.\. no connection to '
    start_udsd
    wait_until lacks reconnecting
    see '^quick +[12][0-9][0-9] '
    # At its start it needs a daemon.
    stop_udsd
    run "$UDSCTL" top
    assert_failure 69
    tmux_ kill-server
    terminal 80 24
    see '^ended 69'
    assert_equal "$(wc -l <"$DIR/err")" 1
    contains "$DIR/err" "$S"
}

@test "top: any size of terminal, also if it changes while top runs" {
    start_load
    terminal 80 24
    see '^quick +[12][0-9][0-9] '
    local size
    for size in 200x50 40x10 20x5 8x3 3x2 1x1 80x24; do
        tmux_ resize-window -x "${size%x*}" -y "${size#*x}"
        keys Tab Down Tab
        if [ "$size" = 200x50 ]; then
            see '^quick.{120}'
        elif [ "$size" = 40x10 ]; then
            see '^quick .{30,34}$'
        fi
    done
    see '^quick +[12][0-9][0-9] '
    see '^q quit'
}

# terminal_is_restored: the terminal has its modes, its cursor and its main screen again.
terminal_is_restored() {
    wait_until test -e "$DIR/ended"
    assert_equal "$(cat "$DIR/stty.after")" "$(cat "$DIR/stty.before")"
    assert_equal "$(tmux_ display-message -p '#{cursor_flag} #{alternate_on}')" "1 0"
}

@test "top: restores the terminal on q and on signals" {
    start_udsd
    local signal
    for signal in q INT TERM HUP QUIT; do
        rm -f "$DIR/ended"
        terminal 80 24
        see '^q quit'
        [ "$(tmux_ display-message -p '#{alternate_on}')" = 1 ]
        if [ "$signal" = q ]; then
            keys q
            see '^ended 0'
        else
            kill "-$signal" "$(top_pid)"
            see "^ended $((128 + $(kill -l "$signal")))"
        fi
        terminal_is_restored
        tmux_ kill-server
    done
}

@test "top: ^Z restores the terminal, fg shows top again" {
    start_udsd
    tmux_ new-session -d -x 80 -y 24 "env PS1='prompt: ' bash --norc --noprofile -i"
    see '^prompt:'
    keys "$UDSCTL top --interval 200ms" Enter
    see '^q quit'
    keys C-z
    see 'Stopped'
    wait_until shows '^prompt:$'
    [ "$(tmux_ display-message -p '#{cursor_flag} #{alternate_on}')" = "1 0" ]
    keys "stty -a | tr ' ' '\\n' | grep -cxE -e 'icanon;?|echo;?'" Enter
    see '^2$'
    keys fg Enter
    see '^q quit'
    tmux_ resize-window -x 60 -y 20
    keys h
    see 'Space goes on'
    keys q q
    see '^prompt:$'
}

@test "top: colours for slow clients, none with NO_COLOR; ASCII in a locale without UTF-8" {
    start_udsd
    block_on_big_message
    tmux_ new-session -d -x 100 -y 30 "$UDSCTL top"
    see 'slow: pid'
    tmux_ capture-pane -p -e >"$DIR/colours"
    grep -qE $'\e\\[[0-9;]*3[13]m' "$DIR/colours"
    tmux_ kill-server
    tmux_ new-session -d -x 100 -y 30 "NO_COLOR=1 LC_ALL=C $UDSCTL top --sort queued"
    see 'slow: pid'
    see '^big .*########'
    tmux_ capture-pane -p -e >"$DIR/plain"
    refute grep -E $'\e\\[[0-9;]*[34][0-7]m' "$DIR/plain"
    refute grep -P '[^\x00-\x7f]' "$DIR/plain"
}

@test "top: control characters in names are shown as ?" {
    start_udsd
    printf 'SUBSCRIBE "evil\\x1b[2J\\x07\\r\\nname\\xff" "gr\xc3\xbc\xc3\x9f"\r\n' >"$DIR/in"
    background bash -c "(cat '$DIR/in'; sleep 100) | nc -U '$S' >/dev/null"
    wait_until subscribed 2
    terminal 80 24
    see '^evil\?\[2J\?\?\?name\? '
    see '^grüß '
    run "$UDSCTL" top -n 1 --interval 100ms
    assert_success
    assert_output --partial 'evil?[2J???name?'
}

@test "top: plain text without a terminal, across a restart of the daemon" {
    start_load
    background "$UDSCTL" top --interval 100ms >"$DIR/out" 2>"$DIR/err"
    local top=$!
    wait_until grep -qE '^quick +[12][0-9][0-9] ' "$DIR/out"
    wait_until grep -qE ' python3 +to-calm +[12][0-9.]+ ' "$DIR/out"
    kill_udsd
    wait_until grep -q 'reconnecting' "$DIR/out"
    start_udsd
    : >"$DIR/out"
    wait_until grep -qE '^quick +[12][0-9][0-9] ' "$DIR/out"
    kill -TERM "$top"
    wait_exit "$top"
    assert_equal "$status" 143
    refute grep $'\e' "$DIR/out"
    # It ends with 0 when its reader leaves.
    run bash -c "timeout 10 '$UDSCTL' top --interval 50ms 2>&1 | head -n 3; echo \${PIPESTATUS[0]}"
    assert_line --index 3 0
}

@test "top: users other than administrators see only their own clients, and how many are hidden" {
    need_root
    start_configured 'socket_mode = 0666' '[channel secret.*]' 'publish = root' 'subscribe = root'
    background "$UDSCTL" recv secret.1 open >/dev/null
    wait_until subscribed 2
    cp "$UDSCTL" "$DIR/udsctl"
    run as_nobody "$DIR/udsctl" --socket "$S" top -n 1 --interval 100ms
    assert_success
    refute_output --partial secret.1
    assert_line --regexp '^open '
    assert_line --regexp 'Channels 1.* 1 more that you may not see$'
    assert_line --regexp 'Clients 1.* 1 of other users, not shown$'
    # udsd's own channel, which udsctl recv also receives, does not count as hidden.
    run "$UDSCTL" top -n 1 --interval 100ms
    assert_success
    refute_output --partial 'that you may not see'
}

@test "top: ten thousand channels and two thousand clients" {
    start_udsd
    cat >"$DIR/many.py" <<'EOF'
import sys, time
import resp
clients = [resp.Client(sys.argv[1]) for _ in range(2000)]
for n, client in enumerate(clients):
    client.send("SUBSCRIBE", *("c%d" % (5 * n + i) for i in range(5)))
time.sleep(1000)
EOF
    ulimit -n 4096
    background "$PYTHON" "$DIR/many.py" "$S"
    wait_until info_is pubsub_channels 10000
    background "$PYTHON" "$TOOLS/steady.py" "$S" c777=100
    terminal 80 24 --interval 200ms
    see '\[Channels 10000\] +Clients 200[12]'
    wait_until first_row_is '^c777 +[0-9.]+ '
    keys End
    see '^c9999 '
    keys l / p y t h o n Enter
    see 'filter: python \(2001\)'
}

asked() { # how often top has asked for the clients
    printf 'INFO commandstats\r\n' | nc -N -U "$S" | sed -n 's/^cmdstat_udsd|clients:calls=\([0-9]*\),.*/\1/p'
}

has_asked() { # N
    [ "$(asked)" -ge "$1" ]
}

@test "top: while the terminal is stopped with ^S all else goes on, and it can be ended" {
    start_load
    terminal 100 30 --interval 50ms
    see '^quick '
    local pid before
    pid=$(top_pid)
    keys C-s
    before=$(asked)
    wait_until has_asked $((before + 100))
    # What comes then is the page as it is now.
    background "$UDSCTL" recv late >/dev/null 2>&1
    keys C-q
    see '^late '
    keys C-s
    before=$(asked)
    wait_until has_asked $((before + 20))
    kill -TERM "$pid"
    wait_until is_gone "$pid"
    keys C-q
    # The cursor may be anywhere: what would have given the screen back found no room.
    see 'nded 143'
    diff "$DIR/stty.before" "$DIR/stty.after"
}
