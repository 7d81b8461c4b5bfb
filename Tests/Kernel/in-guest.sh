# Runs in the guest: applies every patch, looks whether the kernel behaves differently, and takes it out again.
cd /t
mkdir -p /lib64 /lib/x86_64-linux-gnu
cp lib/ld-linux-x86-64.so.2 /lib64/ 2>/dev/null
cp lib/* /lib/x86_64-linux-gnu/
chmod +x tsugite sleeper
[ ! -e fentry ] || chmod +x fentry
[ ! -e tsugite-channel ] || chmod +x tsugite-channel
bad=0
ok() { echo "OK $*"; }
# In one line: the host shows the lines that begin so.
fail() { echo "FAIL $*" | tr '\n' ' '; echo; bad=1; }
t() { ./tsugite "$@" > /tmp/said 2>&1; }
apply() { t apply "$1.tsp" --once --wait "${2:-60}"; }
undo() { t undo "$1" --wait "${2:-60}"; }
says() { grep -q -- "$1" /tmp/said; }
took() { sed -n 's/.* over in \([0-9.]*\) s.*/\1/p' /tmp/said; }
now() { cut -d ' ' -f 1 /proc/uptime; }
# try NAME COMMAND PATTERN: without the patch the output has no PATTERN, with it it has, then again not.
try() {
    sh -c "$2" > /tmp/before 2>&1
    grep -q "$3" /tmp/before && fail "$1: the unpatched kernel says $3"
    start=$(now)
    apply "$1" || { fail "$1: $(cat /tmp/said)"; return; }
    whole=$(echo "$start $(now)" | awk '{ printf "%.2f", $2 - $1 }')
    took=$(took)
    sh -c "$2" > /tmp/with 2>&1
    grep -q "$3" /tmp/with || fail "$1: no $3 in $(head -c 300 /tmp/with)"
    undo "$1" || { fail "$1: $(cat /tmp/said)"; return; }
    sh -c "$2" > /tmp/after 2>&1
    grep -q "$3" /tmp/after && fail "$1: $3 after undo"
    [ -e "/sys/module/tsugite_$1" ] && fail "$1: its module is still there"
    ok "$1: behaviour changed and back (command $whole s, transition $took s)"
}

# ---- stages of the power cut; see test-kernel
stage=$(sed -n 's/.*tsugite.stage=\([A-Z]\).*/\1/p' /proc/cmdline)
case $stage in
A)
    t apply cmdline.tsp && grep -q patched=1 /proc/cmdline && ok "applied and kept" || fail "$(cat /tmp/said)"
    sync
    [ $bad -eq 0 ] && echo POWER-CUT && sleep 60
    exit 1
    ;;
B)
    grep -q patched=1 /proc/cmdline && fail "patched before the replay"
    t kernel replay && grep -q patched=1 /proc/cmdline && ok "replayed after the power cut" || fail "$(cat /tmp/said)"
    [ "$(cat /run/tsugite/kernel)" = "" ] && ok "the file of the effective version says it can't be told" || fail "file"
    t kernel confirm && ok "confirmed" || fail "confirm: $(cat /tmp/said)"
    # A patch that crashes whoever reads /proc/loadavg.
    apply oops --replace >/dev/null 2>&1
    t apply oops.tsp --once --replace || fail "oops: $(cat /tmp/said)"
    mkdir -p /etc/tsugite
    echo 'kernel_oops: warn' > /etc/tsugite/tsugite.yaml
    ./tsugite kernel watch --once > /tmp/watched 2>&1 &
    watcher=$!
    cat /proc/loadavg > /dev/null 2>&1
    wait $watcher
    grep -q 'KRN-OOPS' /tmp/watched && grep -q 'loadavg_proc_show.*tsugite_oops' /tmp/watched \
        && ok "an oops is tied to its patch" || fail "watch: $(cat /tmp/watched)"
    [ -e /sys/kernel/livepatch/tsugite_oops ] && ok "which stays where the site wants no more than a warning" || fail "warn: $(cat /tmp/watched)"
    rm /etc/tsugite/tsugite.yaml
    ./tsugite kernel watch --once > /tmp/watched 2>&1
    [ -e /sys/kernel/livepatch/tsugite_oops ] && fail "the bad patch is still there: $(cat /tmp/watched)" || ok "and undone by policy"
    t status --kernel; says KRN-OOPS && ok "status tells of the oops" || fail "status: $(cat /tmp/said)"
    sync
    [ $bad -eq 0 ] && echo POWER-CUT && sleep 60
    exit 1
    ;;
C)
    t kernel replay && grep -q patched=1 /proc/cmdline && ok "a confirmed set survives a second power cut" \
        || fail "$(cat /tmp/said)"
    sync
    [ $bad -eq 0 ] && echo POWER-CUT && sleep 60
    exit 1
    ;;
D)
    t kernel replay && ok "tried once more after a boot without a word" || fail "$(cat /tmp/said)"
    sync
    [ $bad -eq 0 ] || exit 1
    echo "OK now the kernel crashes"
    echo 1 > /proc/sys/kernel/sysrq
    echo c > /proc/sysrq-trigger
    ;;
E)
    t kernel replay
    [ $? -eq 13 ] && says KRN-SUSPENDED && ok "a set that was followed by a crash isn't replayed" || fail "$(cat /tmp/said)"
    grep -q patched=1 /proc/cmdline && fail "patched all the same"
    t status --kernel; says 'suspended' && ok "status says why" || fail "$(cat /tmp/said)"
    t apply cmdline.tsp && t status --kernel && ! says suspended && ok "applying takes it up again" || fail "$(cat /tmp/said)"
    undo cmdline && [ -z "$(ls /var/lib/tsugite/kernel/*.tsp 2>/dev/null)" ] && ok "undo forgets it" || fail "$(cat /tmp/said)"
    exit $bad
    ;;
esac

# ---- behaviour
try cmdline 'cat /proc/cmdline' patched=1
try version 'cat /proc/version' 'patched, read 1 times'

# ---- a module: the patch first, then the module; then the other way round
apply vlan || fail "vlan: $(cat /tmp/said)"
says '8021q: patched as soon as loaded' && ok "waits for its module" || fail "vlan: $(cat /tmp/said)"
for module in llc stp garp mrp 8021q; do [ -e mods/$module.ko ] && insmod mods/$module.ko; done
grep -q PATCHED /proc/net/vlan/config && ok "a module is patched when it comes" || fail "vlan: $(head -n 2 /proc/net/vlan/config)"
undo vlan || fail "vlan: $(cat /tmp/said)"
grep -q PATCHED /proc/net/vlan/config && fail "vlan after undo"
try vlan 'cat /proc/net/vlan/config' 'PATCHED name'
rmmod 8021q

# ---- what is checked before anything is touched
t apply cmdline.tsp --once --dry-run && says possible && [ -z "$(ls /sys/kernel/livepatch)" ] && ok "a dry run changes nothing" || fail "dry run: $(cat /tmp/said)"
t apply other-kernel.tsp --once; [ $? -eq 13 ] && says KRN-OTHER && ok "a patch for another kernel is refused" || fail "other: $(cat /tmp/said)"
t apply other-bytes.tsp --once; [ $? -eq 13 ] && says KRN-MISMATCH && ok "code that isn't as shipped is refused" || fail "bytes: $(cat /tmp/said)"
t apply half.tsp --once; [ $? -eq 13 ] && says TSP- && ok "half a file is refused" || fail "half: $(cat /tmp/said)"
sysctl -qw kernel.ftrace_enabled=0
t apply cmdline.tsp --once; [ $? -eq 13 ] && says KRN-UNABLE && ok "without tracing nothing is applied" || fail "ftrace: $(cat /tmp/said)"
sysctl -qw kernel.ftrace_enabled=1

t apply hook-refuses.tsp --once; [ $? -eq 13 ] && says KRN-LOAD && ! grep -q refused /proc/uptime && [ -z "$(ls /sys/kernel/livepatch)" ] \
    && [ ! -e /sys/module/tsugite_hook_refuses ] && ok "a hook that says no stops the patch" || fail "hook: $(cat /tmp/said)"
for module in garp mrp; do insmod mods/$module.ko 2>/dev/null; done
if [ -e other-8021q.ko ]; then
    insmod other-8021q.ko || fail "the other 8021q doesn't load"
    t apply vlan.tsp --once; [ $? -eq 13 ] && says KRN-OTHER && says 8021q && ok "another build of a module is refused" || fail "module: $(cat /tmp/said)"
    rmmod 8021q
fi

[ -e sample ] && exit $bad

# ---- more behaviour
try meminfo 'cat /proc/meminfo' '^Patched: .* kB'
try filesystems 'cat /proc/filesystems' 'nodev.*patched'
try newuname 'uname -v' patched
try consoles 'cat /proc/consoles' 'P)\|P '
try devices 'cat /proc/devices' 'Patched devices'
try limits 'cat /proc/self/limits' 'Patched limits'
try softirqs 'cat /proc/softirqs' 'Patched'
dmesg | grep -q 'patched filesystems' && ok "the message was printed" || fail "no message"
apply header && ok "a header's inline function: $(cat /sys/kernel/livepatch/tsugite_header/*/patched | tr '\n' ' ')" || fail "header: $(cat /tmp/said)"
undo header || fail "header: $(cat /tmp/said)"

# ---- replace: the second one takes the first one's place only if it has its fixes, or with consent
apply cmdline || fail "cmdline: $(cat /tmp/said)"
apply cmdline-again; [ $? -eq 13 ] && says KRN-CONFLICT && ok "a fix isn't taken out unnoticed" || fail "conflict: $(cat /tmp/said)"
grep -q patched=1 /proc/cmdline || fail "the refusal changed something"
t apply cmdline-again.tsp --once --replace || fail "replace: $(cat /tmp/said)"
grep -q patched=2 /proc/cmdline && [ ! -e /sys/module/tsugite_cmdline ] && ok "replaced, and the old module unloaded" || fail "replace: $(cat /proc/cmdline)"
t apply both.tsp --once && grep -q patched=2 /proc/cmdline && cat /proc/devices | grep -q 'Patched devices' \
    && ok "a cumulative patch takes its parts' place without consent" || fail "both: $(cat /tmp/said)"
[ "$(./tsugite uname)" = 6.1.0-99-fixed ] && ok "the effective version: $(./tsugite uname), booted $(uname -r)" || fail "uname: $(./tsugite uname 2>&1)"
t apply cmdline.tsp --once --replace && grep -q patched=1 /proc/cmdline && ok "and back to an older one (downgrade)" || fail "downgrade: $(cat /tmp/said)"
./tsugite uname > /tmp/said 2>&1; [ $? -eq 13 ] && says KRN-AMBIGUOUS && ok "single fixes: no effective version" || fail "uname: $(cat /tmp/said)"
apply cmdline; [ $? -eq 10 ] && ok "twice is nothing to do" || fail "twice: $(cat /tmp/said)"
t status --json; says '"name" : "cmdline"' && says 'tsugite.kernel-status/1' && says 'CVE-2026-0001' && ok "status reads it all from the kernel" || fail "status: $(cat /tmp/said)"
undo CVE-2026-0001 && ok "undone by its advisory" || fail "undo: $(cat /tmp/said)"
apply beside-a && apply beside-b && grep -q patched=1 /proc/cmdline && cat /proc/devices | grep -q 'Patched devices' && ok "two patches side by side" || fail "beside: $(cat /tmp/said)"
undo beside-b && undo beside-a || fail "beside: $(cat /tmp/said)"
undo cmdline; [ $? -eq 10 ] && ok "undo of what isn't there is nothing to do" || fail "undo: $(cat /tmp/said)"
[ ! -e signed.tsp ] || { apply signed && ok "a signed module loads" && undo signed || fail "signed: $(cat /tmp/said)"; }

# ---- hooks, shadow variables and states
apply hooks || fail "hooks: $(cat /tmp/said)"
cat /proc/uptime | grep -q 'read 1' && ok "a shadow variable" || fail "hooks: $(cat /proc/uptime)"
undo hooks || fail "hooks: $(cat /tmp/said)"
for hook in pre_patch post_patch pre_unpatch post_unpatch; do
    dmesg | grep -q "hook: $hook" && ok "hook $hook" || fail "hook $hook didn't run"
done

# ---- a task sleeps in the function: the transition can't end, the task is named, everything is turned back
./sleeper &
sleeper=$!
sleep 1
apply pause 3; status=$?
[ $status -eq 12 ] && says KRN-STALLED && says "tid $sleeper (sleeper) is in __x64_sys_pause" && says "kill $sleeper" \
    && ok "the stall is explained: $(grep -o 'pid .* __x64_sys_pause' /tmp/said | head -n 1)" || fail "stall: $status $(cat /tmp/said)"
[ -e /sys/module/tsugite_pause ] && fail "the stalled patch is still there" || ok "the stalled transition was turned back"
# While it is under way, a second patch has to wait.
./tsugite apply pause.tsp --once --wait 40 > /tmp/long 2>&1 &
long=$!
for wait in 1 2 3 4 5; do grep -q 1 /sys/kernel/livepatch/tsugite_pause/transition 2>/dev/null && break; sleep 1; done
t status --kernel; says 'waiting for 1 of' && says "(sleeper) waits in" && ok "status shows the transition" || fail "status: $(cat /tmp/said)"
apply cmdline; [ $? -eq 13 ] && says KRN-BUSY && ok "a second patch has to wait" || fail "busy: $(cat /tmp/said)"
# Given time the kernel wakes the sleeper by itself.
wait $long && ok "the transition ends after the kernel's own signal" || fail "pause: $(cat /tmp/long)"
kill $sleeper; undo pause || fail "pause: $(cat /tmp/said)"
./sleeper &
sleeper=$!
sleep 1
t apply pause.tsp --once --wait 2 --force && says FORCED && ok "forced, with its price" || fail "force: $(cat /tmp/said)"
kill $sleeper
t undo pause --wait 20

# ---- a probe on a function is a conflict
if echo 'p:tsugite cmdline_proc_show' > /sys/kernel/tracing/kprobe_events 2>/dev/null; then
    echo 1 > /sys/kernel/tracing/events/kprobes/tsugite/enable
    apply cmdline; status=$?
    [ $status -eq 13 ] && says KRN-CONFLICT && ok "a probe is a conflict" || fail "probe: $status $(cat /tmp/said)"
    echo 0 > /sys/kernel/tracing/events/kprobes/tsugite/enable
    echo > /sys/kernel/tracing/kprobe_events
fi
# ---- so is a BPF program at its entry
if [ -e fentry ]; then
    ./fentry cmdline_proc_show > /tmp/fentry 2>&1 &
    bpf=$!
    for wait in 1 2 3 4 5; do grep -q attached /tmp/fentry && break; sleep 1; done
    apply cmdline; status=$?
    [ $status -eq 13 ] && says KRN-CONFLICT && ok "a BPF program at the entry is a conflict" || fail "fentry: $status $(cat /tmp/said /tmp/fentry)"
    kill $bpf; wait $bpf 2>/dev/null
fi

# ---- a module that the kernel's own klp-build made: somebody else's as it is, ours once it was taken over
insmod livepatch_foreign.ko && grep -q 'made elsewhere' /proc/version || fail "the foreign module doesn't load"
apply cmdline; [ $? -eq 13 ] && says KRN-CONFLICT && says "isn't ours" && ok "someone else's live patch is a conflict" || fail "foreign: $(cat /tmp/said)"
./tsugite uname > /tmp/said 2>&1; [ $? -eq 13 ] && says KRN-AMBIGUOUS && ok "with someone else's there is no effective version" || fail "uname: $(cat /tmp/said)"
echo 0 > /sys/kernel/livepatch/livepatch_foreign/enabled
for wait in 1 2 3 4 5; do rmmod livepatch_foreign 2>/dev/null && break; sleep 1; done
apply foreign && grep -q 'made elsewhere' /proc/version && ok "a module of klp-build, taken over, is applied" || fail "import: $(cat /tmp/said)"
t status --kernel; says foreign && ! says "not ours" || fail "status of the import: $(cat /tmp/said)"
t apply cmdline.tsp --once --replace && [ ! -e /sys/module/livepatch_foreign ] && ok "and replaced and unloaded like ours" || fail "import: $(cat /tmp/said)"
undo cmdline || fail "cmdline: $(cat /tmp/said)"
apply foreign && undo foreign && ! grep -q 'made elsewhere' /proc/version && ok "and undone" || fail "import: $(cat /tmp/said)"

# ---- a signed channel: the same verbs as for processes
if [ -e channel ]; then
    mkdir -p /etc/tsugite/trust
    echo 'nobody:x:65534:65534:nobody:/nonexistent:/bin/false' > /etc/passwd
    echo 'nogroup:x:65534:' > /etc/group
    cp channel/metadata/1.root.json /etc/tsugite/trust/stable.root.json
    printf 'channels:\n  - label: stable\n    url: /t/channel\n    trusted_root: /etc/tsugite/trust/stable.root.json\n' \
        > /etc/tsugite/tsugite.yaml
    t refresh || fail "refresh: $(cat /tmp/said)"
    t show kernel --available; says FIX-1 && ok "a channel offers the update" || fail "offer: $(cat /tmp/said)"
    t upgrade kernel -y && grep -q patched=1 /proc/cmdline && ok "upgrade kernel applies it" || fail "upgrade: $(cat /tmp/said)"
    t show kernel; says 'in the running kernel' && says applied && ok "show kernel reads it from the kernel" || fail "show: $(cat /tmp/said)"
    t upgrade kernel -y --offline; [ $? -eq 10 ] || fail "twice: $(cat /tmp/said)"
    grep -q '"trying"' /var/lib/tsugite/kernel/plan.json && ok "and the next boot will" || fail "plan: $(cat /var/lib/tsugite/kernel/plan.json)"
    t remove FIX-1 -y && ! grep -q patched=1 /proc/cmdline && ok "remove takes it out, without a network" || fail "remove: $(cat /tmp/said)"
    [ ! -e /var/lib/tsugite/kernel/plan.json ] || ! grep -q tsugite_cmdline /var/lib/tsugite/kernel/plan.json || fail "remove left the plan"
fi

# ---- the two oracles tell the same, with a patch applied
if [ -e vmlinuz ]; then
    apply cmdline || fail "cmdline: $(cat /tmp/said)"
    t kernel verify vmlinuz && ok "all code in memory is the image's: $(sed -n 2p /tmp/said)" || fail "verify: $(cat /tmp/said)"
    undo cmdline || fail "cmdline: $(cat /tmp/said)"
fi
[ -z "$(ls /sys/kernel/livepatch)" ] || fail "left: $(ls /sys/kernel/livepatch)"

# ---- last, since there is no way back: lockdown, as Secure Boot switches it on
mount -t securityfs securityfs /sys/kernel/security 2>/dev/null
if [ -w /sys/kernel/security/lockdown ] && [ -e signed.tsp ]; then
    echo integrity > /sys/kernel/security/lockdown
    apply cmdline; [ $? -eq 13 ] && says KRN-UNSIGNED && ok "lockdown wants a signature" || fail "unsigned: $(cat /tmp/said)"
    t apply signed.tsp --once; [ $? -eq 13 ] && says KRN-LOAD && says sign-key && ok "of a key that the kernel trusts" || fail "key: $(cat /tmp/said)"
    t status --kernel; says integrity && ok "status tells of it" || fail "status: $(cat /tmp/said)"
    echo confidentiality > /sys/kernel/security/lockdown
    t apply signed.tsp --once; [ $? -eq 13 ] && says KRN-UNABLE && ok "what can't be proven isn't applied" || fail "lockdown: $(cat /tmp/said)"
fi
exit $bad
