"""nginx from Debian's source package, with one security fix left out of its series of patches.

pre  = the upstream source with every patch of debian/patches/series but the fix (`dpkg-source --skip-patches`,
       then `patch` down the series: what quilt does after `quilt delete FIX`);
diff = the fix itself, debian/patches/FIX, exactly as Debian ships it.
"""
import os
import re
import shlex
import shutil
from pathlib import Path

from stage import DemoError, must

FIX = 'CVE-2025-23419.patch'
DEBIAN_SOURCE = Path(__file__).resolve().parents[2] / 'scripts/debian-source'

# The script that builds the tree it is started in. It stands outside the tree and holds the flags as
# debian/rules makes them, because -ffile-prefix-map names the tree.
BUILD_SCRIPT = """#!/bin/sh
set -e
./configure {flags}
make -j{jobs} build
"""

# debian/rules builds everything; the demo's server needs none of the modules that pull in X11, Perl or XSLT.
FLAGS_RULE = """print-flags:
	@echo '$(filter-out %=dynamic --with-mail% --with-stream%,$(bin_configure_flags))'
"""


class Package:
    """The source package, unpacked into a work folder."""

    def __init__(self, work: Path) -> None:
        self.work, self.tree, self.script = work, work / 'nginx', work / 'build-nginx'
        self.fix = work / FIX
        self.dsc = Path(must([DEBIAN_SOURCE, 'nginx']).splitlines()[-1])
        self.version = re.sub(r'^nginx_|\.dsc$', '', self.dsc.name)

    def unpack(self) -> int:
        """Makes the tree without the fix; returns how many patches it has."""
        must(['dpkg-source', '--no-check', '--skip-patches', '-x', self.dsc, self.tree], cwd=self.work)
        folder = self.tree / 'debian/patches'
        series = [line.split()[0] for line in (folder / 'series').read_text().splitlines()
                  if line.strip() and not line.startswith('#')]
        if FIX not in series:
            raise DemoError(f'nginx {self.version} has no {FIX} in its series; remove {self.dsc} to fetch a newer one')
        series.remove(FIX)
        for name in series:
            must(['patch', '-s', '-f', '-p1', '-i', folder / name], cwd=self.tree)
        shutil.copy(folder / FIX, self.fix)
        self.write_script()
        return len(series)

    def write_script(self) -> None:
        """Asks debian/rules for the flags; every hardening option, as the rules themselves set it for their recipes."""
        env = dict(os.environ, DEB_BUILD_MAINT_OPTIONS='hardening=+all')
        flags = must(['make', '-s', '-f', 'debian/rules', '--eval', FLAGS_RULE, 'print-flags'],
                     cwd=self.tree, env=env).strip()
        self.cflags = ' '.join(shlex.split(flags)[0].split('=', 1)[1].split())
        self.script.write_text(BUILD_SCRIPT.format(flags=flags, jobs=os.cpu_count()))
        self.script.chmod(0o755)

    def build(self) -> Path:
        """Builds and strips the binary that is shipped, and puts an untouched tree in the same place again."""
        must([self.script], cwd=self.tree)
        shipped = self.work / 'sbin/nginx'
        shipped.parent.mkdir()
        must(['strip', '-o', shipped, self.tree / 'objs/nginx'])
        shutil.rmtree(self.tree)
        self.unpack()
        return shipped
