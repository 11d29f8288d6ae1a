# bash completion for udsctl
#
# Readline breaks words at "=" and ":", and replaces only what follows the last break. So the words are put together
# again, a candidate is compared with the whole word that is being completed, and loses what stands before the break.
# Nothing that the user typed is evaluated. Candidates are quoted here: readline would take names for names of files,
# and add a "/" where a directory has the same name.

# Removes the quotes from $1, into _udsctl_plain. _udsctl_quote: the quote that is still open at the end, or nothing.
_udsctl_unquote() {
    local text=$1 c i
    _udsctl_plain='' _udsctl_quote=''
    for ((i = 0; i < ${#text}; i++)); do
        c=${text:i:1}
        case $_udsctl_quote$c in
        \' | \") _udsctl_quote=$c ;;
        \'\' | \"\") _udsctl_quote='' ;;
        \\)
            ((++i))
            _udsctl_plain+=${text:i:1}
            ;;
        \"\\)
            case ${text:i+1:1} in
            [\\\"\$\`]) ((++i)) ;;
            esac
            _udsctl_plain+=${text:i:1}
            ;;
        *) _udsctl_plain+=$c ;;
        esac
    done
    [[ $text != '~/'* ]] || _udsctl_plain=$HOME${_udsctl_plain#'~'}
}

# Adds the candidates that begin with the word; $1 stands before each of them.
_udsctl_offer() {
    local option=$1 candidate
    while IFS= read -r candidate; do
        candidate=$option$candidate
        [[ -n $candidate && $candidate == "$cur"* ]] || continue
        candidate=${candidate#"$kept"}
        case $quote in
        '') printf -v candidate %q "$candidate" ;;
        \') candidate=${candidate//\'/"'\\''"} ;;
        \")
            candidate=${candidate//\\/\\\\}
            candidate=${candidate//\"/\\\"}
            candidate=${candidate//\$/\\\$}
            candidate=${candidate//\`/\\\`}
            ;;
        esac
        COMPREPLY+=("$candidate")
    done
}

_udsctl_offer_words() {
    # shellcheck disable=SC2086 # a list of words
    _udsctl_offer "$1" < <(printf '%s\n' $2)
}

# Files are left to readline: it quotes them, knows "~" and marks directories.
_udsctl_offer_files() {
    local option=$1 name path=${cur#"$1"}
    compopt -o filenames 2>/dev/null
    [[ $raw != "$option~/"* ]] || path='~'${path#"$HOME"}
    while IFS= read -r name; do
        # Behind "-f", readline cannot see that it is a directory.
        if [[ -n $option && -z $kept && -d $name ]]; then
            name+=/
            compopt -o nospace 2>/dev/null
        fi
        name=$option$name
        COMPREPLY+=("${name#"$kept"}")
    done < <(compgen -f -- "$path")
}

# Asks the running daemon (channels --names, streams --names, services --names, clients --ids,
# jobs --ids); prints nothing if there is none.
_udsctl_ask() {
    "$program" "${socket[@]}" "$@" --timeout 500ms 2>/dev/null </dev/null
}

# Of the IDs that are listed, those that are not among the arguments yet.
_udsctl_new_ids() {
    local id
    while read -r id; do
        [[ " ${given[*]} " == *" $id "* ]] || printf '%s\n' "$id"
    done
}

# The long name of an option that takes a value, or nothing. $1: as it is on the command line, without the value.
_udsctl_value_option() {
    case $1 in
    -s) echo --socket ;;
    -f) echo --file ;;
    -c) echo --channel ;;
    -u) echo --user ;;
    -p) echo --pattern ;;
    -n) echo --count ;;
    -g) echo --group ;;
    -j) echo --jobs ;;
    --socket | --file | --spool | --follow | --channel | --receivers | --user | --format | --sort | --timeout | --interval | --queue-bytes | \
        --spool-bytes | --rate | --count | --hello | --pattern | --exec | --jobs | --pid | --rejoin | --warning | \
        --critical | --stop-timeout | --delay | --at | --id | --field | --from | --position | --into | --max-entries | \
        --older-than | --before | --lag | --pending-age | --group | --retries | --backoff | --dead-letter | --wait | --retry | --parallel) echo "$1" ;;
    --watch | --wait-receiver) [ -z "${2:-}" ] || echo "$1" ;; # only behind "="
    esac
}

# Offers values of the option $1; $2 stands before the value in the same word.
_udsctl_offer_values() {
    case $1 in
    --socket | --file | --spool | --follow | --position | --into) _udsctl_offer_files "$2" ;;
    --channel | --receivers) _udsctl_offer "$2" < <(_udsctl_ask channels --names) ;;
    --dead-letter) _udsctl_offer "$2" < <(_udsctl_ask streams --names) ;;
    --group) _udsctl_offer "$2" < <(_udsctl_ask groups --names) ;;
    --user) _udsctl_offer "$2" < <(compgen -u) ;;
    --from) [ "$verb" != recv ] || _udsctl_offer_words "$2" 'first last new' ;;
    --format) [[ $verb != stats && $verb != groups ]] || _udsctl_offer_words "$2" 'text json openmetrics prometheus' ;;
    --sort)
        _udsctl_offer_words "$2" 'channel messages deliveries receivers queued clogged waiting dropped id pid user
            command name published delivered unsent subscriptions age state channels stream added entries size
            group source given behind unacknowledged consumers service calls failures requests busy workers idle p50 p99
            groups pending lag owner'
        ;;
    esac
}

_udsctl_offer_options() {
    local options='--socket --verbose --help --version'
    case $verb in
    send)
        options+=' --file --null --whole --rate --wait-receiver --rejoin --require-receiver --timeout --queue-bytes'
        options+=' --spool --spool-bytes --spool-sync --progress --no-progress --summary'
        options+=' --follow --position --store --delay --at --id --field --print-id'
        ;;
    recv)
        options+=' --pattern --null --raw --count --format --json --exec --jobs --queue-bytes --stop-on-error'
        options+=' --stop-timeout --timeout --summary --from --position --into --no-wait'
        ;;
    pipe) options+=' --hello --timeout --queue-bytes' ;;
    ping) options+=' --count --json --timeout' ;;
    stats) options+=' --watch --count --json --format --timeout' ;;
    clients) options+=' --user --pid --json --ids --timeout' ;;
    channels) options+=' --json --names --receivers --timeout' ;;
    streams | services) options+=' --json --names --timeout' ;;
    groups) options+=' --json --names --format --timeout' ;;
    pending) options+=' --count --json --timeout' ;;
    trim) options+=' --max-entries --older-than --before --json --timeout' ;;
    delete) options+=' --timeout' ;;
    export) options+=' --from --timeout' ;;
    import) options+=' --json --timeout' ;;
    work)
        options+=' --group --jobs --retries --backoff --dead-letter --timeout --rate --count --drain --raw --print'
        options+=' --null --json'
        ;;
    jobs) options+=' --group --dead --count --ids --json --timeout' ;;
    retry) options+=' --group --all --timeout' ;;
    pause) options+=' --group --create --timeout' ;;
    drop | wait | resume) options+=' --group --timeout' ;;
    top) options+=' --interval --sort --count --batch' ;;
    monitor) options+=' --channel --user --pid --count --json --timeout' ;;
    kill) options+=' --user --pid --json --timeout' ;;
    call) options+=' --timeout --wait --retry --lines --parallel --raw --json' ;;
    serve) options+=' --jobs --lines' ;;
    reload | backup) options+=' --timeout' ;;
    check) options+=' --warning --critical --lag --pending-age --timeout' ;;
    bench) options+=' --json --timeout' ;;
    esac
    _udsctl_offer_words '' "$options"
}

# Puts the words before the cursor together again, into raw_words, as they were typed.
_udsctl_split() {
    local line=${COMP_LINE:0:COMP_POINT} piece i
    raw_words=()
    for ((i = 0; i <= COMP_CWORD; i++)); do
        piece=${COMP_WORDS[i]}
        ((i < COMP_CWORD)) || piece=
        if [[ $i -eq 0 || $line == [[:blank:]]* ]]; then
            raw_words+=('')
            line=${line#"${line%%[![:blank:]]*}"}
        fi
        ((i < COMP_CWORD)) || piece=$line
        raw_words[${#raw_words[@]} - 1]+=$piece
        line=${line#"$piece"}
    done
}

# What the words before the cursor say: verb, given (the arguments behind the verb) and their number, arguments, waiting
# (the option whose value the word is that is being completed), ended (after "--"), behind (the arguments after that),
# socket, group (options for udsctl).
_udsctl_read_words() {
    local i word option value
    for ((i = 1; i + 1 < ${#raw_words[@]}; i++)); do
        _udsctl_unquote "${raw_words[i]}"
        word=$_udsctl_plain option='' value=''
        if [[ -n $waiting ]]; then
            option=$waiting value=$word waiting=''
        elif [[ $ended || $word != -?* ]]; then
            if [[ -n $verb ]]; then given[arguments++]=$word; else verb=$word; fi
            [[ ! $ended ]] || ((++behind))
        elif [[ $word == -- ]]; then
            ended=yes
        elif [[ $word == --*=* ]]; then
            option=${word%%=*} value=${word#*=}
            [[ $value != '~/'* ]] || value=$HOME${value#'~'}
        elif [[ $word == --* || ${#word} -eq 2 ]]; then
            waiting=$(_udsctl_value_option "$word")
        else
            option=$(_udsctl_value_option "${word:0:2}") value=${word:2}
        fi
        [[ $option != --socket ]] || socket=(--socket "$value")
        [[ $option != --group ]] || group=(--group "$value")
    done
}

_udsctl() {
    local verbs='send recv pipe ping stats clients channels services streams groups pending work jobs retry drop wait pause resume'
    verbs+=' call serve top monitor kill trim delete export import reload backup check bench help'
    local raw_words raw cur kept quote program verb='' arguments=0 behind=0 given=() group=() waiting='' ended='' socket=() option
    local _udsctl_plain _udsctl_quote

    COMPREPLY=()
    _udsctl_split
    _udsctl_unquote "${raw_words[0]}"
    program=$_udsctl_plain
    _udsctl_read_words
    raw=${raw_words[${#raw_words[@]} - 1]}
    _udsctl_unquote "${raw%"$2"}"
    kept=$_udsctl_plain
    _udsctl_unquote "$raw"
    cur=$_udsctl_plain quote=$_udsctl_quote

    if [[ -n $waiting ]]; then
        _udsctl_offer_values "$waiting" ''
    elif [[ $ended && ($verb == work || $verb == serve) ]]; then
        if ((behind == 0)) && [[ $cur != */* ]]; then
            _udsctl_offer '' < <(compgen -c -- "$cur" | sort -u)
        else
            _udsctl_offer_files ''
        fi
    elif [[ ! $ended && $cur == --*=* ]]; then
        option=$(_udsctl_value_option "${cur%%=*}" attached)
        _udsctl_offer_values "$option" "${cur%%=*}="
    elif [[ ! $ended && $cur == -[!-]?* ]]; then
        option=$(_udsctl_value_option "${cur:0:2}")
        _udsctl_offer_values "$option" "${cur:0:2}"
    elif [[ ! $ended && $cur == -* ]]; then
        _udsctl_offer_options
    elif [[ -z $verb ]]; then
        _udsctl_offer_words '' "$verbs"
    else
        case $verb,$arguments in
        recv,* | send,0) _udsctl_offer '' < <(
            _udsctl_ask channels --names
            _udsctl_ask streams --names
        ) ;;
        channels,0) _udsctl_offer '' < <(_udsctl_ask channels --names) ;;
        services,0 | call,0) _udsctl_offer '' < <(_udsctl_ask services --names) ;;
        serve,*) _udsctl_offer '' < <(_udsctl_ask services --names) ;;
        streams,0 | groups,0 | pending,0 | trim,0 | export,0 | import,0 | check,0 | jobs,0 | retry,0 | drop,0 | wait,0 | \
            pause,0 | resume,0)
            _udsctl_offer '' < <(_udsctl_ask streams --names)
            ;;
        work,* | delete,*) _udsctl_offer '' < <(_udsctl_ask streams --names) ;;
        pending,1) _udsctl_offer '' < <(_udsctl_ask groups --names "${given[0]}") ;;
        retry,*) _udsctl_offer '' < <(_udsctl_ask jobs --ids --dead "${group[@]}" "${given[0]}" | _udsctl_new_ids) ;;
        drop,* | wait,*) _udsctl_offer '' < <(_udsctl_ask jobs --ids "${group[@]}" "${given[0]}" | _udsctl_new_ids) ;;
        backup,0) _udsctl_offer_files '' ;;
        kill,*) _udsctl_offer '' < <(_udsctl_ask clients --ids | _udsctl_new_ids) ;;
        help,0) _udsctl_offer_words '' "$verbs" ;;
        esac
    fi
}

complete -F _udsctl udsctl
