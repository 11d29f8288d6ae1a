#!/usr/bin/env bats
# The folders of daemon/ and cli/ are layers: includes point down, modules form no cycle, names are unique within a
# program. tests/tools/layers.py checks that, and the compiler refuses an include or a call that points up.

load helper

layers() { # ARGUMENT...
    "$PYTHON" "$TOOLS/layers.py" "$@"
}

# copy_tree: $TREE is a copy of the sources to plant mistakes in; $BASE is what layers.py says about it so far.
copy_tree() {
    TREE=$DIR/tree
    mkdir "$TREE"
    cp -r "$TOP/daemon" "$TOP/cli" "$TOP/common" "$TREE"
    layers "$TREE" >"$DIR/base" || true
}

# plant FILE LINE...: writes a source file of the copy.
plant() {
    printf '%s\n' "${@:2}" >"$TREE/$1"
}

# assert_found LINE...: layers.py fails, and says these lines in addition.
assert_found() {
    run layers "$TREE"
    assert_failure 1
    assert_equal "$(grep -vxFf "$DIR/base" <<<"$output" | sort)" "$(printf '%s\n' "$@" | sort)"
}

assert_nothing_found() {
    run layers "$TREE"
    assert_equal "$output" "$(cat "$DIR/base")"
}

# first_header FOLDER: a header of this folder.
first_header() {
    local headers=("$TOP/$1"/*.h)
    basename "${headers[0]}"
}

@test "includes point down, without cycles; headers and functions have one place in a program" {
    run layers "$TOP"
    assert_success
    assert_output ''
}

@test "a cycle is found and named: of headers, and of a .c with another module's header" {
    copy_tree
    plant daemon/bus/planted-a.h '#include "planted-b.h"'
    plant daemon/bus/planted-b.h '#include "planted-c.h"'
    plant daemon/bus/planted-c.h '#include "planted-a.h"'
    plant common/planted-d.h ''
    plant common/planted-d.c '#include "planted-d.h"' '#include "planted-e.h"'
    plant common/planted-e.h '  #  include "planted-d.h" /* as far as the compiler cares */'
    assert_found 'cycle: daemon/bus/planted-a -> daemon/bus/planted-b -> daemon/bus/planted-c -> daemon/bus/planted-a' \
        'cycle: common/planted-d -> common/planted-e -> common/planted-d'
    plant daemon/bus/planted-c.h '/* #include "planted-a.h" */'
    plant common/planted-e.h '// #include "planted-d.h"'
    assert_nothing_found
}

@test "an include of a folder that is not below is found: above, beside, in the other program, by its path" {
    copy_tree
    plant daemon/session/planted-up.h ''
    plant cli/recv/planted-side.h ''
    plant daemon/bus/planted.c '#include "planted-up.h"'
    plant cli/send/planted.c '#include "planted-side.h"'
    plant daemon/net/planted.c '#include "planted-side.h"'
    plant daemon/queue/planted.h '#include "../session/planted-up.h"'
    plant common/planted-up.c '#include "planted-up.h"'
    assert_found \
        'daemon/bus/planted.c: includes "planted-up.h" of daemon/session, which is not below daemon/bus' \
        'cli/send/planted.c: includes "planted-side.h" of cli/recv, which is not below cli/send' \
        'daemon/net/planted.c: includes "planted-side.h", which no folder of this program has' \
        'daemon/queue/planted.h: includes "../session/planted-up.h" of daemon/session, which is not below daemon/queue' \
        'common/planted-up.c: includes "planted-up.h" of daemon/session, which is not below common' \
        'common/planted-up.c: includes "planted-up.h", which no folder of this program has'
}

@test "the order of the folders is that of meson.build" {
    copy_tree
    plant daemon/clients/planted-low.h ''
    plant daemon/bus/planted.c '#include "planted-low.h"'
    assert_nothing_found
    sed -i 's/\bstreams_dep\b/queue_dep/; s/, services_dep\b//' "$TREE/daemon/bus/meson.build"
    run layers "$TREE"
    assert_failure 1
    assert_line 'daemon/bus/planted.c: includes "planted-low.h" of daemon/clients, which is not below daemon/bus'
}

@test "a header's name that a program has twice is found" {
    copy_tree
    plant daemon/net/planted.h ''
    plant cli/link/planted.h ''
    assert_nothing_found # in two programs
    plant daemon/queue/planted.h ''
    plant cli/top/version.h '' # Meson makes the one of common/
    assert_found 'planted.h: this header is in daemon/net and daemon/queue' \
        'version.h: this header is in cli/top and common'
}

@test "a function that two files of a program export is found" {
    copy_tree
    plant daemon/net/planted.c 'int' 'planted_one(void)' '{' '}'
    plant cli/link/planted.c 'int' 'planted_one(void)' '{' '}'
    plant daemon/bus/planted.c 'static int' 'planted_one(void)' '{' '}'
    plant daemon/clients/planted.c 'int' 'planted_one(void);'
    assert_nothing_found
    plant common/planted-too.c '__attribute__((noinline)) const struct planted *' \
        'planted_one(const char *text, /* {a comment} */' '            int n)' '{' '}'
    assert_found 'planted_one(): defined in common/planted-too.c and daemon/net/planted.c' \
        'planted_one(): defined in cli/link/planted.c and common/planted-too.c'
}

# compile FILE COPY: checks COPY with the options that the build has for FILE, or for the first file of that folder.
compile() {
    local command
    command=$(jq -r --arg file "/$1[^/]*$" \
        'first(.[] | select(.file | test($file) and (contains("tests/unit/") | not)) | .command)' \
        "$BUILD/compile_commands.json")
    [ -n "$command" ] || fail "$1 is not in compile_commands.json"
    # Without the options for the build's own output.
    command=$(sed -E 's/ -MD -MQ [^ ]+ -MF [^ ]+ -o [^ ]+ -c [^ ]+$//' <<<"$command")
    (cd "$BUILD" && eval "$command -fsyntax-only '$2'")
}

@test "an include that points up and a call without its header do not compile" {
    local up
    up=$(first_header daemon/session)
    local file=daemon/bus/access.c copy=$DIR/copy.c
    cp "$TOP/$file" "$copy"
    run compile "$file" "$copy"
    assert_success
    { printf '#include "%s"\n' "$up"; cat "$TOP/$file"; } >"$copy"
    run compile "$file" "$copy"
    assert_failure
    assert_output --regexp "$up.*(No such file|not found)"
    { cat "$TOP/$file"; printf 'void planted(void);\nvoid\nplanted(void)\n{\n        planted_above();\n}\n'; } >"$copy"
    run compile "$file" "$copy"
    assert_failure
    assert_output --partial planted_above
}

@test "the compiler finds no header of a folder that is not below" {
    local folder header
    while read -r folder header; do
        [ ! -e "/usr/include/$header" ] || continue # the C library's is found
        printf '#if __has_include("%s")\n#error %s is found\n#endif\n' "$header" "$header" >>"$DIR/${folder/\//-}.c"
    done < <(layers "$TOP" --outside)
    for folder in "$TOP"/{daemon,cli}/*/ "$TOP"/{common,daemon,cli}/; do
        folder=${folder#"$TOP/"}
        folder=${folder%/}
        echo 'int planted;' >>"$DIR/${folder/\//-}.c"
        run compile "$folder/" "$DIR/${folder/\//-}.c"
        assert_success
        assert_output ''
    done
    # It does find those that are below.
    printf '#if __has_include("%s")\n#error found\n#endif\n' "$(first_header daemon/queue)" >"$DIR/below.c"
    run compile daemon/bus/ "$DIR/below.c"
    assert_failure
}
