"""
Types a command line into an interactive shell on a terminal of its own, where Tab completes it and Enter runs it.

usage: complete.py SHELL COMPLETIONS UDSCTL DIRECTORY LINE [--list]

Prints the arguments that udsctl, or udsd, then gets, one per line; with --list what the terminal shows instead. DIRECTORY is
the home and the working directory of the shell.
EXTRA in the environment is what bash runs before. Exits with status 1 if the shell does not run the line in time.
"""
import os
import pty
import re
import select
import signal
import sys
import time

PATIENCE = float(os.environ.get("UDSD_TEST_PATIENCE", "30"))
PROMPT = b"ready> "
# The completions ask the real one, and always with this timeout. Else the command line is complete.
UDSCTL = """#!/bin/sh
case "$*" in *' --timeout 500ms') exec {udsctl} "$@" ;; esac
: >{home}/arguments.new
for argument; do printf '%s\\n' "$argument" >>{home}/arguments.new; done
mv {home}/arguments.new {home}/arguments
"""
BASHRC = """PS1='ready> '
bind 'set show-all-if-ambiguous on'
bind 'set enable-bracketed-paste off'
eval "$EXTRA"
. {completions}/udsctl.bash
. {completions}/udsd.bash
"""
ZSHRC = """PS1='ready> '
unsetopt prompt_sp
fpath=({completions} $fpath)
autoload -Uz compinit
compinit -u -D
"""
FISHRC = """function fish_prompt; printf 'ready> '; end
function fish_greeting; end
source {completions}/udsctl.fish
source {completions}/udsd.fish
"""


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)


def command(shell, home, completions):
    if shell == "bash":
        write(f"{home}/bashrc", BASHRC.format(completions=completions))
        return ["bash", "--noprofile", "--rcfile", f"{home}/bashrc", "-i"]
    if shell == "zsh":
        write(f"{home}/.zshrc", ZSHRC.format(completions=completions))
        return ["zsh", "-d", "-i"]
    write(f"{home}/config.fish", FISHRC.format(completions=completions))
    return ["fish", "--no-config", "--private", "-i", "-C", f"source {home}/config.fish"]


def type_line(words, home, line):
    environ = dict(os.environ, HOME=home, ZDOTDIR=home, TERM="xterm", LC_ALL="C.UTF-8",
                   PATH=f"{home}/bin:{os.environ['PATH']}", XDG_CONFIG_HOME=f"{home}/config",
                   XDG_DATA_HOME=f"{home}/data", COLUMNS="200", LINES="40")
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(home)
        os.execvpe(words[0], words, environ)
    end = time.monotonic() + PATIENCE
    shown, typed = b"", False
    while not os.path.exists(f"{home}/arguments") and time.monotonic() < end:
        if select.select([fd], [], [], 0.02)[0]:
            try:
                shown += os.read(fd, 65536)
            except OSError:
                break
        if not typed and PROMPT in shown:
            os.write(fd, (line + "\t\r").encode())
            typed = True
    os.kill(pid, signal.SIGKILL)
    os.close(fd)
    os.waitpid(pid, 0)
    return shown.decode(errors="replace")


def main():
    shell, completions, udsctl, home, line = sys.argv[1:6]
    for program in ("udsctl", "udsd"):
        write(f"{home}/bin/{program}", UDSCTL.format(udsctl=udsctl, home=home))
        os.chmod(f"{home}/bin/{program}", 0o755)
    if os.path.exists(f"{home}/arguments"):
        os.unlink(f"{home}/arguments")
    shown = type_line(command(shell, home, completions), home, line)
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[=>]|\x1b\][^\x07]*\x07|\x1b\(B|[\r\x0f\x07]", "", shown)
    if not os.path.exists(f"{home}/arguments"):
        sys.exit(f"the line was not run: {shown!r}")
    if "--list" in sys.argv[6:]:
        print(shown)
        return
    with open(f"{home}/arguments") as file:
        print(file.read(), end="")


main()
