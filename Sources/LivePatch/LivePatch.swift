// LivePatch: see ARCHITECTURE.md.
