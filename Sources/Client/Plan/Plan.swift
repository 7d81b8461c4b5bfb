public import Findings

/// What is to be done, in order; a value that is shown, stored, and carried out later as it stands.
public struct Plan: Sendable, Equatable, Codable {
    /// What a plan is for.
    public enum Purpose: String, Sendable, Codable, CaseIterable {
        /// Everything that is available.
        case upgrade
        /// The present set again, after a reboot into the same kernel.
        case boot
        /// Nothing of ours in memory.
        case remove
        /// Back to before the last action.
        case undo
        /// Particular updates.
        case install
    }

    /// What is done with one update.
    public enum Action: String, Sendable, Codable {
        case install
        case remove
    }

    /// One step.
    public struct Step: Sendable, Equatable, Codable {
        /// In or out.
        public var action: Action
        /// The update, with everything that carrying it out needs.
        public var update: InstalledUpdate
        /// Processes that it concerns now; for reading only, they are found again when it is carried out.
        public var processes: Int
        /// Why.
        public var reason: String
    }

    /// Something that is available and left out.
    public struct Omission: Sendable, Equatable, Codable {
        /// The update.
        public var id: String
        /// Why, with code and remedy.
        public var finding: Finding
    }

    /// Names this form.
    public var schema = "tsugite.plan/1"
    /// What it is for.
    public var purpose: Purpose
    /// In order.
    public var steps: [Step]
    /// What is left out, and why.
    public var omitted: [Omission] = []

    /// Makes a plan.
    public init(_ purpose: Purpose, _ steps: [Step] = [], omitted: [Omission] = []) {
        self.purpose = purpose
        self.steps = steps
        self.omitted = omitted
    }
}
