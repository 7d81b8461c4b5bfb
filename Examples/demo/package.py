"""nginx from Debian's source package, with one security fix left out of its series of patches.

`tsugite build --debian nginx --without-patch FIX` does it all: it fetches the source, leaves the fix out, builds the
package by its own rules, keeps what was built, and makes the fix itself the live patch. The vulnerable server that
the demo runs is what that build has put into the package.
"""
import json
import subprocess
from pathlib import Path

from stage import DemoError

FIX = 'CVE-2025-23419.patch'
CACHE = Path.home() / '.cache/tsugite'


class Package:
    """The package, built once and kept in tsugite's cache."""

    def __init__(self, tsugite: Path, work: Path) -> None:
        self.tsugite, self.out = tsugite, work / 'patches'
        self.command = [tsugite, 'build', '--debian', 'nginx', '--without-patch', FIX, '--install-dependencies',
                        '-o', self.out]
        self.shown = f'tsugite build --debian nginx --without-patch {FIX} -o patches'

    def build(self) -> Path:
        """Builds package and patch, minutes the first time; answers the vulnerable binary."""
        done = subprocess.run([*self.command, '--json'], capture_output=True, text=True)
        try:
            self.verdict = json.loads(done.stdout)
        except ValueError:
            raise DemoError(f'tsugite build: {(done.stderr or done.stdout)[-800:]}') from None
        if done.returncode:
            words = '; '.join(finding['message'] for finding in self.verdict['findings'])
            raise DemoError(f'tsugite build: {words}')
        self.notes = self.verdict['notes']
        written = [patch for patch in self.verdict['patches']
                   if patch['manifest']['targets'][0]['name'] == 'nginx']
        if not written:
            raise DemoError('the fix reaches no program nginx')
        self.patch = Path(written[0]['file'])
        self.build_id = written[0]['manifest']['targets'][0]['buildID']
        for path in CACHE.glob('builds/*/packages/*/usr/sbin/nginx'):
            if self.build_id in subprocess.run(['readelf', '-n', path], capture_output=True, text=True).stdout:
                return path
        raise DemoError(f'no nginx with build-id {self.build_id} in {CACHE}')
