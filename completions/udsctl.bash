# bash completion for udsctl

# Asks the running daemon (channels --names, clients --ids); prints nothing if there is none.
_udsctl_ask() {
    local i socket=()
    for ((i = 1; i + 1 < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        -s | --socket) socket=(--socket "${COMP_WORDS[i + 1]}") ;;
        esac
    done
    "${COMP_WORDS[0]}" "${socket[@]}" "$@" --timeout 500ms 2>/dev/null
}

# Names may contain blanks; "-o filenames" below makes bash quote them.
_udsctl_channels() {
    local name
    while IFS= read -r name; do
        [[ $name == "$1"* ]] && COMPREPLY+=("$name")
    done < <(_udsctl_ask channels --names)
}

_udsctl() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
    local verbs='send recv pipe ping stats clients channels top monitor kill reload check bench help' options='--socket --verbose --help --version' verb='' i

    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        -s | --socket) ((i++)) ;;
        -*) ;;
        *)
            verb=${COMP_WORDS[i]}
            break
            ;;
        esac
    done

    case $prev in
    -s | --socket | -f | --file | --spool)
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return
        ;;
    -c | --channel)
        _udsctl_channels "$cur"
        return
        ;;
    -u | --user)
        mapfile -t COMPREPLY < <(compgen -u -- "$cur")
        return
        ;;
    --format)
        [ "$verb" != stats ] || mapfile -t COMPREPLY < <(compgen -W 'text json openmetrics prometheus' -- "$cur")
        return
        ;;
    --sort)
        mapfile -t COMPREPLY < <(compgen -W 'channel messages deliveries receivers queued clogged waiting dropped id
            pid user command name published delivered unsent subscriptions age state' -- "$cur")
        return
        ;;
    --timeout | --interval | --queue-bytes | --spool-bytes | --rate | --count | --hello | --pattern | --exec | --jobs | \
        --pid | --warning | --critical | -n | -p)
        return
        ;;
    esac

    case $verb in
    '')
        if [[ $cur != -* ]]; then
            mapfile -t COMPREPLY < <(compgen -W "$verbs" -- "$cur")
            return
        fi
        ;;
    send)
        options+=' --file --null --whole --rate --wait-receiver --rejoin --require-receiver --timeout --queue-bytes --spool'
        options+=' --spool-bytes --spool-sync --progress --no-progress --summary'
        ;;
    recv)
        options+=' --pattern --null --raw --count --format --json --exec --jobs --queue-bytes --stop-on-error'
        options+=' --timeout --summary'
        ;;
    pipe) options+=' --hello --timeout --queue-bytes' ;;
    ping) options+=' --count --json --timeout' ;;
    stats) options+=' --watch --count --json --format --timeout' ;;
    clients) options+=' --user --pid --json --ids --timeout' ;;
    channels) options+=' --json --names --timeout' ;;
    top) options+=' --interval --sort --count --batch' ;;
    monitor) options+=' --channel --user --pid --count --json --timeout' ;;
    kill) options+=' --user --pid --json --timeout' ;;
    reload) options+=' --timeout' ;;
    check) options+=' --warning --critical --timeout' ;;
    bench) options+=' --json --timeout' ;;
    esac
    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
        return
    fi
    case $verb in
    recv | channels) _udsctl_channels "$cur" ;;
    send) ((COMP_CWORD == i + 1)) && _udsctl_channels "$cur" ;;
    kill) mapfile -t COMPREPLY < <(compgen -W "$(_udsctl_ask clients --ids)" -- "$cur") ;;
    help) mapfile -t COMPREPLY < <(compgen -W "$verbs" -- "$cur") ;;
    esac
}

complete -o filenames -F _udsctl udsctl
