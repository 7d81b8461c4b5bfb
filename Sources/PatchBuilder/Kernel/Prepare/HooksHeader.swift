/// The header that a fix includes as `<tsugite/kernel.h>` to bring more than code; see `KernelHooks.swift`.
enum HooksHeader {
    /// Path below the include folder.
    static let path = "tsugite/kernel.h"

    /// The header's text.
    static let text = """
        #ifndef TSUGITE_KERNEL_H
        #define TSUGITE_KERNEL_H
        /*
         * What a live patch may bring along besides code. Each macro stands at file level, after the function
         * that it names. At most one of each kind for the kernel, and for each module.
         *
         *   TSUGITE_PRE_PATCH(f)     int f(struct klp_object *)   before functions are redirected; not 0: stop
         *   TSUGITE_POST_PATCH(f)    void f(struct klp_object *)  after every task uses the new code
         *   TSUGITE_PRE_UNPATCH(f)   void f(struct klp_object *)  before tasks go back
         *   TSUGITE_POST_UNPATCH(f)  void f(struct klp_object *)  after every task uses the old code
         *   TSUGITE_STATE(id, version)   a change of the system that later patches have to know
         *
         * Shadow variables need nothing of this: klp_shadow_get_or_alloc() and its kin are exported.
         */
        #include <linux/livepatch.h>
        #define TSUGITE_HOOK_(kind, type, f) \\
            static type __attribute__((used, section(".tsugite." #kind))) __tsugite_##kind = f
        #define TSUGITE_PRE_PATCH(f) \\
            TSUGITE_HOOK_(pre_patch, __typeof__(int (*)(struct klp_object *)), f)
        #define TSUGITE_POST_PATCH(f) \\
            TSUGITE_HOOK_(post_patch, __typeof__(void (*)(struct klp_object *)), f)
        #define TSUGITE_PRE_UNPATCH(f) \\
            TSUGITE_HOOK_(pre_unpatch, __typeof__(void (*)(struct klp_object *)), f)
        #define TSUGITE_POST_UNPATCH(f) \\
            TSUGITE_HOOK_(post_unpatch, __typeof__(void (*)(struct klp_object *)), f)
        #define TSUGITE_STATE(id, version) \\
            static const unsigned long long __attribute__((used, section(".tsugite.states"))) \\
            __tsugite_state_##id[2] = { (id), (version) }
        #endif

        """
}
