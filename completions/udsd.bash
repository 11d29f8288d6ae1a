# bash completion for udsd

# Readline breaks words at "=", so of --mode=route only what follows it is the word.
_udsd() {
    local cur=$2 option=$3
    [[ $cur != = ]] || cur=
    [[ $option != = ]] || option=${COMP_WORDS[COMP_CWORD - 2]}
    COMPREPLY=()
    case $option in
    --mode) mapfile -t COMPREPLY < <(compgen -W 'route echo line length whole' -- "$cur") ;;
    --type) mapfile -t COMPREPLY < <(compgen -W 'stream seqpacket dgram' -- "$cur") ;;
    --deliver | --ack) mapfile -t COMPREPLY < <(compgen -W 'yes no' -- "$cur") ;;
    --log-level) mapfile -t COMPREPLY < <(compgen -W 'error warning info debug' -- "$cur") ;;
    --store | --salvage)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -d -- "$cur")
        ;;
    --config | --listen)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        ;;
    --channel) ;;
    *)
        mapfile -t COMPREPLY < <(compgen -W '--config --listen --mode --channel --deliver --ack --type --store
            --salvage --log-level --check-config --print-config --help --version' -- "$cur")
        ;;
    esac
}

complete -F _udsd udsd
