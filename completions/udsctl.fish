# fish completion for udsctl

set -l verbs send recv pipe ping stats clients channels top monitor kill reload check bench help
set -l no_verb "not __fish_seen_subcommand_from $verbs"

complete -c udsctl -f
complete -c udsctl -s s -l socket -r -F -d "The socket of the daemon"
complete -c udsctl -s v -l verbose -d "Report when the connection is lost and made"
complete -c udsctl -s h -l help -d "Show the help"
complete -c udsctl -s V -l version -d "Show the version"

complete -c udsctl -n $no_verb -a send -d "Publish messages, or the lines of standard input"
complete -c udsctl -n $no_verb -a recv -d "Print the messages of channels, or run a command for each"
complete -c udsctl -n $no_verb -a pipe -d "Send standard input as it is and print what comes back"
complete -c udsctl -n $no_verb -a ping -d "Ask the daemon for an answer"
complete -c udsctl -n $no_verb -a stats -d "Show the figures of the daemon"
complete -c udsctl -n $no_verb -a clients -d "List the connected clients"
complete -c udsctl -n $no_verb -a channels -d "List the channels with their counters"
complete -c udsctl -n $no_verb -a top -d "Watch channels and clients live"
complete -c udsctl -n $no_verb -a monitor -d "Print messages as they are published"
complete -c udsctl -n $no_verb -a kill -d "Close the connections of clients"
complete -c udsctl -n $no_verb -a reload -d "Make the daemon read its configuration again"
complete -c udsctl -n $no_verb -a check -d "Check the daemon, for monitoring systems"
complete -c udsctl -n $no_verb -a bench -d "Measure the daemon for three seconds"
complete -c udsctl -n $no_verb -a help -d "Open the manual"

complete -c udsctl -n "__fish_seen_subcommand_from send" -s f -l file -r -F -d "Read this file"
complete -c udsctl -n "__fish_seen_subcommand_from send" -s 0 -l null -d "Messages end with a NUL instead of a newline"
complete -c udsctl -n "__fish_seen_subcommand_from send" -l whole -d "All of standard input, or of each file, is one message"
complete -c udsctl -n "__fish_seen_subcommand_from send" -l rate -x -d "Send at most this many messages, like 100/s"
complete -c udsctl -n "__fish_seen_subcommand_from send" -l wait-receiver -d "Messages wait until the channel has a receiver, or so many"
complete -c udsctl -n "__fish_seen_subcommand_from send" -l rejoin -x -d "After a reconnect, wait so long for the receivers of before"
complete -c udsctl -n "__fish_seen_subcommand_from send" -l require-receiver -d "Exit with status 69 if a message reached nobody"
complete -c udsctl -n "__fish_seen_subcommand_from send" -l timeout -x -d "Give up after this long without an answer"
complete -c udsctl -n "__fish_seen_subcommand_from send" -l queue-bytes -x -d "Keep at most this much unanswered"
complete -c udsctl -n "__fish_seen_subcommand_from send" -l spool -r -F -d "Keep unanswered messages in this file"
complete -c udsctl -n "__fish_seen_subcommand_from send" -l spool-bytes -x -d "Let the spool take at most this much disk space"
complete -c udsctl -n "__fish_seen_subcommand_from send" -l spool-sync -d "Write messages to the disk before sending them"
complete -c udsctl -n "__fish_seen_subcommand_from send" -l progress -d "Show progress"
complete -c udsctl -n "__fish_seen_subcommand_from send" -l no-progress -d "Never show progress"
complete -c udsctl -n "__fish_seen_subcommand_from send" -l summary -d "Report totals at the end"

complete -c udsctl -n "__fish_seen_subcommand_from recv" -s p -l pattern -x -d "Receive every channel that matches"
complete -c udsctl -n "__fish_seen_subcommand_from recv" -s 0 -l null -d "End messages with a NUL instead of a newline"
complete -c udsctl -n "__fish_seen_subcommand_from recv" -l raw -d "Replace no control characters, add no newline for --exec"
complete -c udsctl -n "__fish_seen_subcommand_from recv" -s n -l count -x -d "Exit after this many messages"
complete -c udsctl -n "__fish_seen_subcommand_from recv" -l format -x -d "Print messages in this format"
complete -c udsctl -n "__fish_seen_subcommand_from recv" -l json -d "Print messages as JSON, one object per line"
complete -c udsctl -n "__fish_seen_subcommand_from recv" -l exec -x -d "Run this command for each message"
complete -c udsctl -n "__fish_seen_subcommand_from recv" -l jobs -x -d "Run up to this many commands at once"
complete -c udsctl -n "__fish_seen_subcommand_from recv" -l queue-bytes -x -d "Let at most this much wait for its command"
complete -c udsctl -n "__fish_seen_subcommand_from recv" -l stop-on-error -d "Exit when a command fails"
complete -c udsctl -n "__fish_seen_subcommand_from recv" -l timeout -x -d "Give up after this long without a message"
complete -c udsctl -n "__fish_seen_subcommand_from recv" -l summary -d "Report totals at the end"

complete -c udsctl -n "__fish_seen_subcommand_from pipe" -l hello -x -d "After each connect, send this line first"
complete -c udsctl -n "__fish_seen_subcommand_from pipe" -l timeout -x -d "Give up when nothing can be sent for this long"
complete -c udsctl -n "__fish_seen_subcommand_from pipe" -l queue-bytes -x -d "Keep at most this much unsent"

complete -c udsctl -n "__fish_seen_subcommand_from ping" -s n -l count -x -d "Ask this many times"
complete -c udsctl -n "__fish_seen_subcommand_from ping" -l timeout -x -d "Give up after this long without an answer"
complete -c udsctl -n "__fish_seen_subcommand_from ping" -l json -d "Print JSON, one object per line"

# Asks the running daemon; prints nothing if there is none.
function __udsctl_ask
    set -l socket
    set -l words (commandline -opc)
    for i in (seq (count $words))
        if contains -- $words[$i] -s --socket
            set socket --socket $words[(math $i + 1)]
        end
    end
    udsctl $socket $argv --timeout 500ms 2>/dev/null
end

complete -c udsctl -n "__fish_seen_subcommand_from send recv channels" -a "(__udsctl_ask channels --names)"
complete -c udsctl -n "__fish_seen_subcommand_from kill" -a "(__udsctl_ask clients --ids)"
complete -c udsctl -n "__fish_seen_subcommand_from help" -a "$verbs"

complete -c udsctl -n "__fish_seen_subcommand_from stats" -s w -l watch -d "Show the figures again every second, or at this interval"
complete -c udsctl -n "__fish_seen_subcommand_from stats" -s n -l count -x -d "Exit after showing the figures this many times"
complete -c udsctl -n "__fish_seen_subcommand_from stats" -l format -x -a "text json openmetrics prometheus" \
    -d "Format of the figures"
complete -c udsctl -n "__fish_seen_subcommand_from clients" -l ids -d "Print only the ids"
complete -c udsctl -n "__fish_seen_subcommand_from channels" -l names -d "Print only the names"
complete -c udsctl -n "__fish_seen_subcommand_from top" -l interval -x -d "Refresh at this interval"
complete -c udsctl -n "__fish_seen_subcommand_from top" -l sort -x \
    -a "channel messages deliveries receivers queued clogged waiting dropped id pid user command name published \
        delivered unsent subscriptions age state" -d "Sort by this column"
complete -c udsctl -n "__fish_seen_subcommand_from top" -s n -l count -x -d "Exit after this many refreshes"
complete -c udsctl -n "__fish_seen_subcommand_from top" -l batch -d "Print plain text instead of using the terminal"
complete -c udsctl -n "__fish_seen_subcommand_from monitor" -s c -l channel -x -a "(__udsctl_ask channels --names)" \
    -d "Only messages of channels that match"
complete -c udsctl -n "__fish_seen_subcommand_from monitor" -s n -l count -x -d "Exit after this many messages"
complete -c udsctl -n "__fish_seen_subcommand_from clients monitor kill" -s u -l user -x -a "(__fish_complete_users)" \
    -d "Restrict to this user"
complete -c udsctl -n "__fish_seen_subcommand_from clients monitor kill" -l pid -x -a "(__fish_complete_pids)" \
    -d "Restrict to this process"
complete -c udsctl -n "__fish_seen_subcommand_from check" -l warning -x -d "Warn if the answer takes longer"
complete -c udsctl -n "__fish_seen_subcommand_from check" -l critical -x -d "Critical if the answer takes longer"
complete -c udsctl -n "__fish_seen_subcommand_from stats clients channels monitor kill bench" -l json -d "Print JSON, one object per line"
complete -c udsctl -n "__fish_seen_subcommand_from stats clients channels monitor kill reload check bench" \
    -l timeout -x -d "Give up after this long without an answer"
