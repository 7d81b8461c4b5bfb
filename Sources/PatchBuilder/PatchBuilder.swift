// PatchBuilder: see ARCHITECTURE.md.
