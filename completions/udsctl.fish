# fish completion for udsctl

set -l verbs send recv pipe ping stats clients channels services streams groups pending work jobs retry drop wait pause resume \
    call serve top monitor kill trim delete export import reload backup check bench help

# Reads the words before the cursor and prints "verb", "argument" (each behind the verb), "arguments" (their number),
# "socket" or "group", each with what it is. A channel may have the name of a verb, so only the first word that is no option counts as one.
function __udsctl_words
    set -l verb
    set -l arguments 0
    set -l waiting
    set -l ended
    set -l words (commandline -opc)
    for word in $words[2..]
        if test -n "$waiting"
            test $waiting = other; or printf '%s %s\n' $waiting "$word"
            set waiting
            continue
        end
        test -z "$ended"; and switch "$word"
            case --
                set ended yes
                continue
            case -s --socket
                set waiting socket
                continue
            case '--socket=*' '--group=*'
                string replace -r '^--([a-z]+)=' '$1 ' -- $word
                continue
            case '-s*' # not '-s?*': from fish 4 on, ? stands for itself
                printf 'socket %s\n' (string sub -s 3 -- $word)
                continue
            case -g --group
                set waiting group
                continue
            case '-g*'
                printf 'group %s\n' (string sub -s 3 -- $word)
                continue
            case -f -c -u -p -n -j --file --spool --channel --receivers --user --format --sort --timeout --interval --queue-bytes \
                --spool-bytes --rate --count --hello --pattern --exec --jobs --pid --rejoin --stop-timeout --warning --critical \
                --from --position --into --max-entries --older-than --before --lag --pending-age \
                --retries --backoff --dead-letter --wait --retry --parallel
                set waiting other
                continue
            case -
            case '-*'
                continue
        end
        if test -z "$verb"
            set verb $word
            printf 'verb %s\n' $verb
        else
            set arguments (math $arguments + 1)
            printf 'argument %s\n' "$word"
        end
    end
    echo arguments $arguments
end

# Whether the verb is one of these; without any, whether there is none yet.
function __udsctl_verb
    set -l verb (__udsctl_words | string replace -f -r '^verb ' '')
    if test (count $argv) -eq 0
        test -z "$verb"
    else
        contains -- "$verb" $argv
    end
end

# Whether the word to complete is the first behind one of these verbs.
function __udsctl_first
    __udsctl_verb $argv; and __udsctl_words | string match -q 'arguments 0'
end

# Asks the running daemon; prints nothing if there is none.
function __udsctl_ask
    set -l socket (__udsctl_words | string replace -f -r '^socket ' '')
    test -z "$socket[1]"; or set socket --socket (string replace -r '^~(?=/)' $HOME -- $socket[-1])
    command udsctl $socket $argv --timeout 500ms 2>/dev/null
end

# Lists the jobs of the stream and group on the command line, but for those that are there. $argv: options of "jobs".
function __udsctl_jobs
    set -l words (__udsctl_words)
    set -l given (string replace -f -r '^argument ' '' -- $words)
    set -l group (string replace -f -r '^group ' '' -- $words)
    test -z "$group[1]"; or set group --group $group[-1]
    for id in (__udsctl_ask jobs --ids $argv $group $given[1])
        contains -- $id $given; or echo $id
    end
end

complete -c udsctl -f
complete -c udsctl -s s -l socket -r -F -d "The socket of the daemon"
complete -c udsctl -s v -l verbose -d "Report when the connection is lost and made"
complete -c udsctl -s h -l help -d "Show the help"
complete -c udsctl -s V -l version -d "Show the version"

complete -c udsctl -n __udsctl_verb -a send -d "Publish messages, or the lines of standard input"
complete -c udsctl -n __udsctl_verb -a recv -d "Print the messages of channels, or run a command for each"
complete -c udsctl -n __udsctl_verb -a pipe -d "Send standard input as it is and print what comes back"
complete -c udsctl -n __udsctl_verb -a ping -d "Ask the daemon for an answer"
complete -c udsctl -n __udsctl_verb -a stats -d "Show the figures of the daemon"
complete -c udsctl -n __udsctl_verb -a clients -d "List the connected clients"
complete -c udsctl -n __udsctl_verb -a channels -d "List the channels with their counters"
complete -c udsctl -n __udsctl_verb -a services -d "List the services, their workers and requests"
complete -c udsctl -n __udsctl_verb -a streams -d "List the streams and what is in them"
complete -c udsctl -n __udsctl_verb -a groups -d "List the groups of streams and how far they are"
complete -c udsctl -n __udsctl_verb -a pending -d "List what groups have given and not seen acknowledged"
complete -c udsctl -n __udsctl_verb -a work -d "Run a command for each job of streams"
complete -c udsctl -n __udsctl_verb -a jobs -d "List the jobs of a stream: waiting, running, delayed, dead"
complete -c udsctl -n __udsctl_verb -a retry -d "Put dead jobs back into their stream"
complete -c udsctl -n __udsctl_verb -a drop -d "Take scheduled, waiting, delayed or dead jobs out of a stream"
complete -c udsctl -n __udsctl_verb -a wait -d "Wait until jobs are done; the exit status is theirs"
complete -c udsctl -n __udsctl_verb -a pause -d "Give no more jobs of a stream to workers"
complete -c udsctl -n __udsctl_verb -a resume -d "Give jobs of a stream to workers again"
complete -c udsctl -n __udsctl_verb -a call -d "Send a request to a service, and print its answer"
complete -c udsctl -n __udsctl_verb -a serve -d "Run a command for each request to services"
complete -c udsctl -n __udsctl_verb -a top -d "Watch channels, clients and streams live"
complete -c udsctl -n __udsctl_verb -a monitor -d "Print messages as they are published"
complete -c udsctl -n __udsctl_verb -a kill -d "Close the connections of clients"
complete -c udsctl -n __udsctl_verb -a trim -d "Remove the oldest entries of a stream"
complete -c udsctl -n __udsctl_verb -a delete -d "Delete streams with their entries and groups"
complete -c udsctl -n __udsctl_verb -a export -d "Print the entries of a stream as JSON, for import"
complete -c udsctl -n __udsctl_verb -a import -d "Add the entries that export has printed"
complete -c udsctl -n __udsctl_verb -a reload -d "Make the daemon read its configuration again"
complete -c udsctl -n __udsctl_verb -a backup -d "Copy the store of streams while the daemon runs"
complete -c udsctl -n "__udsctl_first backup" -F
complete -c udsctl -n __udsctl_verb -a check -d "Check the daemon, for monitoring systems"
complete -c udsctl -n __udsctl_verb -a bench -d "Measure the daemon for three seconds"
complete -c udsctl -n __udsctl_verb -a help -d "Open the manual"

complete -c udsctl -n "__udsctl_verb send" -s f -l file -r -F -d "Read this file"
complete -c udsctl -n "__udsctl_verb send" -l follow -r -F -d "Send each line that this file gets"
complete -c udsctl -n "__udsctl_verb send" -l position -r -F -d "Keep in this file what is sent, and go on there"
complete -c udsctl -n "__udsctl_verb send" -s 0 -l null -d "Messages end with a NUL instead of a newline"
complete -c udsctl -n "__udsctl_verb send" -l whole -d "All of standard input, or of each file, is one message"
complete -c udsctl -n "__udsctl_verb send" -l rate -x -d "Send at most this many messages, like 100/s"
complete -c udsctl -n "__udsctl_verb send" -l store -d "Add messages to the stream, once, and wait for the disk"
complete -c udsctl -n "__udsctl_verb send" -l delay -x -d "Add them after this long"
complete -c udsctl -n "__udsctl_verb send" -l at -x -d "Add them at this time, like 06:00"
complete -c udsctl -n "__udsctl_verb send" -l id -x -d "Add nothing that was added with this key already"
complete -c udsctl -n "__udsctl_verb send" -l field -x -d "Give each entry this field, name=value, too"
complete -c udsctl -n "__udsctl_verb send" -l print-id -d "Print the ids of the entries"
complete -c udsctl -n "__udsctl_verb send" -l wait-receiver -d "Messages wait until the channel has a receiver, or so many"
complete -c udsctl -n "__udsctl_verb send" -l rejoin -x -d "After a reconnect, wait so long for the receivers of before"
complete -c udsctl -n "__udsctl_verb send" -l require-receiver -d "Exit with status 69 if a message reached nobody"
complete -c udsctl -n "__udsctl_verb send" -l timeout -x -d "Give up after this long without an answer"
complete -c udsctl -n "__udsctl_verb send" -l queue-bytes -x -d "Keep at most this much unanswered"
complete -c udsctl -n "__udsctl_verb send" -l spool -r -F -d "Keep unanswered messages in this file"
complete -c udsctl -n "__udsctl_verb send" -l spool-bytes -x -d "Let the spool take at most this much disk space"
complete -c udsctl -n "__udsctl_verb send" -l spool-sync -d "Write messages to the disk before sending them"
complete -c udsctl -n "__udsctl_verb send" -l progress -d "Show progress"
complete -c udsctl -n "__udsctl_verb send" -l no-progress -d "Never show progress"
complete -c udsctl -n "__udsctl_verb send" -l summary -d "Report totals at the end"

complete -c udsctl -n "__udsctl_verb recv" -s p -l pattern -x -d "Receive every channel that matches"
complete -c udsctl -n "__udsctl_verb recv" -s 0 -l null -d "End messages with a NUL instead of a newline"
complete -c udsctl -n "__udsctl_verb recv" -l raw -d "Replace no control characters, add no newline for --exec"
complete -c udsctl -n "__udsctl_verb recv" -s n -l count -x -d "Exit after this many messages"
complete -c udsctl -n "__udsctl_verb recv" -l format -x -d "Print messages in this format"
complete -c udsctl -n "__udsctl_verb recv" -l json -d "Print messages as JSON, one object per line"
complete -c udsctl -n "__udsctl_verb recv" -l exec -x -d "Run this command for each message"
complete -c udsctl -n "__udsctl_verb recv" -l jobs -x -d "Run up to this many commands at once"
complete -c udsctl -n "__udsctl_verb recv" -l queue-bytes -x -d "Let at most this much wait for its command"
complete -c udsctl -n "__udsctl_verb recv" -l stop-on-error -d "Exit when a command fails"
complete -c udsctl -n "__udsctl_verb recv" -l stop-timeout -x -d "After a signal, wait this long for running commands"
complete -c udsctl -n "__udsctl_verb recv" -l timeout -x -d "Give up after this long without a message"
complete -c udsctl -n "__udsctl_verb recv" -l summary -d "Report totals at the end"
complete -c udsctl -n "__udsctl_verb recv" -l from -x -a "first last new" -d "Read streams from here on"
complete -c udsctl -n "__udsctl_verb recv" -l position -r -F \
    -d "Read streams on from where this file says"
complete -c udsctl -n "__udsctl_verb recv" -l no-wait -d "Exit when the streams have nothing more"
complete -c udsctl -n "__udsctl_verb recv" -l into -r -F -d "Write what streams have to this file, exactly once"

complete -c udsctl -n "__udsctl_verb pipe" -l hello -x -d "After each connect, send this line first"
complete -c udsctl -n "__udsctl_verb pipe" -l timeout -x -d "Give up when nothing can be sent for this long"
complete -c udsctl -n "__udsctl_verb pipe" -l queue-bytes -x -d "Keep at most this much unsent"

complete -c udsctl -n "__udsctl_verb ping" -s n -l count -x -d "Ask this many times"
complete -c udsctl -n "__udsctl_verb ping" -l timeout -x -d "Give up after this long without an answer"
complete -c udsctl -n "__udsctl_verb ping" -l json -d "Print JSON, one object per line"

complete -c udsctl -n "__udsctl_verb recv" -a "(__udsctl_ask channels --names; __udsctl_ask streams --names)"
complete -c udsctl -n "__udsctl_first send channels" -a "(__udsctl_ask channels --names)"
complete -c udsctl -n "__udsctl_first send" -a "(__udsctl_ask streams --names)"
complete -c udsctl -n "__udsctl_verb kill" -a "(__udsctl_ask clients --ids)"
complete -c udsctl -n "__udsctl_first help" -a "$verbs"

complete -c udsctl -n "__udsctl_verb stats" -s w -l watch -d "Show the figures again every second, or at this interval"
complete -c udsctl -n "__udsctl_verb stats" -s n -l count -x -d "Exit after showing the figures this many times"
complete -c udsctl -n "__udsctl_verb stats groups" -l format -x -a "text json openmetrics prometheus" \
    -d "Format of the figures"
complete -c udsctl -n "__udsctl_verb clients" -l ids -d "Print only the ids"
complete -c udsctl -n "__udsctl_verb channels services streams groups" -l names -d "Print only the names"
complete -c udsctl -n "__udsctl_first streams groups pending trim export import check jobs retry drop wait pause resume" -a "(__udsctl_ask streams --names)"
complete -c udsctl -n "__udsctl_verb work delete" -a "(__udsctl_ask streams --names)"
complete -c udsctl -n "__udsctl_verb work jobs retry drop wait pause resume" -s g -l group -x -a "(__udsctl_ask groups --names)" -d "The group of workers"
complete -c udsctl -n "__udsctl_verb pause" -l create -d "Make the stream, or its group, if it is missing"
complete -c udsctl -n "__udsctl_verb work" -s j -l jobs -x -d "Run up to this many commands at once"
complete -c udsctl -n "__udsctl_verb work" -l retries -x -d "Try a job again this often, then it is dead"
complete -c udsctl -n "__udsctl_verb work" -l backoff -x -d "Wait so long before each retry, like 1s..5m"
complete -c udsctl -n "__udsctl_verb work" -l dead-letter -x -a "(__udsctl_ask streams --names)" -d "Put dead jobs there"
complete -c udsctl -n "__udsctl_verb work" -l timeout -x -d "End a command that takes longer"
complete -c udsctl -n "__udsctl_verb work" -l rate -x -d "Start at most this many commands, like 100/s"
complete -c udsctl -n "__udsctl_verb work" -s n -l count -x -d "End after this many jobs"
complete -c udsctl -n "__udsctl_verb work" -l drain -d "End when no job is waiting"
complete -c udsctl -n "__udsctl_verb work" -l raw -d "Add no newline to messages"
complete -c udsctl -n "__udsctl_verb work" -l print -d "Print jobs; each is done once it is written"
complete -c udsctl -n "__udsctl_verb work" -s 0 -l null -d "End jobs with a NUL instead of a newline"
complete -c udsctl -n "__udsctl_verb work" -l json -d "Print jobs as JSON, one object per line"
complete -c udsctl -n "__udsctl_verb jobs" -l dead -d "List dead jobs"
complete -c udsctl -n "__udsctl_verb jobs" -s n -l count -x -d "List at most so many of each state"
complete -c udsctl -n "__udsctl_verb jobs" -l ids -d "Print only the ids"
complete -c udsctl -n "__udsctl_verb retry" -l all -d "Retry all dead jobs of the stream"
complete -c udsctl -n "__udsctl_verb retry; and not __udsctl_first retry" -a "(__udsctl_jobs --dead)"
complete -c udsctl -n "__udsctl_verb drop wait; and not __udsctl_first drop wait" -a "(__udsctl_jobs)"
complete -c udsctl -n "__udsctl_verb wait" -l timeout -x -d "Give up after so long"
complete -c udsctl -n "__udsctl_verb call" -l timeout -x -d "Give up after this long without an answer"
complete -c udsctl -n "__udsctl_verb call" -l wait -x -d "Wait so long for a worker to come"
complete -c udsctl -n "__udsctl_verb call" -l retry -x -d "Repeat the request this often if its worker or the daemon dies"
complete -c udsctl -n "__udsctl_verb call" -l lines -d "Each line of standard input is a request"
complete -c udsctl -n "__udsctl_verb call" -l parallel -x -d "With --lines, so many requests at once"
complete -c udsctl -n "__udsctl_verb call" -l raw -d "Replace no control characters on a terminal"
complete -c udsctl -n "__udsctl_verb call" -l json -d "Print answers, and reasons for none, as JSON"
complete -c udsctl -n "__udsctl_first call services" -a "(__udsctl_ask services --names)"
complete -c udsctl -n "__udsctl_verb serve" -a "(__udsctl_ask services --names)"
complete -c udsctl -n "__udsctl_verb serve" -l lines -d "Start the command once; it answers each line with a line"
complete -c udsctl -n "__udsctl_verb serve" -s j -l jobs -x -d "Run up to this many commands at once"
complete -c udsctl -n "__udsctl_verb channels" -l receivers -x -a "(__udsctl_ask channels --names)" \
    -d "List who receives this channel"
complete -c udsctl -n "__udsctl_verb top" -l interval -x -d "Refresh at this interval"
complete -c udsctl -n "__udsctl_verb top" -l sort -x \
    -a "channel messages deliveries receivers queued clogged waiting dropped id pid user command name published \
        delivered unsent subscriptions age state channels stream added entries size group source given behind unacknowledged \
        consumers service calls failures requests busy workers idle p50 p99 groups pending lag owner" -d "Sort by this column"
complete -c udsctl -n "__udsctl_verb top" -s n -l count -x -d "Exit after this many refreshes"
complete -c udsctl -n "__udsctl_verb top" -l batch -d "Print plain text instead of using the terminal"
complete -c udsctl -n "__udsctl_verb monitor" -s c -l channel -x -a "(__udsctl_ask channels --names)" \
    -d "Only messages of channels that match"
complete -c udsctl -n "__udsctl_verb monitor" -s n -l count -x -d "Exit after this many messages"
complete -c udsctl -n "__udsctl_verb clients monitor kill" -s u -l user -x -a "(__fish_complete_users)" \
    -d "Restrict to this user"
complete -c udsctl -n "__udsctl_verb clients monitor kill" -l pid -x -a "(__fish_complete_pids)" \
    -d "Restrict to this process"
complete -c udsctl -n "__udsctl_verb check" -l warning -x -d "Warn if the answer takes longer"
complete -c udsctl -n "__udsctl_verb check" -l critical -x -d "Critical if the answer takes longer"
complete -c udsctl -n "__udsctl_verb check" -l lag -x -d "Critical if a group of a stream is behind by more entries"
complete -c udsctl -n "__udsctl_verb check" -l pending-age -x \
    -d "Critical if an entry is pending that was added longer ago"
complete -c udsctl -n "__udsctl_verb pending" -s n -l count -x -d "Show at most this many entries"
complete -c udsctl -n "__udsctl_verb trim" -l max-entries -x -d "Keep this many"
complete -c udsctl -n "__udsctl_verb trim" -l older-than -x -d "Remove those that were added longer ago"
complete -c udsctl -n "__udsctl_verb trim" -l before -x -d "Remove those before this one"
complete -c udsctl -n "__udsctl_verb export" -l from -x -d "Print only what is behind this entry"
complete -c udsctl -n "__udsctl_verb stats clients channels services streams groups pending jobs monitor kill trim import bench" -l json -d "Print JSON, one object per line"
complete -c udsctl -n "__udsctl_verb stats clients channels services streams groups pending jobs retry drop pause resume monitor kill trim delete export import reload backup check bench" \
    -l timeout -x -d "Give up after this long without an answer"
