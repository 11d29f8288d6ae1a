#!/usr/bin/env bats
# Debian's packages, as ./dev package builds them, and what Meson builds: installed, upgraded and removed by the README's
# commands under a real systemd, in a container that is booted once (tests/systemd/boot) and runs
# tests/systemd/package-cases.

load helper
load service

setup_file() {
    local status=0
    prepare_boot
    if is_sanitized; then
        echo "sanitizers make no difference to the packages" >"$OUT/reason"
    elif ! command -v dh >/dev/null; then
        echo "debhelper is not installed" >"$OUT/reason"
    elif ! command -v sudo >/dev/null; then
        echo "sudo is not installed" >"$OUT/reason"
    fi
    [ ! -f "$OUT/reason" ] || return 0
    DEB_BUILD_OPTIONS="nocheck noautodbgsym" "$TOP/dev" package "$OUT/build-package" >"$OUT/build.log" 2>&1 3>&- || return 0
    if command -v lintian >/dev/null; then
        # The spelling checker mistakes machine code for words, and each Debian has its own version of the policy.
        lintian --allow-root --display-info --pedantic \
            --suppress-tags spelling-error-in-binary,out-of-date-standards-version \
            "$OUT"/build-package/*.changes >"$OUT/lintian" 2>&1 3>&- &
    fi
    dpkg-source --extract "$OUT"/build-package/udsd_*.dsc "$OUT/source" >>"$OUT/build.log" 2>&1
    "$PYTHON" "$TOOLS/examples.py" blocks "$TOP/README.md" Install >"$OUT/Install"
    boot package-cases
    wait
}

@test "the packages are built" {
    skip_if_impossible
    cat "$OUT/build.log"
    ls "$OUT"/build-package/udsd_*.deb "$OUT"/build-package/udsctl_*.deb
}

@test "lintian finds nothing" {
    skip_if_impossible
    [ -f "$OUT/lintian" ] || skip "lintian is not installed"
    run cat "$OUT/lintian"
    assert_output ''
}

@test "installing them by the README's commands starts the service" {
    result_of install
}

@test "users have a hub of their own only if they enable it" {
    result_of users
}

@test "an upgrade under load loses and repeats no message, and keeps the configuration" {
    result_of upgrade
}

@test "a purge removes every file and ends every hub" {
    result_of purge
}

@test "the README's commands for other systems build, install, start and remove everything" {
    result_of from_source
}
