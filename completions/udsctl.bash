# bash completion for udsctl

_udsctl() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
    local verbs='send recv pipe ping' options='--socket --verbose --help --version' verb='' i

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
    --timeout | --queue-bytes | --spool-bytes | --rate | --count | --hello | --pattern | --format | --exec | --jobs | -n | -p)
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
        options+=' --file --null --whole --rate --wait-receiver --timeout --queue-bytes --spool --spool-bytes'
        options+=' --spool-sync --progress --no-progress --summary'
        ;;
    recv)
        options+=' --pattern --null --count --format --json --exec --jobs --queue-bytes --stop-on-error'
        options+=' --timeout --summary'
        ;;
    pipe) options+=' --hello --timeout --queue-bytes' ;;
    ping) options+=' --count --timeout' ;;
    esac
    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
    fi
}

complete -o filenames -F _udsctl udsctl
