import Findings
import Linux

// What a killed patcher left of a group that was to change together. Each member's journal holds the number of the
// common transaction, and the bytes of all members together say what is to become of it:
//
//   every site of every member that is half-way holds its new bytes    all had been written: each goes forward
//   anything else                                                      each goes back
//
// Going back takes a while, and whoever does it may be killed, too: members that went back already are no longer
// half-way, and those that are left might all hold new bytes. So the decision is written into the journals of all
// members before the first byte is put back. A member that has it goes back, whatever the bytes say.

/// Decides what becomes of the transaction of a group.
enum GroupRecovery {
    /// Whether a transaction is to be taken back; then its members' journals say so.
    ///
    /// - Parameter own: the session of one member, whose images are changed with its journals.
    static func isTakenBack(
        _ transaction: UInt64, _ context: PatcherContext, _ own: ProcessSession
    ) throws(PatcherError) -> Bool {
        var members = [own]
        var scan = ProcessScan()
        for process in try scan.processesWithImages() where process != own.process {
            // Who ends or execs meanwhile is no member any more.
            if let session = try? ProcessSession(process), !begun(session, transaction).isEmpty {
                members.append(session)
            }
        }
        var isWhole = true
        for member in members {
            let images = begun(member, transaction)
            if images.contains(where: { TransactionNumber.isTakenBack($0.transaction) }) { isWhole = false }
            if images.contains(where: { $0.state == .prepared }) { isWhole = false }
            let sites = Recovery.sites(images)
            if !sites.isEmpty, try SiteWriter(sites, member.memory).look() != 1 { isWhole = false }
        }
        if isWhole { return false }
        for member in members {
            for image in begun(member, transaction) {
                try member.writeJournal(image.by(image.patcher, TransactionNumber.takenBack(image.transaction)))
            }
        }
        return true
    }

    private static func begun(_ session: ProcessSession, _ transaction: UInt64) -> [InstalledPatch] {
        session.installed.filter {
            Recovery.halfWay.contains($0.state) && TransactionNumber.plain($0.transaction) == transaction
        }
    }
}
