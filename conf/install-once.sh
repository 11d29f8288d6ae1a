#!/bin/sh
# install-once.sh FILE TARGET: installs a configuration file, unless there is one already.
set -eu
target=${DESTDIR:-}$2
if [ -e "$target" ]; then
    echo "$target exists and is left unchanged"
else
    install -D -m 644 "$1" "$target"
fi
