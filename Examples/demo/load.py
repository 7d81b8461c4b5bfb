"""The clients that use the server all the time (load.c), and what they have seen."""
import ctypes
import mmap
import subprocess
import time
from pathlib import Path

from server import Server
from stage import DemoError, must

MAX_CLIENTS, MAX_ANSWERS = 64, 1 << 18
KINDS = ('HTTP kept alive', 'TLS kept alive', 'TLS, new connection each time')


class _Answer(ctypes.Structure):
    _fields_ = [('asked', ctypes.c_uint64), ('waited', ctypes.c_uint64)]


class _Client(ctypes.Structure):
    _fields_ = [('kind', ctypes.c_uint64), ('answers', ctypes.c_uint64), ('failed', ctypes.c_uint64),
                ('log', _Answer * MAX_ANSWERS)]


class _Shared(ctypes.Structure):
    _fields_ = [('clients', ctypes.c_uint64), ('client', _Client * MAX_CLIENTS)]


class Load:
    """Clients of a server, from start to stop."""

    def __init__(self, server: Server, work: Path, clients: tuple[int, int, int]) -> None:
        self.work, self.count = work, clients
        program, page = work / 'load', work / 'load.answers'
        source = Path(__file__).with_name('load.c')
        must(['gcc', '-O2', '-o', program, source, '-lssl', '-lcrypto', '-lpthread'])
        self.errors = (work / 'load.errors').open('w+')
        self.child = subprocess.Popen(
            [program, page, str(server.plain), str(server.tls), work / 'certs', work / 'pages', *map(str, clients)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.errors, start_new_session=True)
        self.shared = self.attach(page)

    def attach(self, page: Path) -> _Shared:
        end = time.monotonic() + 10
        while time.monotonic() < end and self.child.poll() is None:
            if page.exists() and page.stat().st_size == ctypes.sizeof(_Shared):
                with page.open('r+b') as file:
                    shared = _Shared.from_buffer(mmap.mmap(file.fileno(), ctypes.sizeof(_Shared)))
                if shared.clients == sum(self.count):
                    return shared
            time.sleep(0.02)
        raise DemoError(f'the clients did not start: {self.complaints()}')

    def totals(self) -> tuple[int, int, int]:
        """Answers so far; those of them over new TLS connections; those of them that were not right."""
        clients = self.shared.client[:self.shared.clients]
        return (sum(c.answers for c in clients), sum(c.answers for c in clients if c.kind == 2),
                sum(c.failed for c in clients))

    def waits(self, start: int, end: int) -> list[tuple[int, int]]:
        """(asked, waited) in nanoseconds of each answer that somebody waited for between two instants."""
        seen = []
        for client in self.shared.client[:self.shared.clients]:
            for i in range(client.answers - 1, max(-1, client.answers - MAX_ANSWERS), -1):
                answer = client.log[i % MAX_ANSWERS]
                if answer.asked + answer.waited < start:
                    break
                if answer.asked < end:
                    seen.append((answer.asked, answer.waited))
        return seen

    def complaints(self) -> str:
        self.errors.seek(0)
        return self.errors.read(400).strip()

    def stop(self) -> None:
        if self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(10)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
