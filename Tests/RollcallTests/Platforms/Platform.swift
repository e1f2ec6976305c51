import Rehearsal
import Testing

extension Platform: CustomTestStringConvertible {
    public var testDescription: String { name }
}
