# Runs in the guest: loads every patch of the list, and takes it out again; those for modules in both orders.
cd /t
mkdir -p /lib64 /lib/x86_64-linux-gnu
cp lib/ld-linux-x86-64.so.2 /lib64/ 2>/dev/null
cp lib/* /lib/x86_64-linux-gnu/
chmod +x tsugite
apply() { ./tsugite apply "$1.tsp" --once --wait 60 > /tmp/said 2>&1 || { word="FAIL apply: $(tr '\n' ' ' < /tmp/said | cut -c 1-200)"; return 1; }; }
undo() { ./tsugite undo "$1" --wait 60 > /tmp/said 2>&1 || { word="FAIL undo: $(tr '\n' ' ' < /tmp/said | cut -c 1-200)"; return 1; }; }
while read -r name modules; do
    word=
    apply "$name" && {
        word="applied, "
        for module in $modules; do
            [ -e "/sys/module/$(echo "$module" | tr - _)" ] || insmod "mods/$module.ko" 2>/dev/null
        done
        for object in /sys/kernel/livepatch/tsugite_*/*/patched; do
            object=$(echo "$object" | cut -d / -f 6)
            [ "$object" = vmlinux ] && continue
            if [ -e "/sys/module/$object" ]; then word="$word module $object patched as it came, "; else word="$word $object doesn't load here, "; fi
        done
        undo "$name" && word="$word undone"
    }
    case $word in *" module "*undone)
        apply "$name" && { undo "$name" && word="$word; and again with the module there"; } ;;
    esac
    for module in $(echo "$modules" | tr ' ' '\n' | sed '1!G;h;$!d'); do rmmod "$module" 2>/dev/null; done
    if dmesg | grep -qE 'WARNING:|BUG:|Oops|general protection|Call Trace|refcount_t:'; then word="FAIL the kernel warned"; fi
    echo "LOADED $name $word"
    case $word in *warned*) break ;; esac
done < list
