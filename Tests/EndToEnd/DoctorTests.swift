import Channel
import Foundation
import Linux
import TestSupport
import Testing

/// Each trouble is brought about, and doctor has to find exactly that.
@Suite(.serialized, .enabled(if: mayTrace, "needs root: attaches to processes"))
struct DoctorTests {
    @Test func `a machine that is up to date is healthy`() throws {
        let site = try ClientSite()
        try site.publish()
        try site.configure("autoinstall: yes\n")
        #expect(exitCode(try site.machine("upgrade", "-y")) == 0)
        #expect(try site.codes() == [])
        #expect(exitCode(try site.machine("doctor")) == 0)
    }

    @Test func `SRC-DETACHED: no channel, or none that cares`() throws {
        let site = try ClientSite()
        try site.shop.write("root/etc/tsugite/tsugite.yaml", "autoinstall: yes\n")
        #expect(try site.codes() == ["SRC-DETACHED"])
        try site.publish()
        try site.configure("")
        _ = try site.machine("refresh")
        try site.end()
        #expect(try site.codes() == ["SRC-DETACHED"])
    }

    @Test func `CLI-MISSING and CLI-WRONG: the network part at the wrong kind of site`() throws {
        let site = try ClientSite()
        try site.publish()
        try site.configure("autoinstall: yes\n")
        #expect(exitCode(try site.machine("upgrade", "-y")) == 0)
        let alone = site.shop.path("alone-tsugite")
        _ = try Command("/usr/bin/cp", [TsugiteCommand.path, alone]).run()
        let result = try Command(alone, ["doctor", "--root", site.root]).run()
        #expect(exitCode(result) == 1 && result.outputText.contains("[CLI-MISSING]"))
        try site.configure("autoinstall: yes\nsite: offline\n")
        #expect(try site.codes() == ["CLI-WRONG"])
    }

    @Test func `CLI-CONFLICT: dpkg refuses two clients that own one file`() throws {
        let site = try ClientSite()
        try site.publish()
        try site.configure("autoinstall: yes\n")
        #expect(exitCode(try site.machine("upgrade", "-y")) == 0)
        let script = """
            set -e; cd "$0"
            for name in uptrack tsugite; do
                mkdir -p $name/DEBIAN $name/usr/bin; echo $name >$name/usr/bin/ksplice
                printf 'Package: %s\\nVersion: 1\\nArchitecture: all\\nMaintainer: t <t@t>\\nDescription: t\\n' $name \\
                    >$name/DEBIAN/control
                dpkg-deb -Zgzip -b $name >/dev/null
            done
            mkdir -p root/var/lib/dpkg/info root/var/lib/dpkg/updates root/var/log/apt; touch root/var/lib/dpkg/status
            dpkg --root=root --log=/dev/null -i uptrack.deb >/dev/null
            LC_ALL=C dpkg --root=root --log=/dev/null -i tsugite.deb >root/var/log/apt/term.log 2>&1 && exit 9
            exit 0
            """
        try #require(try Command("/bin/bash", ["-c", script, site.shop.path("")]).run().succeeded)
        let found = try site.machine("doctor")
        #expect(try site.codes() == ["CLI-CONFLICT"])
        #expect(found.outputText.contains("both own /usr/bin/ksplice"))
        #expect(found.outputText.contains("apt-get remove uptrack"))
    }

    @Test func `LBL-MISMATCH: the label was renamed, and the nearest one is named`() throws {
        let site = try ClientSite()
        try site.publish()
        try site.configure("user_channel: local_stable\n")
        _ = try site.machine("refresh")
        #expect(try site.codes() == ["LBL-MISMATCH"])
        #expect(try site.machine("doctor").outputText.contains("Set user_channel: stable in"))
    }

    @Test func `TRUST-ROLLBACK, TRUST-KEY, TRUST-EXPIRED: what the channel offers isn't to be believed`() throws {
        let site = try ClientSite()
        try site.publish()
        try site.configure("autoinstall: yes\n")
        #expect(exitCode(try site.machine("upgrade", "-y")) == 0)
        let timestamp = site.channel + "/metadata/timestamp.json"
        let old = try FileSystem.read(timestamp)
        try site.sign("publish", "--renew")
        let new = try FileSystem.read(timestamp)
        _ = try site.machine("refresh")
        try FileSystem.replace(timestamp, with: old)
        _ = try site.machine("refresh")
        #expect(try site.codes() == ["TRUST-ROLLBACK"])
        try FileSystem.replace(
            timestamp, with: String(decoding: new, as: UTF8.self).replacing("sig\":\"", with: "sig\":\"00"))
        _ = try site.machine("refresh")
        #expect(try site.codes().first == "TRUST-KEY")
        let keys = try KeyRing(folders: [site.shop.path("keys/online")])
        try FileSystem.replace(timestamp, with: new)
        _ = try Repository(folder: site.channel).renewTimestamp(
            keys: keys, at: UTCTime.now().adding(seconds: -30 * 86_400))
        _ = try site.machine("refresh")
        #expect(try site.codes() == ["TRUST-EXPIRED"])
        try site.sign("publish", "--renew")
        #expect(exitCode(try site.machine("doctor", "--fix")) == 0)
    }

    @Test func `CHN-NETWORK, CHN-FILE, CHN-MALFORMED, CHN-NOT-FOUND: the channel was never reached`() throws {
        let site = try ClientSite()
        try site.publish()
        let root = "root/etc/tsugite/trust/stable.root.json"
        let trusted = try FileSystem.readText(site.shop.path(root))
        try site.configure("autoinstall: yes\n")
        #expect(try site.codes() == ["MIR-STALE"])
        func expect(_ code: String) throws {
            let refreshed = try site.machine("refresh")
            #expect(!refreshed.outputText.contains("version 0"))
            #expect(try site.codes() == [code])
            #expect(exitCode(try site.machine("doctor")) == 1)
        }
        try FileSystem.remove(site.shop.path(root))
        try expect("CHN-FILE")
        try site.shop.write(root, "garbage")
        try expect("CHN-MALFORMED")
        try site.shop.write(root, trusted)
        try site.configure("autoinstall: yes\n", url: "http://127.0.0.1:9")
        try expect("CHN-NETWORK")
        try site.configure("autoinstall: yes\n", url: site.shop.path("nowhere"))
        try expect("CHN-NOT-FOUND")
        try site.configure("autoinstall: yes\n")
        #expect(exitCode(try site.machine("upgrade", "-y")) == 0)
        #expect(try site.codes() == [])
    }

    @Test func `USR-NEVER-RETURNS: the thread stays in one call, and doctor says that it is permanent`() throws {
        let site = try ClientSite(isBusy: true)
        try site.publish()
        try site.configure("autoinstall: yes\nwait: 7s\n")
        #expect(exitCode(try site.machine("upgrade", "-y")) == 12)
        #expect(try site.codes() == ["USR-NEVER-RETURNS"])
        #expect(try site.machine("doctor").outputText.contains("kind: permanent"))
    }

    @Test func `USR-MISMATCH: somebody changed a byte of the function in memory`() throws {
        let site = try ClientSite()
        try site.publish()
        try site.configure("autoinstall: yes\n")
        // The factor of the multiplication: 100 becomes 101.
        let script = """
            import subprocess, sys
            pid, program = sys.argv[1:]
            names = subprocess.run(['nm', program], capture_output=True, text=True).stdout.splitlines()
            place = next(int(n.split()[0], 16) for n in names if n.endswith(' price'))
            place += int(open(f'/proc/{pid}/maps').readline().split('-')[0], 16)
            with open(f'/proc/{pid}/mem', 'r+b', buffering=0) as memory:
                memory.seek(place)
                place += memory.read(16).index(100)
                memory.seek(place)
                memory.write(bytes([101]))
            """
        let changed = try Command("/usr/bin/python3", ["-c", script, "\(site.pid)", site.shop.tree + "/shop"]).run()
        try #require(changed.succeeded, "\(changed.errorText)")
        #expect(exitCode(try site.machine("upgrade", "-y")) == 13)
        #expect(try site.codes() == ["USR-MISMATCH"])
        try site.end()
        #expect(try !site.codes().contains("USR-MISMATCH"))
    }

    @Test func `CLI-LEFT-OUT: a pin keeps an update away`() throws {
        let site = try ClientSite()
        try site.publish()
        try site.configure("autoinstall: yes\n")
        _ = try site.machine("refresh")
        _ = try site.machine("pin", "shop=1.0")
        #expect(try site.codes() == ["CLI-LEFT-OUT"])
        #expect(exitCode(try site.machine("doctor")) == 0)
    }

    @Test func `MIR-STALE and MIR-FAILED: the mirror never ran, or couldn't bring a file`() throws {
        let site = try ClientSite()
        try site.publish()
        let mirror = site.shop.path("mirror")
        try site.configure("autoinstall: yes\nmirrors: \(mirror)\n")
        #expect(exitCode(try site.machine("upgrade", "-y")) == 0)
        try FileSystem.makeDirectory(mirror)
        #expect(try site.codes() == ["MIR-STALE"])
        let sync = [
            "mirror", "sync", mirror, "--from", site.channel, "--trusted-root",
            site.channel + "/metadata/1.root.json",
        ]
        #expect(exitCode(try site.tsugite(sync)) == 0)
        #expect(try site.codes() == [])
        try site.publish("FIX-2", value: 3)
        #expect(exitCode(try site.machine("upgrade", "-y")) == 0)
        _ = try Command("/bin/sh", ["-c", "rm $(find '\(site.channel)/targets' -name '*FIX-2*')"]).run()
        #expect(exitCode(try site.tsugite(sync)) == 11)
        #expect(try site.codes() == ["MIR-FAILED"])
    }

    @Test func `MIR-SPACE: the mirror's disk is too small`() throws {
        let site = try ClientSite()
        let mirror = site.shop.path("mirror")
        try FileSystem.makeDirectory(mirror)
        try #require(
            try Command("/usr/bin/mount", ["-t", "tmpfs", "-o", "size=70m", "none", mirror]).run().succeeded)
        defer { _ = try? Command("/usr/bin/umount", ["-l", mirror]).run() }
        try site.publish()
        try site.configure("autoinstall: yes\nmirrors: \(mirror)\n")
        #expect(exitCode(try site.machine("upgrade", "-y")) == 0)
        try site.shop.write("big", String(repeating: "x", count: 9 << 20))
        try site.tsugite([
            "channel", "add", site.channel, site.shop.path("big"), "--family", "user/other", "--effective-version",
            "1",
            "--build-id", "ab", "--id", "BIG",
        ])
        try site.sign("publish")
        let sync = [
            "mirror", "sync", mirror, "--from", site.channel, "--trusted-root",
            site.channel + "/metadata/1.root.json",
        ]
        #expect(exitCode(try site.tsugite(sync)) == 13)
        #expect(try site.codes() == ["MIR-SPACE"])
    }

    @Test func `USR-BUSY, PLAN-UNFINISHED, PWR-LOSS: a function that never ends`() async throws {
        let site = try ClientSite(isBusy: true)
        try site.publish()
        try site.configure("autoinstall: yes\nwait: 1s\n")
        #expect(exitCode(try site.machine("upgrade", "-y")) == 12)
        #expect(try site.codes() == ["USR-BUSY"])
        #expect(try site.machine("doctor").outputText.contains("price"))
        try site.configure("autoinstall: yes\nwait: 60s\n")
        let killed = Process()
        killed.executableURL = URL(fileURLWithPath: TsugiteCommand.path)
        killed.arguments = ["upgrade", "-y", "--root", site.root]
        try killed.run()
        let journal = site.root + "/var/lib/tsugite/journal.json"
        for _ in 0..<200 where !FileFacts.exists(journal) { try await Task.sleep(for: .milliseconds(20)) }
        kill(killed.processIdentifier, SIGKILL)
        killed.waitUntilExit()
        #expect(try site.codes() == ["PLAN-UNFINISHED", "USR-BUSY"])
        try site.rewrite(journal, "\"bootID\" : \"[^\"]*\"", "\"bootID\" : \"an earlier one\"")
        #expect(try site.codes() == ["PWR-LOSS", "USR-BUSY"])
        #expect(exitCode(try site.machine("doctor", "--fix")) == 1)
        #expect(try site.codes() == ["USR-BUSY"])
    }

    @Test func `USR-UNPATCHABLE and USR-NS: processes that are special`() throws {
        let site = try ClientSite()
        try site.publish()
        try site.configure("autoinstall: yes\n")
        _ = try site.machine("refresh")
        try site.shop.write("root/etc/tsugite/never.d/shop.conf", "[executables]\n/tree/shop$\n")
        #expect(try site.codes() == ["USR-UNPATCHABLE"])
        try FileSystem.remove(site.root + "/etc/tsugite/never.d/shop.conf")
        try site.end()
        let other = try site.start(["/usr/bin/unshare", "-m", site.shop.tree + "/shop"])
        #expect(try site.codes() == ["USR-NS"])
        #expect(exitCode(try site.machine("upgrade", "-y")) == 0)
        #expect(try site.codes() == [])
        _ = other
    }

    @Test func `LIB-UNKNOWN and LIB-DELETED: builds that nobody can help, and files that were replaced`() throws {
        let site = try ClientSite()
        try site.publish()
        try site.configure("autoinstall: yes\n")
        #expect(exitCode(try site.machine("upgrade", "-y")) == 0)
        try site.shop.write(
            "root/var/lib/dpkg/status",
            "Package: shop\nStatus: install ok installed\nVersion: 1.0\nArchitecture: amd64\n\n")
        try site.shop.write("root/var/lib/dpkg/info/shop.list", site.shop.tree + "/shop\n")
        try FileSystem.remove(site.shop.tree + "/shop")
        try site.rewrite(site.shop.tree + "/shop.c", "mark\\[\\] = \"", "mark[] = \"other ")
        try site.shop.make()
        // What runs is covered in memory, so that its file was replaced is no trouble.
        #expect(try site.codes() == [])
        let second = try site.start([site.shop.tree + "/shop"])
        #expect(try site.codes() == ["LIB-UNKNOWN"])
        kill(second.rawValue, SIGKILL)
        #expect(exitCode(try site.machine("remove", "--all", "-y")) == 0)
        try site.configure("autoinstall: yes\nhold: shop\n")
        #expect(try site.codes().contains("LIB-DELETED"))
    }

    @Test func `AUTO-OFF: updates wait for somebody`() throws {
        let site = try ClientSite()
        try site.publish()
        _ = try site.machine("refresh")
        #expect(try site.codes() == ["AUTO-OFF"])
    }

    @Test func `KRN-UNSUPPORTED is trouble, KRN-NOTHING-YET is good news`() throws {
        let site = try ClientSite()
        try site.publish()
        try site.configure("autoinstall: yes\n")
        #expect(exitCode(try site.machine("upgrade", "-y")) == 0)
        func add(_ family: String) throws {
            try site.shop.write("k", family)
            try site.tsugite([
                "channel", "add", site.channel, site.shop.path("k"), "--family", family, "--effective-version", "1",
                "--build-id", "abcd", "--id", "K-\(family.suffix(3))",
            ])
            try site.sign("publish")
            _ = try site.machine("refresh")
        }
        try add("kernel/4.4.0")
        #expect(try site.codes() == ["KRN-UNSUPPORTED"])
        let release = try FileSystem.readText("/proc/sys/kernel/osrelease").prefix { $0 != "\n" }
        try add("kernel/\(release)")
        #expect(try site.codes() == ["KRN-NOTHING-YET"])
        #expect(exitCode(try site.machine("doctor")) == 0)
    }

    @Test func `BOOT-LOOP: the set is held back until told`() throws {
        let site = try ClientSite()
        try site.publish()
        try site.configure("autoinstall: yes\ncrash_loop_limit: 1\n")
        #expect(exitCode(try site.machine("upgrade", "-y")) == 0)
        #expect(exitCode(try site.machine("boot", "replay")) == 0)
        let boots = site.root + "/var/lib/tsugite/boot.json"
        try site.rewrite(boots, "\"bootID\" : \"[^\"]*\"", "\"bootID\" : \"an earlier one\"")
        #expect(exitCode(try site.machine("boot", "replay")) == 13)
        #expect(try site.codes() == ["BOOT-LOOP"])
        _ = try site.machine("resume")
        #expect(try site.codes() == [])
    }

    @Test func `EFF-STALE: somebody changed memory behind our back, and --fix knows`() throws {
        let site = try ClientSite()
        try site.publish()
        try site.configure("autoinstall: yes\n")
        #expect(exitCode(try site.machine("upgrade", "-y")) == 0)
        #expect(exitCode(try site.tsugite(["undo", "FIX-1", "--pid", "\(site.pid)"])) == 0)
        #expect(try site.codes() == ["EFF-STALE"])
        #expect(exitCode(try site.machine("doctor", "--fix")) == 0)
    }

    @Test func `EFF-STALE isn't said of what others do: a patch by hand, a process that ends, a program rebuilt`()
        throws
    {
        let site = try ClientSite()
        let other = try ClientSite()
        try site.publish()
        try site.configure("autoinstall: yes\n")
        #expect(exitCode(try site.machine("upgrade", "-y")) == 0)
        _ = try other.shop.build(other.diff(to: 2), target: "shop", output: "hand.tsp")
        #expect(exitCode(try site.tsugite(["apply", other.shop.path("hand.tsp")])) == 0)
        #expect(try site.codes() == [])
        try FileSystem.remove(other.shop.tree + "/shop")
        try other.shop.make()
        #expect(try site.codes() == [])
        try site.end()
        // Nothing that the channel cares for runs any more, which is another finding.
        #expect(try site.codes() == ["SRC-DETACHED"])
    }

    @Test func `CLI-CONFIG and CLI-DISABLED: the site's own decisions`() throws {
        let site = try ClientSite()
        try site.publish()
        try site.configure("autoinstall: yes\n")
        #expect(exitCode(try site.machine("upgrade", "-y")) == 0)
        try site.shop.write("root/etc/tsugite/disable", "")
        #expect(try site.codes() == ["CLI-DISABLED"])
        try site.configure("autoinstall: perhaps\n")
        #expect(try site.codes() == ["CLI-CONFIG"])
    }

    @Test func `every code is explained`() throws {
        let all = try TsugiteCommand.run(["explain"]).outputText.split(separator: "\n").compactMap {
            $0.split(separator: " ").first
        }
        #expect(all.count > 60)
        for code in all { #expect(exitCode(try TsugiteCommand.run(["explain", String(code)])) == 0) }
        #expect(exitCode(try TsugiteCommand.run(["explain", "NO-SUCH"])) == 64)
    }
}
