#!/usr/bin/env bats
# What peers choose - names of channels, names of programs, payloads - does not control terminals and logs.

load helper
load users

# The C1 control character CSI, U+009B: terminals obey it as they obey ESC [.
CSI=$'\xc2\x9b'

refute_csi() { # FILE
    refute grep -qF "$CSI" "$1"
}

@test "C1 control characters in names reach neither tables nor lists of names" {
    local verb
    start_udsd
    receive "x${CSI}31mRED" plain
    for verb in channels 'top --batch -n 1 --interval 100ms'; do
        # shellcheck disable=SC2086 # a verb and its options
        "$UDSCTL" $verb >"$DIR/text"
        refute_csi "$DIR/text"
        contains "$DIR/text" 'x?31mRED'
    done
    run "$UDSCTL" channels --names
    assert_output plain
}

@test "C1 control characters in messages of udsctl and in lines of the log" {
    need_root
    start_configured 'socket_mode = 0666' '[channel no.*]' 'publish = root'
    run as_nobody "$UDSCTL" send "no.${CSI}31m" x
    assert_failure 77
    echo "$output" >"$DIR/said"
    refute_csi "$DIR/said"
    wait_until contains "$LOG" 'no.?31m'
    refute_csi "$LOG"
}

@test "columns are aligned below names of wide and combining characters, in any locale" {
    start_udsd
    receive ascii '日本語' $'e\xcc\x81tude'
    local locale
    for locale in C C.UTF-8; do
        LC_ALL=$locale run "$UDSCTL" channels
        assert_success
        # Padded to the 7 columns of the title.
        assert_line --index 1 --regexp '^ascii   +1 '
        assert_equal "$(sed -n 's/^ascii\( *\)1 .*/\1/p' <<<"$output" | wc -c)" "$(sed -n 's/^日本語\( *\)1 .*/ \1/p' <<<"$output" | wc -c)"
        assert_equal "$(sed -n 's/^ascii\( *\)1 .*/\1/p' <<<"$output")" "$(sed -n $'s/^e\xcc\x81tude\\( *\\)1 .*/\\1/p' <<<"$output")"
    done
}
