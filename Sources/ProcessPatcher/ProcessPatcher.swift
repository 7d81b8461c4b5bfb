// ProcessPatcher: see ARCHITECTURE.md.
