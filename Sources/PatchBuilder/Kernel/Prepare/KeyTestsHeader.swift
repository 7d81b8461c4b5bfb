/// The header by which jump labels become plain tests of their keys.
///
/// A jump label is a branch that the kernel writes into the code when its key changes. The places are listed in a table
/// of the module, which the loader prepares before the symbols of a patched module are known, so keys of such a module
/// can't be used that way. With this header in front of a file, before and after the diff, each such branch becomes a
/// test of the key's counter, which is what the kernel does itself where it has no jump labels.
enum KeyTestsHeader {
    /// Path below the include folder.
    static let path = "tsugite/key-tests.h"

    /// The header's text.
    static let text = """
        #ifndef TSUGITE_KEY_TESTS_H
        #define TSUGITE_KEY_TESTS_H
        #include <linux/jump_label.h>
        /* The counter is -1 for a moment while a key is switched on; then it is on. */
        #define TSUGITE_KEY_IS_ON_(k) (READ_ONCE((k)->enabled.counter) != 0)
        #undef static_branch_likely
        #undef static_branch_unlikely
        #define static_branch_likely(x) likely_notrace(TSUGITE_KEY_IS_ON_(&(x)->key))
        #define static_branch_unlikely(x) unlikely_notrace(TSUGITE_KEY_IS_ON_(&(x)->key))
        #define static_key_true(k) likely_notrace(TSUGITE_KEY_IS_ON_(k))
        #define static_key_false(k) unlikely_notrace(TSUGITE_KEY_IS_ON_(k))
        #endif

        """
}
