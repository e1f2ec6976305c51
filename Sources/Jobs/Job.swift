import Planning
import SCIM

/// A validated job: what to read, where to write, and how far a run may go. Every default is filled in.
public struct Job: Hashable, Sendable {
    /// Names the ledger: letters, digits, `.`, `_`, `-`.
    public var name: String
    /// The path of the job file.
    public var file: String
    public var source: Source
    public var target: Target
    /// The kinds that a run may touch at all.
    public var fullPush: Set<ResourceKind>
    public var operations: [ResourceKind: Set<Permission>]
    /// Overrides of the platform's default mapping, by attribute; nil takes the attribute out of the mapping.
    public var mapping: [ResourceKind: [String: MappingRule?]]
    public var leavers: Leavers
    public var existing: Existing
    public var protect: [ResourceKind: [String]]
    public var exclusiveMemberships: Bool
    public var limits: [LimitKey: Limit]
    /// Whether single records of the source are asked for by their ids; without it, absence is believed after three
    /// days.
    public var asksSource = true
    /// Whether limits on taking are judged over the last seven days, and not over one run alone.
    public var limitsLookBack = true
    /// The calling code of telephone numbers for which the source has none, such as `86`.
    public var phoneRegion: String?
    /// The folder of the ledger; nil leaves it to the command.
    public var state: String?
    /// The timezone in which times are shown, such as `Asia/Shanghai`; nil for UTC. Nothing is decided by it.
    public var timezone: String?
    /// A program with its arguments that is run after each run, with the result on its standard input; empty for none.
    public var after: [String] = []
    public var pace: PaceSettings

    public enum Source: Hashable, Sendable {
        case file(path: String, scope: Scope)
        case scim(baseURL: String, authorization: Authorization, scope: Scope, pace: PaceSettings)
        /// Alibaba Cloud IDaaS through its management API.
        case idaas(IDaaS)
        /// Alibaba Cloud IDaaS through the developer API of an application.
        case idaasApplication(IDaaSApplication)

        public var scope: Scope {
            get {
                switch self {
                case .file(_, let scope), .scim(_, _, let scope, _): scope
                case .idaas(let source): source.scope
                case .idaasApplication(let source): source.scope
                }
            }
            set {
                switch self {
                case .file(let path, _): self = .file(path: path, scope: newValue)
                case .scim(let url, let authorization, _, let pace):
                    self = .scim(baseURL: url, authorization: authorization, scope: newValue, pace: pace)
                case .idaas(var source):
                    source.scope = newValue
                    self = .idaas(source)
                case .idaasApplication(var source):
                    source.scope = newValue
                    self = .idaasApplication(source)
                }
            }
        }

        /// The source without its scope: jobs that agree in it can share one read.
        public var origin: Source {
            var copy = self
            copy.scope = Scope()
            return copy
        }
    }

    public struct IDaaS: Hashable, Sendable {
        /// The URL of the management API.
        public var endpoint: String
        public var instance: String
        /// The application whose provisioning scope is the job's; nil for none.
        public var application: String?
        public var accessKey: AccessKey
        public var scope: Scope
        public var pace: PaceSettings

        public enum AccessKey: Hashable, Sendable {
            /// The credential chain of Alibaba Cloud's own tools; `full` runs the program of a profile that names one.
            case chain(full: Bool)
            /// - token: of a temporary key.
            case key(id: PublicValue, secret: SecretReference, token: SecretReference?)
        }
    }

    public struct IDaaSApplication: Hashable, Sendable {
        /// The URL of the developer API.
        public var endpoint: String
        public var instance: String
        public var application: String
        public var clientID: PublicValue
        public var clientSecret: SecretReference
        public var scope: Scope
        public var pace: PaceSettings
    }

    /// A value that may stand in a job file, or be referred to: a client's id, say.
    public enum PublicValue: Hashable, Sendable, CustomStringConvertible {
        case literal(String)
        case reference(SecretReference)

        public func resolve(environment: [String: String]) throws -> String {
            switch self {
            case .literal(let text): text
            case .reference(let reference): try reference.resolve(environment: environment)
            }
        }

        public var description: String {
            switch self {
            case .literal(let text): text
            case .reference(let reference): "\(reference)"
            }
        }
    }

    /// Which records of the source a job is about. Nothing listed: everything readable.
    public struct Scope: Hashable, Sendable {
        /// nil when left out; then groups alone decide.
        public var organizationalUnits: [String]?
        /// Whether the units below the listed ones are in scope as well.
        public var isRecursive: Bool
        public var groups: Groups?
        /// Whether users that are explicitly disabled are out of scope.
        public var isEnabledOnly: Bool

        public enum Groups: Hashable, Sendable { case all, listed([String]) }

        public init(
            organizationalUnits: [String]? = nil, isRecursive: Bool = true, groups: Groups? = nil,
            isEnabledOnly: Bool = false
        ) {
            self.organizationalUnits = organizationalUnits
            self.isRecursive = isRecursive
            self.groups = groups
            self.isEnabledOnly = isEnabledOnly
        }

        public var isEverything: Bool { organizationalUnits == nil && groups == nil && !isEnabledOnly }
        /// Whether every user is in scope, but for its status.
        public var hasAllUsers: Bool {
            if organizationalUnits != nil { return false }
            if case .listed? = groups { return false }
            return true
        }
    }

    public struct Target: Hashable, Sendable {
        public var platform: String
        public var baseURL: String
        public var authorization: Authorization
        public var capabilities: CapabilityOverrides
        /// How an account that the target's list does not show is looked at; nil: not at all, the ledger stands for it.
        public var readBack: ReadBack?
        /// A name for the tenant, where the credential alone says which it is; nil where it does not change.
        public var tenant: String?
        /// Whether nobody makes accounts there by hand: what a create brings is then of this job's making, also where a
        /// create takes over.
        public var noHandMade = false
        /// The media type of what is sent; nil for the platform's.
        public var mediaType: String?
        /// Whether the server's paths end with a slash.
        public var trailingSlash = false
        public var tls: TLS?
        /// The day on which the credential ends, `2027-03-31`; nil where nobody has said so.
        public var expires: String?

        /// Files in PEM: a private authority, and the certificate of this client with its key.
        public struct TLS: Hashable, Sendable {
            public var authority: String?
            public var certificate: String?
            public var key: String?
        }

        public enum ReadBack: String, Hashable, Sendable, CaseIterable { case byID, list }
    }

    public enum Authorization: Hashable, Sendable {
        case key(SecretReference)
        case oauth(tokenURL: String, clientID: String, clientSecret: SecretReference, scope: String?, placement: String)
    }

    /// How a target attribute gets its value.
    public struct MappingRule: Hashable, Sendable {
        public enum Part: String, Hashable, Sendable, CaseIterable { case given, family, local }

        /// Every occurrence of one text becomes another.
        public struct Replacement: Hashable, Sendable {
            public var from: String
            public var to: String

            public init(from: String, to: String) {
                self.from = from
                self.to = to
            }
        }

        /// A field of the source record, such as `username` or `customFields.costCentre`.
        public var from: String?
        /// Text with `{field}` places; no value when one of them has none.
        public var template: String?
        /// The value where the source has none.
        public var fallback: String?
        public var lowercase: Bool
        public var part: Part?
        public var replacement: Replacement?

        public init(
            from: String? = nil, template: String? = nil, fallback: String? = nil, lowercase: Bool = false,
            part: Part? = nil
        ) {
            self.from = from
            self.template = template
            self.fallback = fallback
            self.lowercase = lowercase
            self.part = part
        }

        /// The fields that a template names in braces; nil when a brace has no partner.
        public static func places(_ template: String) -> [String]? {
            var fields: [String] = []
            var open: String?
            for character in template {
                switch (character, open) {
                case ("{", nil): open = ""
                case ("}", let name?):
                    fields.append(name)
                    open = nil
                case ("{", _), ("}", nil): return nil
                case (_, let name?): open = name + String(character)
                case (_, nil): break
                }
            }
            return open == nil ? fields : nil
        }
    }

    public struct PaceSettings: Hashable, Sendable {
        public var requestsPerSecond: Double
        public var concurrency: Int
        /// Seconds without progress after which the job is given up; the other jobs of the invocation go on.
        public var patience = 600

        public init(requestsPerSecond: Double, concurrency: Int) {
            self.requestsPerSecond = requestsPerSecond
            self.concurrency = concurrency
        }
    }

    /// What a careful operator would choose.
    public static let defaultLimits: [LimitKey: Limit] = [
        .usersDelete: .percent(5), .usersDisable: .percent(5), .usersClear: .percent(5),
        .groupsDelete: .percent(10), .membershipsRemove: .percent(10), .sourceShrink: .percent(20),
    ]
}

/// What the job file's reader must know of the rest of the program, so that it can report every mistake at once.
public struct JobVocabulary: Sendable {
    /// What is known of each platform, by its name in job files.
    public var platforms: [String: PlatformTerms]
    /// What is wrong with the name of a target attribute; nil for a good one.
    public var attributeComplaint: @Sendable (ResourceKind, String) -> String?
    /// What is wrong with the name of a source field; nil for a good one.
    public var fieldComplaint: @Sendable (ResourceKind, String) -> String?

    public init(
        platforms: [String: PlatformTerms], attributeComplaint: @escaping @Sendable (ResourceKind, String) -> String?,
        fieldComplaint: @escaping @Sendable (ResourceKind, String) -> String?
    ) {
        self.platforms = platforms
        self.attributeComplaint = attributeComplaint
        self.fieldComplaint = fieldComplaint
    }
}

/// What the job file's reader must know of a platform.
public struct PlatformTerms: Hashable, Sendable {
    public var takesGroups: Bool
    public var defaultPace: Job.PaceSettings
    /// Whether its lists show all that SCIM can see, so that nothing is left to read back.
    public var isListed: Bool
    /// Whether a create takes over an account of the same name, so that none can be left alone.
    public var overwrites: Bool
    /// Why the platform is refused, and what to use instead; nil for one that is served.
    public var refusal: String?

    /// Attributes of users that exist there; nil for any.
    public var userAttributes: Set<String>?
    /// Whether its tokens come from an OAuth client only.
    public var needsOAuth: Bool

    public init(
        takesGroups: Bool, requestsPerSecond: Double, concurrency: Int, needsOAuth: Bool = false,
        userAttributes: Set<String>? = nil, isListed: Bool = true, overwrites: Bool = false,
        refusal: String? = nil
    ) {
        self.isListed = isListed
        self.overwrites = overwrites
        self.userAttributes = userAttributes
        self.needsOAuth = needsOAuth
        self.takesGroups = takesGroups
        defaultPace = .init(requestsPerSecond: requestsPerSecond, concurrency: concurrency)
        self.refusal = refusal
    }
}
