import Linux

/// The command that builds a tree when the author names none: told from the files in the top folder.
enum BuildCommand {
    /// A shell command; nil if no build system is recognised.
    static func guess(root: String, jobs: Int) -> String? {
        func has(_ name: String) -> Bool { FileFacts.exists(root + "/" + name) }
        let make = "make -j\(jobs)"
        // An unconfigured tree may come with a Makefile that only says so (zlib).
        if has("configure"), !has("config.status") { return "./configure && \(make)" }
        if ["GNUmakefile", "makefile", "Makefile"].contains(where: has) { return make }
        if has("meson.build") { return "meson setup build-tsugite && ninja -C build-tsugite -j\(jobs)" }
        if has("CMakeLists.txt") {
            return "cmake -S . -B build-tsugite && cmake --build build-tsugite -j \(jobs)"
        }
        if has("autogen.sh") { return "./autogen.sh && ./configure && \(make)" }
        if has("configure.ac") { return "autoreconf -fi && ./configure && \(make)" }
        return nil
    }

    /// The environment of a build: ours, without what would hide compiles from the capture.
    static func environment() -> [String] {
        let dropped = [
            "MAKEFLAGS", "MFLAGS", "MAKELEVEL", "GNUMAKEFLAGS", "CCACHE_DISABLE", "PWD", "OLDPWD",
            "DPKG_GENSYMBOLS_CHECK_LEVEL",
        ]
        return Environment.current.filter { pair in !dropped.contains { pair.hasPrefix($0 + "=") } }
            // A cache that hands out finished objects would compile nothing; the real compiler must run.
            + ["CCACHE_DISABLE=1", "SCCACHE_RECACHE=1", "DISTCC_FALLBACK=1", "DISTCC_HOSTS=localhost"]
            // A library without the fix may export less than the package's list of symbols promises.
            + ["DPKG_GENSYMBOLS_CHECK_LEVEL=0"]
    }

    /// Variables that change what is built; part of the cache's key.
    static func keyVariables() -> [String] {
        let names = ["CC", "CXX", "CPP", "LD", "AR", "CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS", "PATH"]
        let own = names.compactMap { name in Environment.value(of: name).map { "\(name)=\($0)" } }
        let compilers = CompilerEnvironment.kept(Environment.current)
        // Who starts us decides about the order of the variables, and about where they start us.
        let passing = ["PATH=", "PWD=", "TMPDIR=", "HOME="]
        return own + compilers.filter { pair in !passing.contains(where: pair.hasPrefix) }.sorted()
    }
}
