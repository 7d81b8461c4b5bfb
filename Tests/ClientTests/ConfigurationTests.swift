import Findings
import Testing

@testable import Client

/// The site's decisions as text.
@Suite struct ConfigurationTests {
    @Test func `reads every key`() throws {
        let text = """
            # a site
            channels:
              - label: stable
                url: https://updates.example/stable   # the mirror
                trusted_root: "/etc/tsugite/trust/stable.root.json"
                ring: stable
              - label: site
                url: http://mirror/site
            install_on_reboot: no
            upgrade_on_reboot: yes
            autoinstall: on
            skip_apply_after_pkg_install: 1
            effective_version: 2026-01-31
            hold: [libc6, user/bind9]
            pins:
              - libssl3=3.0.15-1
            user_channel: stable
            proxy: none
            check_interval: 4h
            jitter: 30m
            windows: "Sat,Sun 22:00-04:00"
            health_checks:
              - "curl -sf http://localhost/"
            withdrawn: warn
            kernel_oops: warn
            wait: 90s
            crash_loop_limit: 5
            stale_after_days: 3
            log_level: debug
            """
        let configuration = try Configuration(text, file: "t")
        #expect(configuration.channels.map(\.label) == ["stable", "site"])
        #expect(configuration.channels[0].ring == "stable")
        #expect(configuration.channels[1].trustedRoot == "/etc/tsugite/trust/site.root.json")
        #expect(!configuration.installOnReboot && configuration.upgradeOnReboot && configuration.autoinstall)
        #expect(configuration.skipApplyAfterPackageInstall)
        #expect(configuration.cutOff == "2026-01-31T23:59:59Z")
        #expect(configuration.hold == ["libc6", "user/bind9"])
        #expect(configuration.checkIntervalSeconds == 4 * 3600 && configuration.jitterSeconds == 1800)
        #expect(configuration.healthChecks == ["curl -sf http://localhost/"])
        #expect(configuration.kernelOops == .warn && Configuration().kernelOops == .undo)
        #expect(configuration.withdrawn == .warn && configuration.crashLoopLimit == 5)
    }

    @Test(arguments: [
        ("autoinstall: maybe", "line 1: autoinstall is \"maybe\", allowed: yes, no"),
        ("hold: x\nautoinstal: yes", "line 2: there is no key autoinstal; did you mean autoinstall?"),
        ("check_interval: soon", "check_interval is \"soon\", allowed: a time such as 30s"),
        ("windows: night", "windows holds \"night\", allowed: \"02:00-05:00\""),
        ("withdrawn: panic", "withdrawn is \"panic\", allowed: undo, warn"),
        ("kernel_oops: reboot", "kernel_oops is \"reboot\", allowed: undo, warn"),
        ("channels:\n  - url: x", "a channel needs label and url"),
        ("channels:\n  - label: ../x\n    url: y", "allowed are letters, digits"),
        ("\tjitter: 1m", "tabs"), ("pins: libc6", "PACKAGE=VERSION"), ("hold: [a", "isn't closed"),
        ("jitter: 1m\njitter: 2m", "line 2: jitter stands here for the second time"),
        ("effective_version: latest", "a date such as 2026-01-31"),
    ])
    func `a bad value is refused by key, line and what is allowed`(text: String, expected: String) throws {
        let error = try #require(throws: ClientError.self) { try Configuration(text, file: "f") }
        #expect(error.finding.code.rawValue == "CLI-CONFIG")
        #expect(error.finding.message.contains(expected), "\(error.finding.message)")
    }

    @Test func `a comma in quotes belongs to its text`() throws {
        let text = """
            windows: ["Sat,Sun 02:00-05:00", "22:00-04:00"]  # as packaging/tsugite.yaml shows it
            health_checks: ['a, b',c]
            hold: [ "x,y" ,  z, ]
            """
        let configuration = try Configuration(text, file: "t")
        #expect(configuration.windows.count == 2)
        #expect(configuration.healthChecks == ["a, b", "c"])
        #expect(configuration.hold == ["x,y", "z"])
    }

    @Test func `regular looks come after the interval and a jitter that differs`() {
        var configuration = Configuration()
        configuration.checkIntervalSeconds = 3600
        configuration.jitterSeconds = 1800
        func isDue(_ times: [Int64], _ machine: String, _ now: Int64) -> Bool {
            Session.isCheckDue(times, configuration, machine: machine, at: now)
        }
        #expect(!isDue([10_000], "a", 13_599) && isDue([10_000], "a", 15_400))
        // The channel that was reached longest ago counts, and one that never was.
        #expect(isDue([10_000, 20_000], "a", 15_400) && isDue([0, 20_000], "a", 20_001))
        #expect(isDue([10_000], "a", 9_000), "the clock was set back")
        #expect(!isDue([], "a", 99_999))
        let half = (0..<64).filter { isDue([10_000], "machine \($0)", 14_500) }
        #expect((10..<54).contains(half.count))
    }

    @Test func `never-lists protect by regular expression, and a bad one is an error`() throws {
        var list = NeverList()
        try list.add("[executables]\n^/usr/sbin/oracle\n# note\n[targets]\nlibjvm\n", file: "a.conf")
        #expect(list.forbids(executable: "/usr/sbin/oracle-db") != nil)
        #expect(list.forbids(executable: "/opt/usr/sbin/oracle") == nil)
        #expect(list.forbids(target: "/usr/lib/jvm/libjvm.so") != nil)
        #expect(throws: ClientError.self) { try list.add("[executables]\n(\n", file: "b.conf") }
        #expect(throws: ClientError.self) { try list.add("^/usr\n", file: "c.conf") }
    }

    @Test(arguments: [
        ("02:00-05:00", 3, 200, true), ("02:00-05:00", 3, 301, false), ("Sat,Sun 22:00-04:00", 6, 1330, true),
        ("Sat,Sun 22:00-04:00", 0, 100, true), ("Sat,Sun 22:00-04:00", 1, 100, true),
        ("Sat,Sun 22:00-04:00", 2, 100, false), ("Sat 22:00-04:00", 6, 100, false),
    ])
    func `a window that passes midnight belongs to the day on which it begins`(
        text: String, day: Int, minute: Int, isIn: Bool
    ) throws {
        #expect(try #require(UpdateWindow(text)).contains(day: day, minute: minute) == isIn)
    }

    @Test func `an uptrack configuration keeps its switches and names what is lost`() throws {
        let (yaml, dropped) = try UptrackImport.convert(
            "[Auth]\naccesskey = abc\n[Network]\nhttps_proxy = http://p:3128\n[Settings]\nautoinstall = yes\n"
                + "install_on_reboot = no\n[User]\nyum_userspace_ksplice_repo_name = local_ol8\n")
        let configuration = try Configuration(yaml, file: "made")
        #expect(configuration.autoinstall && !configuration.installOnReboot)
        #expect(configuration.proxy == "http://p:3128" && configuration.userChannel == "local_ol8")
        #expect(dropped == ["[Auth] accesskey"])
        #expect(throws: ClientError.self) { try UptrackImport.convert("autoinstall = perhaps") }
    }
}

/// Commands under their old names.
@Suite struct ClassicNameTests {
    @Test(arguments: [
        ("uptrack-upgrade", ["-y"], ["upgrade", "all", "-y"]),
        ("uptrack-upgrade", ["-n", "-y"], ["upgrade", "all"]),
        ("uptrack-show", ["--available"], ["show", "--available"]),
        ("uptrack-remove", ["--all"], ["remove", "--all"]),
        ("uptrack-install", ["e12zrdy5", "-q", "-y"], ["install", "e12zrdy5", "-y"]),
        ("uptrack-install", ["--all", "--wait", "3"], ["upgrade", "all"]),
        ("uptrack-uname", ["-r"], ["uname", "-r"]),
        ("ksplice", ["user", "show", "--pid=12"], ["show", "--pid", "12"]),
        ("ksplice", ["-y", "kernel", "upgrade"], ["upgrade", "kernel", "-y"]),
        ("ksplice", ["kernel", "uname", "-r"], ["uname", "-r"]),
        ("ksplice", ["all", "remove", "--all"], ["remove", "--all"]),
        ("ksplice", ["user", "list-targets"], ["list-targets"]), ("uptrack-upgrade", ["-V"], ["--version"]),
    ])
    func `a classic command means the same in our words`(program: String, words: [String], ours: [String]) {
        #expect(ClassicNames.translate(program, words) == .words(ours))
    }

    @Test(arguments: [
        ("uptrack-remove", []), ("uptrack-install", ["--all", "x"]), ("ksplice", ["show"]),
        ("ksplice", ["user", "remove", "--all", "--pid=1"]), ("uptrack-upgrade", ["--cleanup"]),
    ])
    func `what makes no sense is refused`(program: String, words: [String]) throws {
        guard case .refused = ClassicNames.translate(program, words) else {
            Issue.record("\(program) \(words) was taken")
            return
        }
    }

    @Test func `our own name is nobody else's`() { #expect(ClassicNames.translate("tsugite", ["show"]) == nil) }
}

/// Package versions.
@Suite struct DebianVersionTests {
    @Test(arguments: [
        ("1.0-1", "1.0-2"), ("1.0~rc1-1", "1.0-1"), ("9.9", "1:0.1"), ("3.0.9", "3.0.15"), ("1.0", "1.0a"),
        ("3.0.11-1~deb12u2", "3.0.11-1"), ("1.0-1", "1.0-1+b1"), ("2.36-9+deb12u9", "2.36-9+deb12u10"),
        ("a", "a-b"),
    ])
    func `versions are ordered as dpkg orders them`(older: String, newer: String) {
        #expect(DebianVersion.isOlder(older, than: newer))
        #expect(!DebianVersion.isOlder(newer, than: older))
        #expect(DebianVersion.compare(older, older) == 0)
    }
}
