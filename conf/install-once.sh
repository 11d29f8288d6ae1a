#!/bin/sh
# install-once.sh FILE TARGET: puts a configuration file in place where there is none yet.
set -eu
target=${DESTDIR:-}$2
if [ -e "$target" ]; then
    echo "$target is there already and stays as it is"
else
    install -D -m 644 "$1" "$target"
fi
