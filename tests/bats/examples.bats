#!/usr/bin/env bats
# The examples in udsctl(1), udsd(1), udsd.conf(5) and the README work as printed, but for their paths; for root, and for
# an ordinary user.

load helper
load users

setup() {
    common_setup
    cd "$DIR" || return 1
    GROUPS_STARTED=()
    export HOME=$DIR PATH=$DIR/bin:$PATH TMPDIR=$DIR LC_ALL=C.UTF-8
    mkdir bin node-exporter
    ln -s "$UDSD" "$UDSCTL" bin/
    printf '#!/bin/sh\necho "a line of app"\n' >bin/app && chmod +x bin/app
    touch app.log a.jpg b.jpg
    echo '{"job":1}' >job.json
    # shellcheck disable=SC2016 # for the script to expand
    printf '#!/bin/sh\necho "${1:-work}: $(cat)" >>%s\n' "$DIR/worked" >work
    sed "s/echo .*:-work}/echo \"mail \$*/" work >bin/mail
    printf '#!/bin/sh\nshift\nexec "$@"\n' >bin/ssh
    chmod +x work bin/mail bin/ssh
}

teardown() {
    local group
    for group in "${GROUPS_STARTED[@]}"; do
        kill -KILL -- "-$group" 2>/dev/null || true
    done
    common_teardown
}

# start_listening: a daemon, and a receiver of all channels that writes CHANNEL PAYLOAD to ./heard.
start_listening() {
    start_udsd "$@"
    background "$UDSCTL" recv -p '*' --format '%c %p' >heard 2>/dev/null
    wait_until subscribed 1
}

# here TEXT: the text with the test's own paths, user and group.
here() {
    sed -E "s#/var/lib/(app|prometheus)|/run/udsd|/tmp#$DIR#g; s#--user guest#--user $(id -un)#; s# root pid # $(id -un) pid #; s#^publish( *= )root, @[a-z]+#publish\\1$(id -un), @$(id -gn)#
        s#^socket_group = messages#socket_group = $(id -gn)#; s#^(\\$|\#|command_line) ##" <<<"$1"
}

# now COMMAND: runs it and expects success; its output is in $output.
now() {
    run timeout "$PATIENCE" bash -c "$1"
    assert_success
}

# later COMMAND: runs it in the background, in a process group of its own, with its output in ./out.
later() {
    background setsid bash -c "$1" >out 2>&1
    GROUPS_STARTED+=($!)
}

hears() { # CHANNEL PAYLOAD
    wait_until contains heard "$1 $2"
}

# written FILE CHANNEL PAYLOAD: whether FILE has the payload; if not, publishes it once more.
written() {
    contains "$1" "$3" || { "$UDSCTL" send "$2" "$3" && false; }
}

# stored STREAM TEXT [COMMAND]: whether an entry of the stream has the text; if not, runs the command.
stored() {
    printf 'XREVRANGE %s + - COUNT 5\r\n' "$1" | nc -N -U "$S" | tr -d '\r' | grep -qF "$2" ||
        { eval "${3:-}" && false; }
}

# logged TEXT: whether the receiver has it; if not, adds it to app.log once more.
logged() {
    contains heard "$1" || { echo "${1#* }" >>app.log && false; }
}

# session FILE CHECK: runs the commands of FILE in a terminal, in one shell with job control. After a command in the
# background the shell waits for its effect. The terminal's output goes to ./out; ends when CHECK succeeds.
session() {
    {
        cat <<'SHELL'
set -m
trap 'kill -KILL $(jobs -p) 2>/dev/null' EXIT
until_is() {
    local end=$((SECONDS + PATIENCE))
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < end)) || { echo "gave up waiting for: $*"; exit 1; }
        sleep 0.02
    done
}
received() { udsctl channels --names | grep -qx "$1"; }
monitored() { udsctl clients | grep -q monitor; }
SHELL
        # shellcheck disable=SC2016 # for the session to expand
        sed -E 's/^udsd --listen ([^ ]*) .*&$/&\nuntil_is test -S \1\n[ -z "$again" ] || until_is received news/
            s/^kill -9 %1$/&\nagain=yes/
            s/^logger .*/logged() { &; grep -q hello out; }\nuntil_is logged/
            s/^udsctl recv ([a-z]*) &$/&\nuntil_is received \1/
            s/^udsctl monitor .*&( .*)?$/&\nuntil_is monitored/' "$1"
        echo "until_is $2"
    } >session.sh
    PATIENCE=$PATIENCE script -qefc 'bash session.sh' /dev/null </dev/null >out 2>&1 3>&- || {
        cat session.sh out >&2
        return 1
    }
}

# exports_figures COMMANDS: they write the figures, and without a daemon leave no file behind, old or empty.
exports_figures() {
    now "$1"
    contains node-exporter/udsd.prom udsd_clients
    assert_equal "$(ls node-exporter)" udsd.prom
    UDSD_SOCKET=$DIR/nobody run timeout "$PATIENCE" bash -c "$1"
    assert_equal "$(ls node-exporter)" ''
}

# Runs one example; fails for an example that is not listed here.
run_example_of_udsctl() {
    local command
    command=$(here "$1")
    case $1 in
    *"send --timeout 1s alerts"*) now "$command" && hears alerts 'disk is full' ;;
    *"send temperature"*) now "$command" && hears temperature -5 ;;
    *"send --follow app.log"*) later "$command" && wait_until logged "logs.app line ${#1}" ;;
    *"send --store --follow web.log"*)
        later "$command"
        wait_until stored logs.web line 'echo "line of the stream" >>web.log'
        ;;
    *"app 2>&1 | udsctl send"*) now "$command" && hears logs.app 'a line of app' ;;
    *"send --store --delay 5m jobs"*)
        now "$command" && now 'udsctl send --store --print-id --at @1 jobs due' && wait_until stored jobs due
        ;;
    *"send --store --at 'tomorrow"*) now "$command" ;;
    *"send --store --id nightly"*)
        now "$command" && now "$command"
        assert_equal "$(udsctl export jobs | grep -c backup)" 1
        ;;
    *"df -h | udsctl send"*) now "$command" && stored cron.disks Filesystem ;;
    *"work cron.disks -- mail"*) later "$command" && wait_until contains worked 'mail -s disks root: Filesystem' ;;
    *"recv -p 'logs.*'") later "$command" && wait_until written out logs.x hello ;;
    *"--whole jobs < job.json") now "$command" && hears jobs '{"job":1}' ;;
    *"recv -n 1 --timeout 1m jobs") later "$command" && wait_until written out jobs one ;;
    *"--format '%I %c: %p'") later "$command" && wait_until written out any ' any: what' ;;
    *"recv --json logs.app | jq"*)
        later "${command/recv/recv -n 2}" # jq writes to a file when it ends
        wait_until written out logs.app "$(printf '%0101d' 1)"
        ;;
    *"recv --into all.log"*)
        now 'udsctl send --store logs.app kept'
        later "$command" && wait_until contains all.log kept
        ;;
    *"recv --position seen"*) now "$command" && contains worked 'work: kept' ;;
    *"recv --from last sensors.kitchen")
        now 'udsctl send --store sensors.kitchen 20 && udsctl send --store sensors.kitchen 21'
        later "$command" && wait_until contains out 21 && assert_equal "$(cat out)" 21
        ;;
    *"ssh other udsctl import jobs")
        now 'udsctl send --store jobs one' && now "$command"
        assert_output --regexp '^0 entries added, [0-9]+ there already$'
        ;;
    *"send --store pictures a.jpg") now "$command" ;;
    *"send --store --delay 8h pictures report") now "$command" ;;
    *"work --jobs 4 --timeout 5m pictures"*) later "$command" && wait_until contains worked 'work: a.jpg' ;;
    *"udsctl jobs pictures") now "$command" && assert_output --partial 'pictures: 0 waiting' ;;
    *"retry --all pictures") now "$command" ;;
    *"work --print --drain pictures > list") now "$command" && [ -e list ] ;;
    *"recv --exec './work"*) later "$command" && wait_until written worked jobs 'jobs: 7' ;;
    *"stats --watch") later "$command" && wait_until contains out messages ;;
    *"clients --json | jq"*) now "$command" && assert_output '' ;;
    *"top --sort unsent") later "$command" && wait_until grep -q 'UNSENT▾' out ;;
    *"monitor -c 'alerts.*'") later "$command" && wait_until written out alerts.a 'who said it' ;;
    *"kill --user guest") now "$command" && assert_output --partial 'closed client' ;;
    *"stats --format prometheus"*) exports_figures "$(sed -E 's/^# //' <<<"$command")" ;;
    "command_line udsctl check"*) now "$command" && assert_output --partial 'UDSD OK' ;;
    *"printf 'INFO commandstats"*) now "$command" && assert_output --partial cmdstat_publish ;;
    *) fail "no test runs the example $1" ;;
    esac
}

@test "the examples of udsctl(1)" {
    local example n=0
    start_listening --store "$DIR/store"
    while IFS= read -r -d '' example; do
        echo "$example"
        : >out
        run_example_of_udsctl "$example"
        n=$((n + 1))
    done < <("$PYTHON" "$TOOLS/manual.py" "$TOP/man/udsctl.1")
    ((n >= 24))
}

@test "the examples of udsd(1)" {
    local example n=0
    start_udsd
    while IFS= read -r -d '' example; do
        echo "$example"
        n=$((n + 1))
        case $example in
        *"systemctl reload udsd")
            # systemd.bats has the service; here the file is checked.
            printf '#!/bin/sh\necho "systemctl $*"\n' >bin/systemctl && chmod +x bin/systemctl
            example=$(here "$example")
            now "${example/--check-config/--config $TOP/conf/udsd.conf &}"
            assert_line 'systemctl reload udsd'
            ;;
        *)
            grep '^\$ ' <<<"$example" | sed 's/^\$ //' >commands
            here "$(cat commands)" >commands.here
            session commands.here "grep -q hello out"
            ;;
        esac
    done < <("$PYTHON" "$TOOLS/manual.py" "$TOP/man/udsd.1")
    ((n >= 2))
}

@test "the examples of udsd.conf(5)" {
    local example n=0
    while IFS= read -r -d '' example; do
        n=$((n + 1))
        here "$example" >"$n.conf"
        now "udsd --config $n.conf --check-config"
    done < <("$PYTHON" "$TOOLS/manual.py" "$TOP/man/udsd.conf.5")
    assert_equal "$n" 2
    start_listening --config 2.conf
    echo 'a line' | nc -N -U lines
    hears lines 'a line'
    logger --socket "$DIR/log" -t app 'a datagram'
    hears log '<13>'
    contains heard 'app: a datagram'
    assert_equal "$(nc -N -U files <job.json)" 1
    hears files '{"job":1}'
}

@test "the demo ends as the README says" {
    # How many lines come twice differs: those whose replies were on their way when the daemon was killed.
    local certain='^(lines sent|lost|order|reconnects|exit status)'
    UDSD_BUILD=$BUILD run "$TOP/tests/demo"
    assert_success
    grep -E "$certain" <<<"$output" >got
    "$PYTHON" "$TOOLS/examples.py" blocks "$TOP/README.md" 'Try it' | tr '\0' '\n' | grep -E "$certain" >said
    [ "$(wc -l <said)" -eq 6 ]
    diff said got
}

@test "the README's first session runs as printed" {
    local section='A first session'
    "$PYTHON" "$TOOLS/examples.py" commands "$TOP/README.md" "$section" >commands
    here "$(cat commands)" >commands.here
    here "$(cat "$TOP/README.md")" >README.here
    session commands.here "$PYTHON $TOOLS/examples.py check README.here '$section' out"
    "$PYTHON" "$TOOLS/examples.py" check README.here "$section" out
}

# receivers_then RECIPE: starts its lines that end with &, waits until each receives, and then runs the others.
receivers_then() {
    local line rest='' clients
    while IFS= read -r line; do
        case $line in
        *' &')
            clients=$(info pubsub_clients)
            later "${line% &}"
            wait_until info_is pubsub_clients $((clients + 1))
            ;;
        *) rest+=$line$'\n' ;;
        esac
    done <<<"$1"
    now "$rest"
}

serves() { # SERVICE
    redis-cli -s "$S" UDSD SERVICES "$1" | grep -qx "$1"
}

run_recipe() {
    local recipe
    recipe=$(here "$1")
    case $1 in
    '['*) ;; # a configuration
    *"send --whole --spool"*) now "$recipe" && hears disks Filesystem ;;
    tail*) later "$recipe" && wait_until logged 'logs.app followed' ;;
    *logger*)
        receivers_then "$recipe"
        wait_until contains all.log 'a line'
        wait_until contains all.log 'backup: done'
        ;;
    *"--jobs 4 jobs"*)
        receivers_then "$recipe"
        wait_until contains worked 'work: a.jpg'
        wait_until contains worked 'work: b.jpg'
        ;;
    *"mail -s"*)
        receivers_then "$recipe"
        wait_until contains alerts.json '"payload":"/var is full"'
        wait_until contains worked 'mail -s alerts.disk root: /var is full'
        ;;
    *"udsctl serve --lines"*)
        later "$(sed -n 's/ &$//p' <<<"$recipe")"
        wait_until serves weekday
        now "$(sed '/ &$/d' <<<"$recipe")" && assert_output $'Thursday\nFriday'
        ;;
    *"udsctl serve"*)
        later "$(sed -n 's/ &$//p' <<<"$recipe")"
        wait_until serves day
        now "$(sed '/ &$/d' <<<"$recipe")" && assert_output Thursday
        ;;
    *"--format prometheus"*) exports_figures "$recipe" ;;
    *"udsctl check"*) now "$recipe" && assert_output --partial 'UDSD OK' ;;
    *) fail "no test runs the recipe $1" ;;
    esac
}

@test "the README's recipes" {
    local recipe n=0
    "$PYTHON" "$TOOLS/examples.py" blocks "$TOP/README.md" Recipes >recipes
    while IFS= read -r -d '' recipe; do
        [[ $recipe != '['[a-z]* ]] || here "$recipe" >>hub.conf
    done <recipes
    start_listening --config hub.conf
    while IFS= read -r -d '' recipe; do
        echo "$recipe"
        run_recipe "$recipe"
        n=$((n + 1))
    done <recipes
    ((n >= 10))
}

@test "the README's services: a function of the shell" {
    local recipe
    recipe=$("$PYTHON" "$TOOLS/examples.py" blocks "$TOP/README.md" Services | tr '\0' '\n' | sed -n '/^stock()/,/udsctl call/p')
    printf 'nails 40\nscrews 12\n' >stock.txt
    start_udsd
    later "$(sed '/udsctl call/d; s/ &$//' <<<"$recipe")"
    wait_until serves stock
    now "$(grep 'udsctl call' <<<"$recipe")" && assert_output 'screws 12'
    now "$(sed -n 's/screws/glue/; /udsctl call/p' <<<"$recipe")"
    assert_line --partial 'no such article'
    assert_line 'exit status 1'
}

# call_sum TEXT: what the README's caller prints.
call_sum() {
    sed "s/1 2 3/$1/" sum.py | "$PYTHON"
}

sum_has_workers() { # N
    [ "$(redis-cli -s "$S" UDSD SERVICES sum | sed -n '/^workers$/{n;p}')" = "$1" ]
}

@test "the README's services: a pool of workers in Python" {
    local pids
    start_udsd
    python_of_readme 4 >pool.py
    python_of_readme 5 >sum.py
    run call_sum '1 2 3'
    assert_output "NOSERVICE nobody serves 'sum'"
    later "exec $PYTHON pool.py"
    wait_until sum_has_workers 4
    run call_sum '1 2 3'
    assert_output "b'6'"
    run call_sum '1 x'
    assert_output --partial 'FAILED invalid literal'
    pids=$(pgrep -P "${GROUPS_STARTED[-1]}")
    kill -KILL "$(head -n 1 <<<"$pids")"
    wait_until eval '[ "$(pgrep -P "${GROUPS_STARTED[-1]}")" != "$pids" ]'
    wait_until sum_has_workers 4
    kill_udsd
    start_udsd
    wait_until sum_has_workers 4
    run call_sum '4 5'
    assert_output "b'9'"
}

# run_job_recipe RECIPE: each of its lines; those that end with & go on in the background.
run_job_recipe() {
    local line
    while IFS= read -r line; do
        case $line in
        *' &') later "${line% &}" ;;
        *) now "$line" ;;
        esac
        case $line in
        *' reports daily') assert_equal "$("$UDSCTL" jobs --json reports | grep -c daily)" 1 ;;
        *' mail '*) wait_until contains worked 'mail -s disks root: Filesystem' ;;
        *--follow*) wait_until test -s app.sent ;; # it sends what is added from now on
        *'--into all.log'*)
            wait_until logged_twice
            assert_equal "$(sort all.log | uniq -d)" ''
            ;;
        *'--position seen'*) assert_output --partial 'line 1' ;;
        *'--from last'*) assert_output 21 ;;
        *zcat*) [ -s pictures.json.gz ] ;;
        *check*) assert_output --partial OK ;;
        esac
    done <<<"$(here "$1")"
}

# logged_twice: whether all.log has what was added to app.log, before and after it was rotated.
logged_twice() {
    if [ ! -e app.log.1 ]; then
        echo 'line 1' >>app.log
        mv app.log app.log.1
        echo 'line 2' >app.log
    fi
    contains all.log 'line 1' && contains all.log 'line 2'
}

@test "the README's jobs and logs" {
    local recipe n=0
    start_udsd --store "$DIR/store"
    cp work report
    "$UDSCTL" send --store pictures a.jpg
    while IFS= read -r -d '' recipe; do
        echo "$recipe"
        # The first one, and what the report and the cron job do, have tests of their own.
        [[ $recipe = *while* ]] || run_job_recipe "$recipe"
        # It does nothing when it is repeated.
        [[ $recipe != *reports* ]] || run_job_recipe "$(head -n 1 <<<"$recipe")"
        n=$((n + 1))
    done < <("$PYTHON" "$TOOLS/examples.py" blocks "$TOP/README.md" 'Jobs and logs from a shell')
    assert_equal "$n" 8
}

# job_recipe TEXT: the recipe for jobs and logs that has this text.
job_recipe() {
    local recipe
    while IFS= read -r -d '' recipe; do
        [[ $recipe != *"$1"* ]] || here "$recipe"
    done < <("$PYTHON" "$TOOLS/examples.py" blocks "$TOP/README.md" 'Jobs and logs from a shell')
}

has_jobs() { # N STATE, of pictures
    [ "$("$UDSCTL" jobs --json pictures | grep -c "\"state\":\"$2\"")" = "$1" ]
}

@test "the README's ten lines: jobs are kept, workers come again, failures are retried and put aside" {
    local recipe
    recipe=$(job_recipe 'while sleep')
    [ "$(wc -l <<<"$recipe")" -eq 10 ]
    mkdir pictures small
    touch pictures/{a,b,bad,'two words'}.jpg
    cat >bin/convert <<'CONVERT'
#!/bin/sh
echo "$1" >>tried
case $1 in
*/bad.jpg) [ -e mended ] || { echo 'not a picture' >&2; exit 1; } ;;
*/b.jpg) until [ -e go ]; do sleep 0.02; done ;;
esac
cp "$1" "$4"
CONVERT
    chmod +x bin/convert
    start_udsd --store "$DIR/store"
    now "$(grep '^find' <<<"$recipe")"
    kill_udsd
    start_udsd --store "$DIR/store"
    later "$(sed -n '/^while/,/^done/{s/^done &$/done/;s/1s\.\.1m/10ms..20ms/;p}' <<<"$recipe")"
    wait_until test -e small/a.jpg
    wait_until test -e 'small/two words.jpg'
    wait_until eval '"$UDSCTL" jobs --dead pictures | grep -q "not a picture"'
    assert_equal "$(grep -c bad.jpg tried)" 4
    # A worker that is killed with its job.
    wait_until has_jobs 1 running
    kill -KILL "$(pgrep -o -x -g "${GROUPS_STARTED[-1]}" udsctl)"
    wait_until eval '[ "$(grep -c /b.jpg tried)" -eq 2 ]'
    [ ! -e small/b.jpg ]
    touch go
    wait_until test -e small/b.jpg
    wait_until has_jobs 0 running
    now "$(grep '^udsctl jobs pictures' <<<"$recipe")"
    assert_output 'pictures: 0 waiting, 0 running, 0 delayed, 1 dead'
    now "$(grep '^udsctl jobs --dead' <<<"$recipe")"
    assert_output --partial 'not a picture'
    touch mended
    now "$(grep '^udsctl retry' <<<"$recipe")"
    wait_until test -e small/bad.jpg
}

@test "the README's cron job: no output is lost, without a daemon, without a receiver, with a daemon that is killed" {
    local recipe cron worker
    recipe=$(job_recipe cron.disks)
    cron=$(grep '^df -h' <<<"$recipe")
    worker=$(sed -n '/^udsctl work/{s/ &$//;s/work/work --retries 1 --backoff 10ms/;p}' <<<"$recipe")
    printf '#!/bin/sh\ncat run\n' >bin/df && chmod +x bin/df
    echo 'run 1' >run
    run bash -c "${cron/5s/100ms}"
    assert_failure 75
    start_udsd --store "$DIR/store"
    echo 'run 2' >run
    now "$cron"
    kill_udsd
    start_udsd --store "$DIR/store"
    now 'udsctl recv --from first --no-wait cron.disks'
    assert_output $'run 1\n\nrun 2' # with their newlines
    # A mail that cannot be sent does not lose it either.
    mv bin/mail mail && printf '#!/bin/sh\nexit 1\n' >bin/mail && chmod +x bin/mail
    later "$worker"
    wait_until eval '"$UDSCTL" jobs --dead cron.disks | grep -q "2 dead"'
    mv mail bin/mail
    now 'udsctl retry --all cron.disks'
    wait_until contains worked 'mail -s disks root: run 1'
    wait_until contains worked 'mail -s disks root: run 2'
}

set_clock() { # MILLISECONDS: what is added to the clock of the daemon
    "$PYTHON" -c 'import os, struct, sys
fd = os.open("offset", os.O_WRONLY | os.O_CREAT, 0o644)
os.write(fd, struct.pack("=q", int(sys.argv[1])))' "$1"
}

now_ms() {
    date +%s%3N
}

delayed() { # of the reports, their times
    redis-cli -s "$S" UDSD LATER LIST reports | sed -n '/^due$/{n;p}'
}

@test "the report that the README has for 06:00 is due then, and runs when it is due, once" {
    ! is_sanitized || skip "a sanitizer wants to be the first library"
    local recipe due today
    recipe=$(job_recipe ' reports daily')
    cp work report
    gcc -shared -fPIC -o clock.so "$TOOLS/clock-shim.c"
    set_clock 0
    LD_PRELOAD=$DIR/clock.so CLOCK_OFFSET=$DIR/offset start_udsd --store "$DIR/store"
    # Not over midnight.
    until
        today=$(date +%F)
        rm -f worked
        redis-cli -s "$S" DEL reports >/dev/null
        now "$(head -n 1 <<<"$recipe")"
        now "$(head -n 1 <<<"$recipe")"
        due=$(date -d 'tomorrow 06:00' +%s)000
        [ "$(date +%F)" = "$today" ]
    do :; done
    assert_equal "$(delayed)" "$due"
    later "$(sed -n '2s/ &$//p' <<<"$recipe")"
    wait_until info_is stream_readers_blocked 1
    set_clock $((due - $(now_ms) - 60000))
    redis-cli -s "$S" XADD reports '*' message 'a minute before' >/dev/null
    wait_until contains worked 'a minute before'
    assert_equal "$(delayed)" "$due"
    refute grep -q daily worked
    set_clock $((due - $(now_ms)))
    wait_until contains worked 'work: daily'
    assert_equal "$(delayed)" ''
    wait_until eval '[ "$("$UDSCTL" jobs --json reports)" = "" ]'
    assert_equal "$(grep -c daily worked)" 1
}

@test "the README's configuration is valid" {
    here "$("$PYTHON" "$TOOLS/examples.py" blocks "$TOP/README.md" Configuration | tr -d '\0')" >hub.conf
    now 'udsd --config hub.conf --check-config'
    now 'udsd --config hub.conf --print-config'
    assert_line '[channel alerts.*]'
}

# python_of_readme N: the README's Nth program in Python, for $S.
python_of_readme() {
    awk -v n="$1" '/^```$/ { on = 0 } on && i == n; /^```python$/ { on = 1; i++ }' "$TOP/README.md" |
        sed "s#/tmp/demo.sock#$S#"
}

@test "the README's workers share the entries of a stream, and take over those of one that died" {
    start_udsd --store "$DIR/store"
    python_of_readme 2 >add.py
    python_of_readme 3 | sed 's/min_idle_time=60000/min_idle_time=1/; s/block=5000/block=50/' >worker.py
    "$PYTHON" add.py
    redis-cli -s "$S" XGROUP CREATE jobs resize 0
    redis-cli -s "$S" XREADGROUP GROUP resize dead COUNT 1 STREAMS jobs '>'
    background "$PYTHON" -u worker.py worker-1 >one 2>&1
    wait_until contains one "worker-1 resizes b'a.png'"
    background "$PYTHON" -u worker.py worker-2 >two 2>&1
    # Each gets some in the end.
    wait_until bash -c '"$1" add.py && [ "$(wc -l <one)" -gt 1 ] && [ -s two ]' bash "$PYTHON"
    refute grep -h Error one two
    wait_until eval '[ "$(redis-cli -s "$S" XPENDING jobs resize | head -n 1)" = 0 ]'
}

@test "the README's program in Python publishes and receives" {
    start_udsd
    python_of_readme 1 >client.py
    background "$PYTHON" -u client.py >out
    wait_until subscribed 1
    "$UDSCTL" send news 'from a shell'
    wait_until contains out "b'from a shell'"
    assert_equal "$(head -n 1 out)" 0
}

@test "systemd accepts the README's service" {
    "$PYTHON" "$TOOLS/examples.py" blocks "$TOP/README.md" Recipes |
        "$PYTHON" -c 'import sys; print(next(b for b in sys.stdin.read().split("\0") if b.startswith("[Service]")))' |
        sed "s#/usr/bin/#$DIR/bin/#" >resize.service
    now 'systemd-analyze verify --man=no ./resize.service'
    assert_output ''
}

@test "an ordinary user: the manuals' examples, and the README's session, recipes and program" {
    need_root
    share_tree
    mkdir "$DIR/home"
    chmod 777 "$DIR/home"
    local keep=(PATH=/usr/local/bin:/usr/bin:/bin HOME="$DIR/home" TMPDIR="$DIR/home" UDSD_BUILD="$SHARED_BUILD" UDSD_TEST_PATIENCE="$PATIENCE"
        ASAN_OPTIONS="${ASAN_OPTIONS:-}" UBSAN_OPTIONS="${UBSAN_OPTIONS:-}" LSAN_OPTIONS="${LSAN_OPTIONS:-}")
    run as_nobody env -i "${keep[@]}" bats -f "^(the examples of|the README's)" "$TREE/tests/bats/examples.bats" 3>&-
    echo "$output"
    assert_success
    assert_line --index 0 1..13
    refute_output --partial '# skip'
}
