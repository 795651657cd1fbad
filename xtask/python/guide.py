"""The commands of a guide: taken out of its Markdown, and run in one shell as its reader would.

What a guide has to keep to:

- Commands stand in blocks of `sh`. All of them run, in their order; variables and functions of one are there for the later ones.
- A block below `<!-- real clouds: reason -->` is not run. What later ones need of it has a stand-in.
"""

import os
import re
import subprocess
import threading
from dataclasses import dataclass

REMARK = re.compile(r"<!-- real clouds: (.+) -->")
CHECKPOINT = "@@ checkpoint: "
# Longer than any run on a busy machine.
LIMIT_SECONDS = 900

# A command that fails ends the shell, and its line is named, also in functions and substitutions. Commands have no input; on
# descriptor 9 the test answers at a checkpoint.
PREAMBLE = f"""
unset BASH_ENV
set -Eeuo pipefail
exec 9<&0 </dev/null
trap 'echo "$GUIDE:$LINENO: exit code $?: $BASH_COMMAND"' ERR
checkpoint() {{ echo "{CHECKPOINT}$1"; read -r _ <&9; }}
"""


@dataclass(frozen=True)
class Block:
    """One block of commands."""

    # Number of the first command's line in the guide, from 1.
    line: int
    commands: tuple[str, ...]
    # Why it is not run, if it is not.
    reason: str | None


def blocks(text):
    """All blocks of a guide, in order."""
    found, commands, start, reason = [], None, 0, None
    for number, line in enumerate(text.splitlines(), 1):
        if commands is not None:
            if line == "```":
                found.append(Block(start, tuple(commands), reason))
                commands, reason = None, None
            else:
                commands.append(line)
        elif line == "```sh":
            commands, start = [], number + 1
        elif line.strip():
            assert reason is None, f"line {number}: a block of `sh` must follow a remark about real clouds"
            remark = REMARK.fullmatch(line)
            reason = remark and remark[1]
    assert commands is None and reason is None, "the guide ends within a block, or before one that a remark is about"
    return found


def script(text, stand_ins, checkpoints):
    """A shell script whose line numbers are those of the guide. `stand_ins` has commands in place of blocks that are not run, by
    their first command; `checkpoints` are headings at which the test has a look."""
    lines = text.splitlines()
    made = [f'checkpoint "{line}"' if line in checkpoints else "" for line in lines]
    assert set(checkpoints) <= set(lines), "a heading for a checkpoint is not there"
    for block in blocks(text):
        commands = block.commands if block.reason is None else (stand_ins.get(block.commands[0], ""),)
        made[block.line - 1 : block.line - 1 + len(commands)] = commands
    return "\n".join(made) + "\n"


@dataclass(frozen=True)
class Outcome:
    """What the shell wrote, and how it ended."""

    lines: list[str]
    exit_code: int

    @property
    def failures(self):
        """Commands that failed, with their lines in the guide; one within a substitution does not end the shell."""
        return [line for line in self.lines if re.match(r"\S+\.md:\d+: exit code", line)]


def run(name, commands, folder, environment, on_line, at_checkpoint):
    """Runs a script in `folder`. `name` is what the guide is called in reports of failures. Each line of output goes to `on_line`;
    at a checkpoint the shell waits until `at_checkpoint`, which is given the heading, returns."""
    (folder / "preamble.sh").write_text(PREAMBLE)
    (folder / "guide.sh").write_text(commands)
    shell = subprocess.Popen(
        ["bash", folder / "guide.sh"], cwd=folder, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, env=environment | {"BASH_ENV": str(folder / "preamble.sh"), "GUIDE": name},
        start_new_session=True,
    )  # fmt: skip
    # With all that it has started: one of them could keep its output open.
    watchdog = threading.Timer(LIMIT_SECONDS, lambda: os.killpg(shell.pid, 9))
    watchdog.start()
    lines = []
    try:
        for line in map(str.rstrip, shell.stdout):
            print(line, flush=True)
            lines.append(line)
            if line.startswith(CHECKPOINT):
                at_checkpoint(line.removeprefix(CHECKPOINT))
                shell.stdin.write("\n")
                shell.stdin.flush()
            else:
                on_line(line)
        return Outcome(lines, shell.wait())
    finally:
        watchdog.cancel()
        if shell.poll() is None:
            os.killpg(shell.pid, 9)
            shell.wait()
