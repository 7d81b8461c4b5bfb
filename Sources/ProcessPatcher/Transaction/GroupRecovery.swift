import Findings
import Linux
import Synchronization

// What a killed patcher left of a group that was to change together. Each member's journal holds the number of the
// common transaction, and the bytes of all members together say what is to become of it:
//
//   every site of every member that is half-way holds its new bytes    all had been written: each goes forward
//   anything else                                                      each goes back
//
// Going back takes a while, and whoever does it may be killed, too: members that went back already are no longer
// half-way, and those that are left might all hold new bytes. So the decision is written into the journals of all
// members before the first byte is put back. A member that has it goes back, whatever the bytes say.
//
// Several members may be recovered at once. Whoever looks first writes the decision to all; who comes later finds it
// and writes nothing, as a journal read some time ago may have been closed since.

/// Decides what becomes of the transaction of a group.
enum GroupRecovery {
    private static let decision = Mutex(())

    /// Whether a transaction is to be taken back; then its members' journals say so.
    ///
    /// - Parameter own: the session of one member, whose images are changed with its journals.
    static func isTakenBack(_ transaction: UInt64, _ own: ProcessSession) throws(PatcherError) -> Bool {
        let result = decision.withLock { _ in
            Result { () throws(PatcherError) in try decide(transaction, own) }
        }
        return try result.get()
    }

    private static func decide(_ transaction: UInt64, _ own: ProcessSession) throws(PatcherError) -> Bool {
        // Another may have decided since this journal was read.
        try own.refresh()
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
            for image in begun(member, transaction) where !TransactionNumber.isTakenBack(image.transaction) {
                try member.writeJournal(image.by(image.patcher, TransactionNumber.takenBack(image.transaction)))
            }
        }
        return true
    }

    private static func begun(_ session: ProcessSession, _ transaction: UInt64) -> [InstalledPatch] {
        session.installed.filter {
            $0.state.isHalfWay && TransactionNumber.plain($0.transaction) == transaction
        }
    }
}
