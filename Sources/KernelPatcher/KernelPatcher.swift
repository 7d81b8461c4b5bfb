// KernelPatcher: see ARCHITECTURE.md.
