import Jobs
import Planning
import Provisioning

extension Job {
    /// What of it a decision depends on.
    var terms: PlanTerms { PlanTerms(fullPush: fullPush, operations: operations, leavers: leavers, existing: existing) }
}

extension Profile {
    /// What of it a decision depends on.
    var traits: PlatformTraits {
        let namesakes: PlatformTraits.Namesakes =
            switch existing {
            case .associate: .associate
            case .overwrite: .overwrite
            case .never: .never
            }
        return PlatformTraits(
            displayName: displayName, hasActiveFlag: hasActiveFlag, namesakes: namesakes,
            usersMustLeaveGroups: deletion.usersMustLeaveGroups,
            groupsMustBeEmpty: deletion.groupsMustBeEmpty, immutable: immutable)
    }
}
