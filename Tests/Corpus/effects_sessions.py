"""The effects of fixes that show in a session: of clients with servers, of servers with clients, of an interpreter."""
import base64
import contextlib
import ftplib
import http.server
import os
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from effects import compare, effect


@contextlib.contextmanager
def serving(respond=lambda request: (200, {}), tls=None):
    """The port of a web server of empty pages; `respond` answers a request's status and headers."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            status, headers = respond(self)
            self.send_response(status)
            for name, value in (headers | {'Content-Length': '0'}).items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Page)
    server.handle_error = lambda *_: None
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()


@effect('curl:CVE-2024-11053')
def _(case):
    seen = []

    def respond(request):
        seen.append(request.headers.get('Authorization', ''))
        return (302, {'Location': 'http://b.com/'}) if 'a.com' in request.path else (200, {})

    (case.folder / 'netrc').write_text('machine a.com\n  login alice\n  password alicespassword\n\n'
                                      'default\n  login bob\n')
    leak = base64.b64encode(b'bob:alicespassword').decode()

    def fixed(output, status):
        leaked = any(leak in value for value in seen)
        seen.clear()
        return not leaked

    with serving(respond) as port:
        return compare(case, [case.program('curl'), '-s', '--netrc-optional', '--netrc-file',
                              str(case.folder / 'netrc'), '-L', '-x', f'http://127.0.0.1:{port}/', 'http://a.com/'],
                       fixed, env={'http_proxy': ''})


@effect('curl:CVE-2023-28321')
def _(case):
    # The certificate is for x*.example.test; a name in punycode that happens to begin like that is not meant by it.
    key, certificate = case.folder / 'key.pem', case.folder / 'certificate.pem'
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=nobody',
                    '-addext', 'subjectAltName=DNS:x*.example.test', '-keyout', key, '-out', certificate],
                   check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    name = 'xn--l8j.example.test'
    with serving(tls=tls) as port:
        return compare(case, [case.program('curl'), '-sS', '--noproxy', '*', '--cacert', str(certificate), '--resolve',
                              f'{name}:{port}:127.0.0.1', f'https://{name}:{port}/'],
                       lambda output, status: status == 60 and b'no alternative certificate subject' in output)


@effect('openssh:CVE-2023-51385')
def _(case):
    return compare(case, [str(case.path), '-F', '/dev/null', '-o', 'ProxyCommand=true %h', 'some`host'],
                   lambda output, status: b'invalid characters' in output)


@effect('openssh:CVE-2025-61985')
def _(case):
    before = b'onnection refused'
    return compare(case, [case.program('ssh'), '-F', '/dev/null', 'ssh://us%00er@127.0.0.1:9'],
                   lambda output, status: before not in output, only='ssh')


@effect('openssh:CVE-2026-35386')
def _(case):
    # Without the fix the jump host's user name gets to the shell that runs the ProxyCommand made from it.
    ran = case.folder / 'RAN'

    def fixed(output, status):
        done = ran.exists()
        ran.unlink(missing_ok=True)
        return not done and b'Invalid -J argument' in output

    return compare(case, [case.program('ssh'), '-F', '/dev/null', '-J', '`touch${IFS}RAN`@127.0.0.1:9', 'target'],
                   fixed)


def perl(case, text):
    """A command line for the built interpreter with the built modules."""
    folders = [case.staged / 'perl-base/usr/lib/x86_64-linux-gnu/perl-base',
               case.staged / 'libperl5.36/usr/lib/x86_64-linux-gnu/perl/5.36.0',
               case.staged / 'perl/usr/share/perl/5.36.0']
    return [case.program('perl'), *(f'-I{folder}' for folder in folders), '-e', text]


@effect('perl:CVE-2023-47038')
def _(case):
    return compare(case, perl(case, r'qr/\p{utf8::_perl_surrogate}/'),
                   lambda output, status: output == b'' and status == 0)


@effect('perl:CVE-2025-40909')
def _(case):
    # Without the fix a new thread's copy of a folder handle is made by changing the whole process's folder for a
    # moment. The preloaded fchdir makes the moment long, so that another thread surely finds itself elsewhere.
    source = case.folder / 'slow.c'
    source.write_text('''#define _GNU_SOURCE
#include <sys/syscall.h>
#include <unistd.h>
int fchdir(int folder)
{
	int done = syscall(SYS_fchdir, folder);
	usleep(300000);
	return done;
}
''')
    slow = case.compile([source], '-shared', '-fPIC', name='slow.so')
    (case.folder / 'other').mkdir()
    (case.folder / 'here').touch()
    text = """use threads; my $lost = 0; $| = 1;
my $watcher = threads->create(sub {
    for (1 .. 200) { $lost++ unless -e "here"; select undef, undef, undef, 0.01 }
    $lost
});
opendir my $folder, "other" or die;
threads->create(sub { my $entry = readdir $folder; print defined $entry ? "read\\n" : "unread\\n" })->join;
print $watcher->join ? "lost\\n" : "stayed\\n";
"""
    return compare(case, perl(case, text), lambda output, status: output == b'read\nstayed\n',
                   env={'LD_PRELOAD': f'{slow} {case.runner.gate}'})


def guard(case):
    return case.compile([Path(__file__).with_name('guard.c')], '-shared', '-fPIC', name='guard.so')


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def connect(port):
    """A connection to a server that has just been let go."""
    for _ in range(300):
        try:
            return socket.create_connection(('127.0.0.1', port), timeout=20)
        except ConnectionRefusedError:
            time.sleep(0.05)
    raise RuntimeError('the server takes no connection')


@effect('nginx:CVE-2026-42533')
def _(case):
    # The map's pattern is tried while the answer's length is counted, so that $1 is another, longer text when the
    # answer is made. Without the fix it is written behind the pool's block, where there is nothing (guard.c).
    port, folder = free_port(), case.folder
    temporary = ''.join(f'{kind}_temp_path {folder}/{kind};\n'
                        for kind in ('client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'))
    (folder / 'nginx.conf').write_text(
        f'daemon off; master_process off; pid {folder}/pid; error_log {folder}/log;\nevents {{}}\n'
        f'http {{\naccess_log off;\n{temporary}map $arg_long $found {{ default ""; "~^(.+)$" "x"; }}\n'
        f'server {{ listen 127.0.0.1:{port}; location ~ ^/(.) {{ return 200 "$1$found"; }} }}\n}}\n')

    def ask():
        with connect(port) as session, session.makefile('rb') as lines:
            session.sendall(b'GET /a?long=' + b'b' * 6000 + b' HTTP/1.0\r\n\r\n')
            try:
                return lines.readline()
            except ConnectionResetError:
                return b''

    return compare(case, [case.program('nginx'), '-e', f'{folder}/log', '-c', f'{folder}/nginx.conf'],
                   lambda output, status: output.startswith(b'HTTP/1.1 500'), talk=ask,
                   env={'LD_PRELOAD': f'{guard(case)} {case.runner.gate}'})


def proftpd(case, port, home, *lines, modules='proftpd-core'):
    """The command line of a daemon that serves `home` to the user probe, password secret."""
    users, configuration = case.folder / 'users', case.folder / 'proftpd.conf'
    users.write_text(f'probe:$1$ab$dslkcXxVH.x8LwW1W/oAB/:7777:7777::{home}:/bin/sh\n')
    users.chmod(0o600)
    configuration.write_text('\n'.join([
        'ServerType standalone', f'Port {port}', 'DefaultAddress 127.0.0.1', 'SocketBindTight on', 'UseIPv6 off',
        'UseReverseDNS off', 'User nobody', 'Group nogroup', 'RequireValidShell off', 'WtmpLog off',
        'AuthOrder mod_auth_file.c', f'AuthUserFile {users}', f'ScoreboardFile {case.folder}/scores',
        f'PidFile {case.folder}/pid', f'SystemLog {case.folder}/log',
        f'ModulePath {case.staged}/{modules}/usr/lib/proftpd',
        '<IfModule mod_delay.c>', 'DelayEngine off', '</IfModule>', '<IfModule mod_ctrls.c>', 'ControlsEngine off',
        '</IfModule>', *lines, '']))
    return [case.program('proftpd'), '-n', '-q', '-c', str(configuration)]


@effect('proftpd-dfsg:CVE-2024-48651')
def _(case):
    # The user has no groups but his own one; the daemon is in group 4242, and a file is for that group only.
    port = free_port()

    def fetch():
        parts = []
        connect(port).close()
        with ftplib.FTP() as session:
            session.connect('127.0.0.1', port, timeout=20)
            session.login('probe', 'secret')
            try:
                session.retrbinary('RETR file', parts.append)
            except ftplib.error_perm as error:
                parts.append(str(error).encode())
        return b''.join(parts)

    with tempfile.TemporaryDirectory() as home:
        file = Path(home) / 'file'
        file.write_text('for the group\n')
        file.chmod(0o640)
        os.chown(file, 0, 4242)
        os.chmod(home, 0o755)
        return compare(case, ['setpriv', '--groups', '0,4242', *proftpd(case, port, home)],
                       lambda output, status: b'Permission denied' in output, only='proftpd', talk=fetch)


@effect('proftpd-dfsg:CVE-2023-51713')
def _(case):
    # The command's word is half as long as what the client sent for it; without the fix as much is read behind the
    # buffer, where there is nothing (guard.c), and the session ends without an answer.
    port = free_port()

    def ask():
        with connect(port) as session, session.makefile('rb') as lines:
            if not lines.readline().startswith(b'220'):
                raise RuntimeError('no greeting')
            session.sendall(b'"' + b'\\\\' * 1900 + b'X"\r\n')
            try:
                return lines.readline()
            except ConnectionResetError:
                return b''

    return compare(case, proftpd(case, port, '/', 'CommandBufferSize 4000'),
                   lambda output, status: output.startswith(b'500'),
                   env={'LD_PRELOAD': f'{guard(case)} {case.runner.gate}'}, talk=ask)


@effect('proftpd-dfsg:CVE-2023-48795')
def _(case):
    # The module is loaded when the configuration is read; preloaded it is there to be patched before.
    port, key = free_port(), case.folder / 'key'
    module = case.staged / 'proftpd-mod-crypto/usr/lib/proftpd/mod_sftp.so'
    subprocess.run(['openssl', 'genrsa', '-traditional', '-out', key, '2048'], check=True, capture_output=True)
    command = proftpd(case, port, '/', 'LoadModule mod_sftp.c', 'SFTPEngine on', f'SFTPHostKey {key}',
                      f'SFTPLog {case.folder}/log', modules='proftpd-mod-crypto')

    def offer():
        """What the server offers for the exchange of keys: the first packet behind its version."""
        with connect(port) as session, session.makefile('rb') as stream:
            session.sendall(b'SSH-2.0-probe\r\n')
            if not stream.readline().startswith(b'SSH-2.0-'):
                raise RuntimeError('no version')
            return stream.read(int.from_bytes(stream.read(4), 'big'))

    return compare(case, command, lambda output, status: b'kex-strict-s-v00@openssh.com' in output, talk=offer,
                   env={'LD_PRELOAD': f'{module} {case.runner.gate}'})
