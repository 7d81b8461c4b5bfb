"""The server: two sites on one TLS port, each for its own customers only, and one plain site."""
import os
import socket
import subprocess
import time
from pathlib import Path

from stage import DemoError, must

SITES = ('alpha', 'beta')

CONFIG = """
{user}
daemon off;
worker_processes {workers};
pid {work}/nginx.pid;
error_log {work}/error.log info;
events {{ worker_connections 512; }}
http {{
    access_log off;
    keepalive_requests 100000000;
    client_body_temp_path {work}/tmp; proxy_temp_path {work}/tmp; fastcgi_temp_path {work}/tmp;
    uwsgi_temp_path {work}/tmp; scgi_temp_path {work}/tmp;
    add_header X-Worker $pid always;
    ssl_protocols TLSv1.3;
    server {{ listen 127.0.0.1:{plain} reuseport; root {work}/pages/alpha; }}
    {sites}
}}
"""

# Each site asks for a certificate that its own authority has signed: alpha's customers have no business at beta.
SITE = """
    server {{
        listen 127.0.0.1:{tls} ssl {options};
        server_name {name}.test;
        root {work}/pages/{name};
        ssl_certificate {work}/certs/{name}.crt;
        ssl_certificate_key {work}/certs/{name}.key;
        ssl_client_certificate {work}/certs/{name}-authority.crt;
        ssl_verify_client on;
    }}
"""


def make_certificates(folder: Path) -> None:
    """A server certificate, an authority for customers, and one customer, for each site."""
    key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
    for site in SITES:
        for name, subject in ((site, f'{site}.test'), (f'{site}-authority', f'{site} authority')):
            must(['openssl', 'req', '-x509', *key, '-days', '2', '-subj', f'/CN={subject}',
                  '-keyout', folder / f'{name}.key', '-out', folder / f'{name}.crt'])
        customer = folder / f'{site}-customer'
        must(['openssl', 'req', *key, '-subj', f'/CN=customer of {site}',
              '-keyout', f'{customer}.key', '-out', f'{customer}.csr'])
        must(['openssl', 'x509', '-req', '-days', '2', '-in', f'{customer}.csr', '-out', f'{customer}.crt',
              '-CA', folder / f'{site}-authority.crt', '-CAkey', folder / f'{site}-authority.key', '-CAcreateserial'])


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    holders = [socket.create_server(('127.0.0.1', 0)) for _ in range(count)]
    ports = [h.getsockname()[1] for h in holders]
    for h in holders:
        h.close()
    return ports


class Server:
    """A running nginx: its master is our child, the workers are the master's."""

    def __init__(self, binary: Path, work: Path, workers: int) -> None:
        self.binary, self.work, self.workers = binary, work, workers
        self.child = None
        for folder in ('certs', 'tmp', *(f'pages/{s}' for s in SITES)):
            (work / folder).mkdir(parents=True)
        make_certificates(work / 'certs')
        for site in SITES:
            page = f'the books of {site}\n' + f'{site} {"." * 57}\n' * 64
            (work / f'pages/{site}/index.html').write_text(page)
        self.log = work / 'error.log'

    def start(self) -> None:
        """Starts on free ports; takes others if somebody was quicker."""
        for _ in range(5):
            self.plain, self.tls = free_ports(2)
            self.write_config()
            self.child = subprocess.Popen([self.binary, '-p', self.work, '-c', self.work / 'nginx.conf'],
                                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                          stderr=subprocess.DEVNULL, start_new_session=True)
            if self.is_up():
                return
            self.stop()
        raise DemoError(f'nginx does not start:\n{self.log.read_text()[-800:] if self.log.exists() else ""}')

    def write_config(self) -> None:
        sites = ''.join(SITE.format(work=self.work, tls=self.tls, name=s,
                                    options='default_server reuseport' if s == SITES[0] else '') for s in SITES)
        user = 'user www-data;' if os.geteuid() == 0 else ''
        (self.work / 'nginx.conf').write_text(CONFIG.format(
            user=user, workers=self.workers, work=self.work, plain=self.plain, sites=sites))

    def is_up(self) -> bool:
        end = time.monotonic() + 10
        while time.monotonic() < end and self.child.poll() is None:
            if len(self.processes()) == 1 + self.workers:
                try:
                    socket.create_connection(('127.0.0.1', self.tls), 1).close()
                    return True
                except OSError:
                    pass
            time.sleep(0.02)
        return False

    def processes(self) -> dict[int, int]:
        """Master and workers that run now: pid and start time in clock ticks since boot."""
        pids = [self.child.pid]
        try:
            pids += map(int, Path(f'/proc/{self.child.pid}/task/{self.child.pid}/children').read_text().split())
            stat = {p: Path(f'/proc/{p}/stat').read_text().rsplit(')', 1)[1].split() for p in pids}
        except OSError:
            return {}
        return {p: int(fields[19]) for p, fields in stat.items() if fields[0] != 'Z'}

    def refusals(self, since: int) -> dict[int, int]:
        """Worker pid -> TLS handshakes that it rejected, read from the error log from byte `since` on."""
        seen = {}
        with self.log.open() as log:
            log.seek(since)
            for line in log:
                if 'handshake rejected' in line:
                    pid = int(line.split('#')[0].rsplit(' ', 1)[1])
                    seen[pid] = seen.get(pid, 0) + 1
        return seen

    def stop(self) -> None:
        if self.child and self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(10)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
