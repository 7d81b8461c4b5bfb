// Kernels under Secure Boot load only modules that are signed with a key that they trust: the distributor's, or one
// that the machine's owner has enrolled (mokutil --import). The kernel's own tool appends the signature; the tree
// that was prepared for compiling has built it.

import Findings
import Linux

/// A key to sign modules with.
package struct KernelSignature: Sendable, Equatable {
    /// The private key, PEM.
    package var key: String
    /// Its certificate, DER or PEM.
    package var certificate: String

    /// Names the files.
    package init(key: String, certificate: String) {
        self.key = key
        self.certificate = certificate
    }
}

extension KernelBuilder {
    /// The module with a signature behind it.
    func sign(_ module: [UInt8], _ signature: KernelSignature?) throws(BuildError) -> [UInt8] {
        guard let signature else { return module }
        let path = "\(toolFolder)/unsigned.ko"
        try WorkFolder.write(module, to: path)
        let hash = try package_.option("MODULE_SIG_HASH") ?? "sha256"
        let tool = "\(toolFolder)/scripts/sign-file"
        guard FileFacts.exists(tool) else {
            throw BuildError(
                .kernelSource, "this kernel's tree has no tool for signing modules", evidence: ["tool": tool],
                remedy: "Build without --sign-key; a kernel without CONFIG_MODULE_SIG asks for no signature.")
        }
        let result: CommandResult
        do throws(SystemError) {
            result = try Command(tool, [hash, signature.key, signature.certificate, path]).run()
        } catch {
            throw BuildError(error, path: tool)
        }
        guard result.succeeded else {
            throw KernelTree.failed(
                "the module can't be signed", result,
                remedy: "Check that key and certificate belong together: openssl x509 -noout -pubkey -in CERT.")
        }
        return try WorkFolder.read(path)
    }
}
