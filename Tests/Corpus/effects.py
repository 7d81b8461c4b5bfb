"""Whether a fix shows in a running process, and whether a package's own tests pass in patched ones.

Every program is held before its first own instruction (gate.c), when the patched file is mapped and nothing of it has
run; there the patch goes in, or in and out again. So one run shows the process without, one with, and one after undo.
"""
import os
import pty
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path


class Case:
    """One patched file and the patches for it."""

    def __init__(self, runner, path, files, tree, patches):
        self.runner, self.path, self.files, self.tree = runner, Path(path), files, Path(tree)
        #: The fix's own diffs.
        self.patches = patches
        self.folder = Path(tempfile.mkdtemp(prefix='effect.', dir=runner.work))
        self.staged = next(p for p in self.path.parents if p.name == 'packages')

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def program(self, name):
        """A program of the same build."""
        found = sorted(self.staged.glob(f'*/usr/bin/{name}')) + sorted(self.staged.glob(f'*/usr/sbin/{name}'))
        return str(found[0]) if found else name

    def libraries(self):
        folders = [str(self.path.parent)]
        for pattern in ('*/usr/lib/x86_64-linux-gnu', '*/lib/x86_64-linux-gnu', '*/usr/lib'):
            folders += [str(folder) for folder in self.staged.glob(pattern)]
        return ':'.join(folders)

    def new_files(self):
        """The files that the fix's diffs make: their tests' input."""
        for patch in self.patches:
            subprocess.run(['patch', '-p1', '-f', '-s', '-N', '-r', '-', '-d', self.folder, '-i', patch],
                           capture_output=True)
        return self.folder

    def run(self, command, patched, only=None, terminal=False, env=None, timeout=60, cwd=None, talk=None):
        """Output and status of a command whose process is patched ('in'), was ('out'), or is not ('no').

        Of a server, which doesn't end by itself, what `talk()` returns stands for the output.
        """
        gate = self.folder / 'gate'
        for old in self.folder.glob('gate*'):
            old.unlink()
        environment = dict(os.environ, LD_LIBRARY_PATH=self.libraries(), LD_PRELOAD=str(self.runner.gate),
                           TSUGITE_GATE=str(gate), TERM='vt100', LC_ALL='C.UTF-8') | (env or {})
        if only:
            environment['TSUGITE_GATE_PROGRAM'] = only
        master = None
        if terminal:
            master, slave = pty.openpty()
            process = subprocess.Popen(command, env=environment, stdin=slave, stdout=slave, stderr=slave,
                                       cwd=cwd or self.folder, start_new_session=True)
            os.close(slave)
        else:
            process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT, cwd=cwd or self.folder)
        try:
            pid = self.wait_for(gate, process)
            for verb in {'no': [], 'in': ['apply'], 'out': ['apply', 'undo']}[patched]:
                for file in self.files:
                    done = self.runner.tool(verb, file, '--pid', str(pid))
                    if done.returncode not in (0, 10):
                        raise RuntimeError(f'{verb}: {(done.stdout + done.stderr)[-200:]}')
            Path(f'{gate}.{pid}.open').touch()
            if talk:
                return talk(), process.poll()
            if terminal:
                return self.read_terminal(master, process, timeout)
            try:
                output = process.communicate(timeout=timeout)[0]
            except subprocess.TimeoutExpired:
                process.kill()
                output = process.communicate()[0] + b'[timeout]'
            return output, process.returncode
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            if master is not None:
                os.close(master)

    @staticmethod
    def wait_for(gate, process):
        for _ in range(1500):
            if gate.exists() and gate.read_text().strip():
                return int(gate.read_text().split()[0])
            if process.poll() is not None:
                raise RuntimeError(f'ended before the gate: {process.returncode}')
            time.sleep(0.01)
        raise RuntimeError('did not reach the gate')

    @staticmethod
    def read_terminal(master, process, timeout):
        # Until nothing more comes for two seconds.
        output, start = b'', time.monotonic()
        last = start
        os.set_blocking(master, False)
        while time.monotonic() - last < 2 and time.monotonic() - start < 20:
            try:
                output += os.read(master, 65536)
                last = time.monotonic()
            except (BlockingIOError, OSError):
                time.sleep(0.05)
        try:
            os.write(master, b'q')
            process.wait(timeout=5)
        except (OSError, subprocess.TimeoutExpired):
            process.kill()
        try:
            output += os.read(master, 65536)
        except (BlockingIOError, OSError):
            pass
        return output, process.wait()

    def compile(self, sources, *flags, name='host'):
        target = self.folder / name
        folder = str(self.path.parent)
        done = subprocess.run(['gcc', '-O1', '-w', '-o', target, *map(str, sources), *flags, f'-L{folder}',
                               f'-Wl,-rpath-link,{self.libraries()}'], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr[-300:])
        return str(target)

    def host(self, text, *flags):
        """A host in C that is linked with the library, so that it is mapped at the gate."""
        source = self.folder / 'host.c'
        source.write_text(text)
        headers = [f'-I{folder}' for pattern in ('*/usr/include', '*/usr/include/libxml2')
                   for folder in sorted(self.staged.glob(pattern))]
        return self.compile([source], *headers, str(self.path), *flags)


def compare(case, command, fixed, **options):
    """Runs the three ways; `fixed(output, status)` must hold with the patch, and only then."""
    seen = {way: fixed(*case.run(command(case) if callable(command) else command, way, **options))
            for way in ('no', 'in', 'out')}
    if seen == {'no': False, 'in': True, 'out': False}:
        return True, 'without: vulnerable; applied: fixed; undone: vulnerable'
    return False, ', '.join(f'{way}: {"fixed" if value else "not fixed"}' for way, value in seen.items())


# The effects -------------------------------------------------------------------------------------------------------

EFFECTS = {}


def effect(name):
    def add(function):
        EFFECTS[name] = function
        return function
    return add


@effect('less:CVE-2022-46663')
def _(case):
    (case.folder / 'page').write_bytes(b'one \x1b]8;;http://x\x1b[31337zpayload\x07two\x1b]8;;\x07\nend\n')
    return compare(case, [str(case.path), '-R', 'page'], lambda output, status: b'\x1b[31337z' not in output,
                   terminal=True, env={'LESSSECURE': '', 'LESS': ''})


@effect('less:CVE-2022-48624')
def _(case):
    name = 'a;touch CLOSED;b'
    (case.folder / name).write_text('text\n')

    def fixed(output, status):
        touched = case.folder / 'CLOSED'
        done = touched.exists()
        touched.unlink(missing_ok=True)
        return not done

    return compare(case, [str(case.path), name], fixed, terminal=True,
                   env={'LESSOPEN': 'cat %s > T; echo T', 'LESSCLOSE': 'true %s %s', 'LESS': ''})


@effect('less:CVE-2024-32487')
def _(case):
    name = 'new\nline'
    (case.folder / name).write_text('text\n')
    return compare(case, [str(case.path), name], lambda output, status: b'VIAtext' in output, terminal=True,
                   env={'LESSOPEN': '|sed s/^/VIA/ %s 2>/dev/null', 'LESS': '', 'LESSCLOSE': ''})


# The packages' own tests -------------------------------------------------------------------------------------------

SUITES = {}


def suite(name):
    def add(function):
        SUITES[name] = function
        return function
    return add


def passes(case, programs, **options):
    """Each program must end in patched processes as it does in others; at least one must succeed."""
    good = 0
    for program in programs:
        command = program if isinstance(program, list) else [program]
        before = case.run(command, 'no', **options)[1]
        after = case.run(command, 'in', **options)[1]
        if before != after:
            return False, f'{Path(command[0]).name}: status {after}, without the patch {before}'
        good += after == 0
    return good > 0, f'{good} of {len(programs)} test programs pass in patched processes'


@suite('libpng1.6')
def _(case):
    tree = case.tree
    host = case.compile([tree / 'pngtest.c'], f'-I{tree}', f'-I{tree}/build', str(case.path), '-lz', '-lm')
    for name in ('pngtest.png',):
        shutil.copy(tree / name, case.folder)
    return passes(case, [[host, '--strict', 'pngtest.png']])


@suite('libtasn1-6')
def _(case):
    tree, programs = case.tree, []
    for name in sorted((tree / 'tests').glob('*.c')):
        try:
            programs.append(case.compile([name], f'-I{tree}/lib/includes', f'-I{tree}/lib', f'-I{tree}', str(case.path),
                                         name=name.stem))
        except RuntimeError:
            continue
    shutil.copytree(tree / 'tests', case.folder / 'tests')
    environment = {'ASN1TREE': 'tests/Test_tree.asn', 'ASN1PARSER': 'tests/Test_parser.asn', 'srcdir': 'tests',
                   'ASN1ENCODING': 'tests/Test_encoding.asn', 'ASN1INDEF': 'tests/TestIndef.p12'}
    return passes(case, programs, env=environment)


@suite('libxml2')
def _(case):
    tree = case.tree
    built = next(iter(sorted(tree.glob('builddir/*/config.h')) + sorted(tree.glob('**/config.h'))), tree / 'config.h')
    host = case.compile([tree / 'runtest.c'], f'-I{built.parent}', f'-I{built.parent}/include', f'-I{tree}/include',
                        f'-I{tree}', '-I/usr/include/libxml2', str(case.path), '-lz', '-llzma', '-lpthread', '-lm')
    shutil.copytree(tree / 'test', case.folder / 'test', symlinks=True)
    shutil.copytree(tree / 'result', case.folder / 'result', symlinks=True)
    # Debian's source lacks the files of one group (test/threads). A group's name picks all names that hold it.
    names = re.findall(r'{ *"([^"]* tests[^"]*)"', (tree / 'runtest.c').read_text())
    names = [name for name in names if not any(other in name for other in names if other != name)]
    return passes(case, [[host, *(name for name in names if 'Threads' not in name)]], timeout=300)


@suite('less')
def _(case):
    # Its tests show pages on a terminal and compare: the same pages must come out.
    pages = [case.tree / 'README', case.tree / 'NEWS', case.tree / 'COPYING']
    for page in pages:
        before = case.run([str(case.path), str(page)], 'no', terminal=True)[0]
        after = case.run([str(case.path), str(page)], 'in', terminal=True)[0]
        if before != after:
            return False, f'{page.name} looks different'
    return True, f'{len(pages)} pages look the same in patched processes'
