#!/usr/bin/env python3
"""starts.py OUT.jsonl [reps] [count] : how many programs can be started a second while `tsugite watch` is at work.

Two programs, run by two shells of their own each: one that links the target library (every start is held and changed),
one that doesn't (nothing may happen to it), each with and without the watcher. Needs the tool's data folder as run.py
made it, and root."""
import subprocess
from pathlib import Path
import sys
from harness_lib import *

out = open(sys.argv[1], 'a')
reps = int(sys.argv[2]) if len(sys.argv) > 2 else 3
count = int(sys.argv[3]) if len(sys.argv) > 3 else 1000
folder = Path(DATA) / 'tsugite'
source = folder / 'start.c'
source.write_text('''#ifdef TARGET
extern int answer(int);
int main(void) { return answer(0) % 10 == 2 ? 0 : 3; }
#else
int main(void) { return 0; }
#endif
''')
storm = folder / 'storm'
(folder / 'storm.c').write_text('''#define _GNU_SOURCE
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
extern char **environ;
int main(int c, char **v) {
    int n = atoi(v[1]), bad = 0;
    for (int i = 0; i < n; i++) {
        pid_t p; int s;
        if (posix_spawn(&p, v[2], 0, 0, v + 2, environ)) return 2;
        if (waitpid(p, &s, 0) != p || s != 0) bad++;
    }
    printf("%d\\n", bad);
}
''')
subprocess.run(['gcc', '-O2', '-o', storm, folder / 'storm.c'], check=True)
subprocess.run(['gcc', '-O2', '-o', folder / 'start-other', source], check=True)
subprocess.run(['gcc', '-O2', '-DTARGET', '-o', folder / 'start-target', source, '-L', folder, '-lvictim',
                f'-Wl,-rpath,{folder}', '-lpthread', '-lm'], check=True)


def run(program):
    begin = time.monotonic()
    both = [subprocess.Popen([storm, str(count // 2), folder / program], stdout=subprocess.PIPE, text=True) for _ in (0, 1)]
    bad = sum(int(p.communicate()[0]) for p in both)
    return count / (time.monotonic() - begin), bad


for rep in range(reps):
    plain = {p: run(p)[0] for p in ('start-other', 'start-target')}
    watch = subprocess.Popen([os.environ['TSUGITE'], 'watch', str(folder / 'answer-v2.tsp'), '--file',
                              str(folder / 'libvictim.so')], stdout=subprocess.PIPE, text=True)
    watch.stdout.readline()
    import threading
    threading.Thread(target=watch.stdout.read, daemon=True).start()
    try:
        for program in plain:
            rate, bad = run(program)
            row = dict(kind='starts', program=program, rep=rep, rate=rate, without=plain[program], bad=bad, count=count)
            out.write(json.dumps(row) + '\n'); out.flush()
            print(f'{program}: {rate:.0f}/s, {plain[program]:.0f}/s without, {bad} unchanged', flush=True)
    finally:
        watch.terminate(); watch.wait()
