import Foundation
import Linux
import TestSupport
import Testing

/// A folder behind a real nginx, configured as docs/operate.md says; ends with the value.
final class WebSite {
    let address: String
    private let process = Process()
    private let folder: TemporaryDirectory
    private let log: String

    /// Whether nginx is installed.
    static let isPossible = FileFacts.exists("/usr/sbin/nginx")

    init(_ root: String) throws {
        folder = try TemporaryDirectory(prefix: "tsugite-nginx")
        let port = Int.random(in: 20_000..<60_000)
        log = folder.path + "/access"
        let configuration = """
            daemon off; worker_processes 1; pid \(folder.path)/pid; error_log \(folder.path)/error;
            events {}
            http {
                access_log \(log);
                client_body_temp_path \(folder.path)/b; proxy_temp_path \(folder.path)/p;
                fastcgi_temp_path \(folder.path)/f; uwsgi_temp_path \(folder.path)/u; scgi_temp_path \(folder.path)/s;
                server {
                    listen 127.0.0.1:\(port);
                    root \(root);
                    location /metadata/ { add_header Cache-Control no-cache; }
                    location /targets/  { add_header Cache-Control "public, max-age=31536000, immutable"; }
                    location /          { return 404; }
                }
            }
            user root;
            """
        try FileSystem.replace(folder.path + "/conf", with: configuration)
        address = "http://127.0.0.1:\(port)"
        process.executableURL = URL(fileURLWithPath: "/usr/sbin/nginx")
        process.arguments = ["-e", folder.path + "/error", "-c", folder.path + "/conf"]
        process.standardError = FileHandle.nullDevice
        try process.run()
        for _ in 0..<200 where !FileFacts.exists(folder.path + "/pid") { usleep(20_000) }
        try #require(process.isRunning, "nginx didn't start")
    }

    deinit {
        process.terminate()
        process.waitUntilExit()
    }

    /// What was asked for so far, paths only.
    func requests() throws -> [String] {
        try FileSystem.readText(log).split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            return words.count > 6 ? String(words[6]) : nil
        }
    }
}
