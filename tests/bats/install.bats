#!/usr/bin/env bats
# The installed files, units, manuals and completions.

load helper

@test "meson install puts every file into its place" {
    DESTDIR=$DIR/root meson install -C "$BUILD" --no-rebuild --quiet
    cd "$DIR/root"
    local prefix
    prefix=$(dirname "$(dirname "$(find . -name udsctl -path '*/bin/*')")")
    [ -x "$prefix/bin/udsd" ]
    [ -x "$prefix/bin/udsctl" ]
    [ -f etc/udsd/udsd.conf ]
    # The next installation keeps the administrator's configuration.
    echo '# mine' >>etc/udsd/udsd.conf
    DESTDIR=$DIR/root meson install -C "$BUILD" --no-rebuild --quiet
    grep -q '^# mine' etc/udsd/udsd.conf
    find . -name udsd.1 | grep -q man1
    find . -name udsd.conf.5 | grep -q man5
    find . -name udsctl.1 | grep -q man1
    find . -name udsd-protocol.7 | grep -q man7
    [ -f "$prefix/lib/systemd/system/udsd.service" ]
    [ -f "$prefix/lib/systemd/system/udsd.socket" ]
    [ -f "$prefix/lib/systemd/user/udsd.service" ]
    [ -f "$prefix/lib/systemd/user/udsd.socket" ]
    [ -f "$prefix/lib/sysusers.d/udsd.conf" ]
    [ -f "$prefix/share/doc/udsd/examples/network.conf" ]
    [ -f "$prefix/share/doc/udsd/examples/group.conf" ]
    [ -f "$prefix/share/doc/udsd/examples/services.py" ]
    [ -f "$prefix/share/doc/udsd/examples/services.mjs" ]
    for program in udsd udsctl; do
        [ -f "$prefix/share/bash-completion/completions/$program" ]
        [ -f "$prefix/share/zsh/site-functions/_$program" ]
        [ -f "$prefix/share/fish/vendor_completions.d/$program.fish" ]
    done
    grep -q "^ExecStart=/.*${prefix#.}/bin/udsd --config /etc/udsd/udsd.conf\$\|^ExecStart=${prefix#.}/bin/udsd --config /etc/udsd/udsd.conf\$" \
        "$prefix/lib/systemd/system/udsd.service"
}

@test "ninja uninstall removes every file that was installed" {
    local left
    DESTDIR=$DIR/root meson install -C "$BUILD" --no-rebuild --quiet
    ninja -C "$BUILD" uninstall
    left=$(find "$DIR/root" -type f -printf '%P\n')
    # The configuration is the administrator's.
    assert_equal "$left" etc/udsd/udsd.conf
    "$PYTHON" "$TOOLS/examples.py" blocks "$TOP/README.md" Install | tr '\0' '\n' >"$DIR/commands"
    grep -qx 'sudo ninja -C build uninstall' "$DIR/commands"
    grep -qx 'sudo rm -r /etc/udsd /run/udsd' "$DIR/commands"
}

@test "mandoc finds no mistake in the manuals" {
    run mandoc -Tlint -Wwarning "$TOP"/man/*.[1-9]
    assert_success
    assert_output ''
}

@test "the manuals refer to each other by the sections that they have" {
    local name section n=0
    while read -r name section; do
        [ -f "$TOP/man/$name.$section" ] || fail "there is no $name($section)"
        n=$((n + 1))
    done < <(cat "$TOP"/man/*.[1-9] | sed -nE 's/^\.Xr (udsd[^ ]*|udsctl) ([0-9]).*/\1 \2/p
        '; grep -rhoE '(udsd(\.conf|-protocol)?|udsctl)\([0-9]\)' "$TOP"/{README.md,CONTRIBUTING.md,conf,systemd,completions,debian} |
        tr '()' '  ')
    ((n >= 20))
}

@test "the units have only known settings" {
    command -v systemd-analyze >/dev/null || skip "no systemd-analyze"
    DESTDIR=$DIR/root meson install -C "$BUILD" --no-rebuild --quiet
    local units=$DIR/units kind
    for kind in system user; do
        mkdir -p "$units/$kind"
        find "$DIR/root" -path "*/lib/systemd/$kind/*" -exec cp {} "$units/$kind/" \;
        sed -i "s|=/[^ ]*/udsd |=$UDSD |" "$units/$kind/udsd.service"
        run systemd-analyze verify --man=no "--$kind" "$units/$kind/udsd.service" "$units/$kind/udsd.socket"
        refute_output --partial "$units"
    done
    # systemd-analyze does report an unknown setting.
    echo 'Nonsense=yes' >>"$units/system/udsd.socket"
    run systemd-analyze verify --man=no "$units/system/udsd.socket"
    assert_output --partial Nonsense
}
