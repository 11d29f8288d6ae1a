#!/usr/bin/env bats
# Texts for people agree with their numbers: "1 message", "2 messages".

load helper

# numbered_plurals: the texts of the programs in which a number stands before a plural that never becomes a singular.
numbered_plurals() {
    local number='(%([zl]|ll)?[ud]|PRI[ud]64 *")' noun
    noun='(messages|bytes|clients|receivers|lines|commands|channels|patterns|subscriptions|connections|reconnects|arguments|replies|users|files|times|seconds)'
    # Literals that are continued on the next line count as one.
    find "$TOP/daemon" "$TOP/cli" "$TOP/common" -name '*.c' -exec sed -E ':a;N;$!ba;s/"\n\s*"//g' {} + |
        grep -oE "\"[^\"]*(\" PRI[ud]64 \"[^\"]*)*$number ([a-z]+ ){0,2}$noun\\b[^\"]*" | sed 's/^"//' | sort -u
}

@test "no number is followed by a plural whatever it is" {
    # These numbers are limits, or what is more than a limit; none can be 1.
    local never_one='longer than |too long|command takes |may have %zu|fewer than |over the |over queue_limit|over a quarter'
    never_one+='|takes more than |its transaction take |more than %d arguments|is over max_message|channel.s name has '
    never_one+='|descriptors for about |messages received but|\.\.\. \(%zu bytes\)|bytes of commands, |fields have more than '
    never_one+='|bytes of requests and unsent output, |the answer of .* has %zu bytes, '
    run numbered_plurals
    assert_success
    run grep -vE "$never_one" <<<"$output"
    assert_output ''
}

@test "send: one message, one byte" {
    run "$UDSCTL" send --timeout 100ms --summary news x
    assert_failure 75
    assert_output --partial '1 of 1 message was not answered'
    assert_output --partial 'send: 1 message, 0 answered, 1 not sent'
    start_configured '[channel no]' 'publish ='
    run "$UDSCTL" send no x
    assert_failure 77
    assert_output --partial '(1 byte) was refused'
    run "$UDSCTL" send no xx
    assert_output --partial '(2 bytes) was refused'
}
