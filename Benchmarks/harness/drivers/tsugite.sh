# The command under test: $TSUGITE. The victim's library is the target; it is built from a tree of its own.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
: "${TSUGITE:?name the command to measure: TSUGITE=/path/to/tsugite}"
tree=$2/tree patch=$2/answer-v2.tsp
case $1 in
build)
    rm -rf "$tree" && mkdir -p "$tree"
    cp "$HS/libvictim.c" "$HS/libvictim.h" "$HS/filler.c" "$tree/"
    printf 'libvictim.so: libvictim.o filler.o\n\tgcc -shared -Wl,-soname,libvictim.so -o $@ $^\n%%.o: %%.c libvictim.h\n\tgcc %s -c -o $@ $<\n' "$CF" >"$tree/Makefile"
    make -s -C "$tree" libvictim.so && mv "$tree/libvictim.so" "$2/" && rm "$tree"/*.o && link_victim "$2" ;;
mkpatch)
    "$TSUGITE" build --source "$tree" --patch "$HS/answer-v2.diff" --target "$2/libvictim.so" \
        --build-command 'make libvictim.so' -o "$patch" >&2 ;;
env) ;;
apply) printf '%s\n' "$TSUGITE" apply "$patch" --pid "$3" ;;
revert) printf '%s\n' "$TSUGITE" undo "$patch" --pid "$3" ;;
applyall) printf '%s\n' "$TSUGITE" apply "$patch" --all ;;
artifact) echo "$patch" ;;
*) echo "tsugite has no $1" >&2; exit 1 ;;
esac
