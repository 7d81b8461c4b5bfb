"""What the demo prints, and how it keeps count of what it expected."""
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass


class DemoError(Exception):
    """The demo cannot go on; the message says why and what to do."""


@dataclass
class Run:
    """One command that was run: exit code, output, CLOCK_MONOTONIC start and end in nanoseconds."""
    code: int
    text: str
    started: int
    ended: int

    @property
    def seconds(self) -> float:
        return (self.ended - self.started) / 1e9


class Stage:
    """Prints chapters of aligned rows; a row that was expected otherwise is marked and remembered."""
    label_width, value_width = 27, 62

    def __init__(self) -> None:
        self.chapters, self.failures = 0, []

    def chapter(self, title: str) -> None:
        self.chapters += 1
        bold = ('\033[1m', '\033[0m') if sys.stdout.isatty() else ('', '')
        print(f'\n{bold[0]}{self.chapters}  {title}{bold[1]}', flush=True)

    def row(self, label: str, value: object, verdict: str = '') -> None:
        line = f'   {label:<{self.label_width}}{str(value):<{self.value_width if verdict else 0}}  {verdict}'
        print(line.rstrip(), flush=True)

    def expect(self, right: bool, label: str, value: object, verdict: str) -> None:
        """A row with a verdict of its own if `right`, and one that makes the demo fail otherwise."""
        if not right:
            self.failures.append(f'{label}: {value}')
        self.row(label, value, verdict if right else '<-- NOT AS EXPECTED')

    def run(self, shown: str, argv: list, **options) -> Run:
        """Shows a command as a person would type it, runs it, shows what it says."""
        print(f'   $ {shown}', flush=True)
        done = run(argv, **options)
        for line in done.text.splitlines():
            print(f'     {line}', flush=True)
        return done


def run(argv: list, **options) -> Run:
    """Runs a command, its errors among its output. If the demo is ended meanwhile, so is all that it started."""
    started = time.monotonic_ns()
    child = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True, errors='replace', start_new_session=True, **options)
    try:
        text = child.communicate()[0]
    except BaseException:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        raise
    return Run(child.returncode, text, started, time.monotonic_ns())


def must(argv: list, **options) -> str:
    """Runs a command that has to work; the text that it printed."""
    done = run(argv, **options)
    if done.code != 0:
        tail = '\n'.join(done.text.splitlines()[-12:])
        raise DemoError(f'{" ".join(map(str, argv))} ended with {done.code}:\n{tail}')
    return done.text
