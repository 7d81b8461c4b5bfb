# Runs in the guest: applies every patch, looks whether the kernel behaves differently, and takes it out again.
cd /t
mkdir -p /lib64 /lib/x86_64-linux-gnu
cp lib/ld-linux-x86-64.so.2 /lib64/ 2>/dev/null
cp lib/* /lib/x86_64-linux-gnu/
chmod +x kernel-in-guest
bad=0
ok() { echo "OK $*"; }
fail() { echo "FAIL $*"; bad=1; }
apply() { ./kernel-in-guest apply "tsugite_$1.tsp" "${2:-60}" > /tmp/said 2>&1; }
undo() { ./kernel-in-guest undo "tsugite_$1" "${2:-60}" > /tmp/said 2>&1; }
# try NAME COMMAND PATTERN: without the patch the output has no PATTERN, with it it has, then again not.
try() {
    sh -c "$2" > /tmp/before 2>&1
    grep -q "$3" /tmp/before && fail "$1: the unpatched kernel says $3"
    apply "$1" || { fail "$1: $(cat /tmp/said)"; return; }
    took=$(sed -n 's/.* in \([0-9.]*\) s.*/\1/p' /tmp/said)
    sh -c "$2" > /tmp/with 2>&1
    grep -q "$3" /tmp/with || fail "$1: no $3 in $(head -c 300 /tmp/with)"
    undo "$1" || { fail "$1: $(cat /tmp/said)"; return; }
    sh -c "$2" > /tmp/after 2>&1
    grep -q "$3" /tmp/after && fail "$1: $3 after undo"
    [ -e "/sys/module/tsugite_$1" ] && fail "$1: its module is still there"
    ok "$1 (applied in $took s)"
}

if grep -q tsugite.replay /proc/cmdline; then
    apply cmdline && grep -q patched=1 /proc/cmdline && ok "replayed at boot" || fail "replay: $(cat /tmp/said)"
    exit $bad
fi

try cmdline 'cat /proc/cmdline' patched=1
try version 'cat /proc/version' 'patched, read 1 times'
try meminfo 'cat /proc/meminfo' '^Patched: .* kB'
try filesystems 'cat /proc/filesystems' 'nodev.*patched'
try newuname 'uname -v' patched
try consoles 'cat /proc/consoles' 'P)\|P '
try devices 'cat /proc/devices' 'Patched devices'
try limits 'cat /proc/self/limits' 'Patched limits'
dmesg | grep -q 'patched filesystems' && ok "the message was printed" || fail "no message"

# A module: the patch first, then the module; then the other way round.
apply vlan || fail "vlan: $(cat /tmp/said)"
grep -q 'waiting \["_8021q"\]\|waiting \["8021q"\]' /tmp/said && ok "waits for its module" || fail "vlan: $(cat /tmp/said)"
for module in llc stp garp mrp 8021q; do [ -e mods/$module.ko ] && insmod mods/$module.ko; done
grep -q PATCHED /proc/net/vlan/config && ok "a module is patched when it comes" || fail "vlan: $(head -n 2 /proc/net/vlan/config)"
undo vlan || fail "vlan: $(cat /tmp/said)"
grep -q PATCHED /proc/net/vlan/config && fail "vlan after undo"
try vlan 'cat /proc/net/vlan/config' 'PATCHED name'
apply header && ok "a header's inline function: $(cat /sys/kernel/livepatch/tsugite_header/*/patched | tr '\n' ' ')" || fail "header: $(cat /tmp/said)"
undo header || fail "header: $(cat /tmp/said)"

# Replace: the second one takes the first one's place, and the first one's module goes.
apply cmdline && apply cmdline_again || fail "replace: $(cat /tmp/said)"
grep -q patched=2 /proc/cmdline || fail "replace: $(cat /proc/cmdline)"
[ -e /sys/module/tsugite_cmdline ] && fail "the replaced module is still there" || ok "replaced, and the old module unloaded"
undo cmdline_again || fail "replace: $(cat /tmp/said)"
./kernel-in-guest apply tsugite_cmdline.tsp > /dev/null
./kernel-in-guest apply tsugite_cmdline.tsp > /tmp/said; [ $? -eq 2 ] && ok "twice is nothing to do" || fail "twice: $(cat /tmp/said)"
undo cmdline

# Hooks, shadow variables and states.
apply hooks || fail "hooks: $(cat /tmp/said)"
cat /proc/uptime | grep -q 'read 1' && ok "a shadow variable" || fail "hooks: $(cat /proc/uptime)"
undo hooks || fail "hooks: $(cat /tmp/said)"
for hook in pre_patch post_patch pre_unpatch post_unpatch; do
    dmesg | grep -q "hook: $hook" && ok "hook $hook" || fail "hook $hook didn't run"
done

# A task sleeps in the function: the transition can't end, the task is named, everything is turned back.
./kernel-in-guest pause &
sleeper=$!
sleep 1
apply pause 3; status=$?
[ $status -eq 4 ] && grep -q 'KRN-STALLED' /tmp/said && grep -q "tid $sleeper (kernel-in-guest) is in __x64_sys_pause" /tmp/said \
    && ok "the stall is explained: $(grep -o 'pid .* __x64_sys_pause' /tmp/said)" || fail "stall: $status $(cat /tmp/said)"
[ -e /sys/module/tsugite_pause ] && fail "the stalled patch is still there" || ok "the stalled transition was turned back"
# Given more time the kernel wakes the sleeper by itself.
apply pause 60 && ok "the transition ends after the kernel's own signal" || fail "pause: $(cat /tmp/said)"
kill $sleeper
undo pause || fail "pause: $(cat /tmp/said)"

# A probe on a function is a conflict.
if echo 'p:tsugite cmdline_proc_show' > /sys/kernel/tracing/kprobe_events 2>/dev/null; then
    echo 1 > /sys/kernel/tracing/events/kprobes/tsugite/enable
    apply cmdline; status=$?
    [ $status -eq 3 ] && grep -q KRN-CONFLICT /tmp/said && ok "a probe is a conflict" || fail "probe: $status $(cat /tmp/said)"
    echo 0 > /sys/kernel/tracing/events/kprobes/tsugite/enable
    echo > /sys/kernel/tracing/kprobe_events
fi
[ -z "$(ls /sys/kernel/livepatch)" ] || fail "left: $(ls /sys/kernel/livepatch)"
exit $bad
