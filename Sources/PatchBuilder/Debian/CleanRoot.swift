// A throw-away root to build in: nothing is installed on this machine, and nothing of this machine gets into the build.
//
// mmdebstrap(1) makes a minimal system with the compilers and what the package is built with; it is kept and shared
// by later patches of the same source package. Each run works in an overlay of it whose upper layer is memory and goes
// when the run ends. Inside, the same command runs again, on the same work folder at the same path, so what it
// leaves (cache, patches) is where it would be without the root.
//
//     root/                  kept, never written to after it was made
//     overlay(root, tmpfs)   one run: + work folder, output folder, diffs, this program, /proc /sys /dev

import Findings
package import Linux

/// Makes the root for a source package and runs a command in it.
package struct CleanRoot: Sendable {
    private let work: WorkFolder
    private let report: ProgressReport

    /// Takes the work folder; makes nothing yet.
    package init(_ work: String, report: @escaping ProgressReport = { _ in }) throws(BuildError) {
        self.work = try WorkFolder(work)
        self.report = report
    }

    /// Whether this program already runs in such a root.
    package static var isInside: Bool { Environment.value(of: "TSUGITE_CLEAN_ROOT") != nil }

    /// The version that a request means, fetched; its `.dsc` is what the inner run is given.
    package func source(_ request: DebianRequest) throws(BuildError) -> (source: SourcePackage, notes: [String]) {
        try DebianBuild.choose(request, DebianArchive(work, report: report))
    }

    /// Runs this program with `arguments` in the root for `source`; the exit code is the inner run's.
    ///
    /// - Parameter visible: files and folders that the inner run must see, at their own paths.
    package func run(
        _ arguments: [String], for source: SourcePackage, visible: [String]
    ) throws(BuildError) -> CommandResult {
        let root = try root(for: source)
        let own: String
        do throws(SystemError) {
            own = try ProcessFiles.readLink("/proc/self/exe")
        } catch {
            throw BuildError(error, path: "/proc/self/exe")
        }
        var shown = visible + [work.path, own]
        // A program that was linked to the Swift libraries of a tool chain brings them along.
        if let libraries = try? Command("ldd", [own], timeout: .seconds(30)).run() {
            for line in libraries.outputText.split(separator: "\n") {
                let words = line.split(separator: " ").map(String.init)
                guard words.count > 2, words[2].hasPrefix("/") else { continue }
                let folder = FileSystem.parent(of: words[2])
                if !["/lib/", "/usr/lib/"].contains(where: words[2].hasPrefix), !shown.contains(folder) {
                    shown.append(folder)
                }
            }
        }
        let command = Command(
            "/usr/bin/unshare",
            [
                "--mount", "--propagation", "private", "--", "/bin/sh", "-eu", "-c", Self.script, "sh", root,
                work.path,
            ]
                + shown + ["--", own] + arguments,
            environment: Self.environment, directory: "/")
        do throws(SystemError) {
            return try command.runAttached()
        } catch {
            throw BuildError(.cleanRoot, "the root can't be entered", evidence: ["errno": error.errno.name])
        }
    }

    /// Puts the overlay together and goes in.
    ///
    /// Arguments: root, work folder, what is shown..., `--`, the command.
    private static let script = """
        root=$1; work=$2; shift 2
        mount -t tmpfs -o mode=755 tsugite /mnt
        mkdir /mnt/upper /mnt/work /mnt/root
        mount -t overlay -o "lowerdir=$root,upperdir=/mnt/upper,workdir=/mnt/work" tsugite /mnt/root
        for each in proc sys dev; do mount --rbind "/$each" "/mnt/root/$each"; done
        cp /etc/resolv.conf /mnt/root/etc/resolv.conf 2>/dev/null || true
        while [ "$1" != -- ]; do
          if [ -d "$1" ]; then mkdir -p "/mnt/root$1"
          else mkdir -p "/mnt/root${1%/*}"; : >>"/mnt/root$1"; fi
          mount --rbind "$1" "/mnt/root$1"
          shift
        done
        shift
        exec chroot /mnt/root "$@"
        """

    private static var environment: [String] {
        ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "TSUGITE_CLEAN_ROOT=1", "LC_ALL=C.UTF-8"]
            + ["TERM"].compactMap { name in Environment.value(of: name).map { "\(name)=\($0)" } }
    }
}

// MARK: - making the root

extension CleanRoot {
    /// The root for a source package: kept from before, or made now.
    private func root(for source: SourcePackage) throws(BuildError) -> String {
        let archive = DebianArchive(work, report: report)
        try archive.refresh()
        let lines = try archive.lines()
        let parts = lines + source.digests.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
        let key = ContentDigest.hex(parts.joined(separator: "\u{0}").utf8).prefix(16)
        let place = "\(work.path)/roots/\(source.name)_\(source.plainVersion)-\(key)"
        if FileFacts.exists(place + "/used") {
            try? WorkFolder.write([], to: place + "/used")
            return place + "/root"
        }
        guard try run(Command("id", ["-u"], timeout: .seconds(30))).outputText == "0\n" else {
            throw BuildError(
                .cleanRoot, "only root can make a build root here", evidence: [:],
                remedy: "Run with sudo, or install the build dependencies and leave out --clean-root.")
        }
        report(BuildProgress(.reproduce, "making a build root for \(source.name), a minute or two"))
        try WorkFolder.remove(place)
        try WorkFolder.make(place)
        let suites = lines.compactMap { $0.split(separator: " ").dropFirst(2).first.map(String.init) }
        // `bookworm`, not what adds to it: `bookworm-security`, `bookworm-updates`.
        let suite = suites.min { $0.utf8.count < $1.utf8.count } ?? "stable"
        let folder = FileSystem.parent(of: source.path)
        let result = try run(
            Command(
                "mmdebstrap",
                [
                    "--quiet", "--mode=root", "--variant=buildd",
                    "--include=fakeroot,patch,util-linux,libdw1,zlib1g,libzstd1",
                    "--aptopt=APT::Install-Recommends false",
                    "--customize-hook=mkdir -p \"$1/tsugite\"; mount --bind '\(folder)' \"$1/tsugite\"",
                    "--customize-hook=chroot \"$1\" apt-get -qq -y --no-install-recommends --arch-only -Pnocheck "
                        + "build-dep '/tsugite/\(BuildPath.name(source.path))'",
                    "--customize-hook=umount \"$1/tsugite\"; rmdir \"$1/tsugite\"", suite, place + "/root",
                ] + lines, timeout: .seconds(3_600)))
        guard result.succeeded else {
            try? WorkFolder.remove(place)
            throw BuildError(
                result.errorText.contains("No space left") ? .noSpace : .cleanRoot,
                "the build root for \(source.name) can't be made",
                evidence: ["mmdebstrap": String(result.errorText.suffix(800))])
        }
        try WorkFolder.write([], to: place + "/used")
        return place + "/root"
    }

    private func run(_ command: Command) throws(BuildError) -> CommandResult {
        do throws(SystemError) {
            return try command.run()
        } catch {
            throw BuildError(
                .debianTools, "\(command.program) can't be run",
                evidence: ["program": command.program, "errno": error.errno.name],
                remedy: "apt-get install \(command.program)")
        }
    }
}
