import Foundation
import LivePatch
import ProcessPatcher
import Synchronization
import TestSupport
import Testing

/// One way to build the lab program, with its second version as a patch.
struct LabKind: Hashable, CustomTestStringConvertible, Sendable {
    enum Form: String, Sendable { case pie, fixed, library, staticFixed, staticPIE }
    var form = Form.pie
    var optimisation = "-O2"
    var compiler = Compiler.Driver.gcc

    var testDescription: String { "\(form.rawValue) \(optimisation) \(compiler)" }

    /// Every form, two optimisations, two compilers.
    static let all: [LabKind] = [Form.pie, .fixed, .library, .staticFixed, .staticPIE].flatMap { form in
        ["-O0", "-O2"].flatMap { level in
            [Compiler.Driver.gcc, .clang].map { LabKind(form: form, optimisation: level, compiler: $0) }
        }
    }

    var linkFlags: [String] {
        switch form {
        case .pie: ["-fpie", "-pie"]
        case .fixed: ["-fno-pie", "-no-pie"]
        case .library: ["-fpie", "-pie"]
        case .staticFixed: ["-fno-pie", "-static"]
        case .staticPIE: ["-fpie", "-static-pie"]
        }
    }

    var objectFlags: [String] {
        switch form {
        case .fixed, .staticFixed: ["-fno-pie"]
        case .library: ["-fPIC"]
        case .pie, .staticPIE: ["-fpie"]
        }
    }
}

/// The built lab: a program of version 1, and what patches to later versions are made from.
final class Lab: Sendable {
    let kind: LabKind
    let compiler: Compiler
    let program: String
    /// The binary that holds the functions.
    let target: String

    /// Makes this run's build-ids its own, so that operations on all processes meet no one else's.
    static let mark = "-DRUN=\"\(ProcessInfo.processInfo.processIdentifier)-\(UUID().uuidString)\""

    private static let cache = Mutex<[LabKind: Lab]>([:])

    /// Builds once for each kind.
    static func of(_ kind: LabKind = LabKind()) throws -> Lab {
        if let known = cache.withLock({ $0[kind] }) { return known }
        let lab = try Lab(kind)
        cache.withLock { $0[kind] = lab }
        return lab
    }

    private init(_ kind: LabKind) throws {
        self.kind = kind
        compiler = try Compiler(kind.compiler)
        let common = [kind.optimisation, "-DVERSION=1", "-Wl,--build-id", "-lpthread", Self.mark]
        if kind.form == .library {
            target = try compiler.compile(
                labSource, common + ["-fPIC", "-shared", "-DLIBRARY_ONLY"], name: "liblab.so")
            program = try compiler.compile(
                labSource,
                common + kind.linkFlags + [
                    "-DMAIN_ONLY", "-L\(compiler.folder)", "-Wl,-rpath,\(compiler.folder)", "-llab",
                ],
                name: "lab")
        } else {
            program = try compiler.compile(labSource, common + kind.linkFlags, name: "lab")
            target = program
        }
    }

    /// Starts it and waits until it is ready.
    func start(_ program: String? = nil) throws -> Victim {
        let victim = try Victim(program ?? self.program)
        guard victim.line() == "ready" else { throw MissingPart(what: "the lab's first line") }
        return victim
    }

    /// The object of another version.
    func object(_ version: Int) throws -> String {
        let name = "lab\(version).o"
        if FileManager.default.fileExists(atPath: compiler.path(name)) { return compiler.path(name) }
        return try compiler.compile(
            labSource,
            [
                kind.optimisation, "-DVERSION=\(version)", "-DLIBRARY_ONLY", "-c", "-ffunction-sections",
                "-fdata-sections", Self.mark,
            ] + kind.objectFlags, name: name)
    }

    /// A patch to another version.
    func patch(
        _ name: String = "lab-fix", version: Int = 2, replacing functions: [String] = ["answer"],
        changes: [String]? = nil
    ) throws -> PatchInput {
        try MiniBuilder.patch(
            name, binary: target, object: try object(version), replacing: functions, changes: changes)
    }
}
