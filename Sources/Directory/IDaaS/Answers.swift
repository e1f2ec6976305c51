import HTTP
import HTTPTypes
import JSON

/// What IDaaS says when it refuses. Its three families of error bodies are read alike: `Code` of the management API,
/// `error`
/// of the developer API (OAuth style), and `code`.
struct IDaaSError: Hashable, Sendable, CustomStringConvertible {
    var status: Int
    var code: String
    var message: String
    var requestID: String?

    init(_ response: IncomingResponse) {
        status = response.status
        let document = try? JSONValue(parsing: response.body)
        func text(_ names: String...) -> String? {
            names.lazy.compactMap { document?[$0]?.string }.first { !$0.isEmpty }
        }
        code = text("Code", "error", "code") ?? ""
        message = String((text("Message", "error_description", "message") ?? "").prefix(400))
        requestID = text("RequestId", "request_id", "requestId")
    }

    /// A code alone, as a token endpoint gives it.
    init(code: String) {
        self.code = code
        status = 400
        message = ""
    }

    var description: String {
        """
        status \(status)\(code.isEmpty ? "" : " \(code)")\(message.isEmpty ? "" : ": \(message)")\
        \(requestID.map { " (request \($0))" } ?? "")
        """
    }

    var isThrottling: Bool { code == "Throttling" || code.hasPrefix("Throttling.") }

    /// Whether it says that the record asked for does not exist.
    var isMissingRecord: Bool {
        status == 404 && (code.hasPrefix("ResourceNotFound") || code.hasPrefix("EntityNotExist"))
    }

    /// What an error means for the whole source, and what to do about it.
    struct Verdict: Hashable, Sendable {
        /// Whether the credential is at fault, or the reach of the service.
        var isCredential: Bool
        var remedy: String
    }

    /// nil when the error concerns the request alone.
    ///
    /// - Parameter operation: the request's, such as `ListUsers`.
    func verdict(_ operation: String, isApplication: Bool) -> Verdict? {
        func credential(_ remedy: String) -> Verdict { Verdict(isCredential: true, remedy: remedy) }
        func reach(_ remedy: String) -> Verdict { Verdict(isCredential: false, remedy: remedy) }
        switch code {
        case "SignatureDoesNotMatch", "IncompleteSignature":
            return credential("the secret does not belong to the access key: check source.accessKey.secret")
        case let code where code.hasPrefix("InvalidAccessKeyId"):
            return credential(
                """
                the access key is unknown or disabled: check source.accessKey.id, and the key's state in the RAM \
                console
                """
            )
        case let code where code.hasPrefix("InvalidSecurityToken"):
            return credential("the STS token is wrong or has expired: get a new one")
        case let code where code.hasPrefix("InvalidTimeStamp"):
            return credential("this machine's clock is off: set it, by NTP for example; 15 minutes are tolerated")
        case "application_api_disabled":
            return credential("the API of the application is switched off: switch it on in the IDaaS console")
        case "application_disabled": return credential("the application is disabled: enable it in the IDaaS console")
        case "permission_denied":
            return credential("the application lacks a right: grant it the scope that is named, in the IDaaS console")
        case "invalid_client", "unauthorized_client":
            return credential("the client's id or secret is wrong: check source.client")
        case "invalid_grant":
            return credential(
                """
                the application does not take client credentials: open its API in the IDaaS console, and check \
                source.client
                """
            )
        case "invalid_token":
            return credential("a token that was just issued is refused: check the application in the IDaaS console")
        case "OrganizationUnitIdNotInScopes":
            return credential(
                """
                the application may not read that unit: add it to the application's provisioning scope, or take \
                it out of source.scope.organizationalUnits
                """
            )
        case "application_not_found": return reach("check source.application")
        case "instance_not_found": return reach("check source.instance and source.region")
        case let code where code.hasPrefix("ResourceNotFound.Instance") || code.hasPrefix("InvalidInstance"):
            return reach("check source.instance and source.region")
        default: break
        }
        if isThrottling || status == 429 { return reach("still throttled after the last attempt: lower source.pace") }
        switch status {
        case 401: return credential("check the source's credential")
        case 403:
            return credential(
                isApplication
                    ? "check the application's rights in the IDaaS console"
                    : "the access key may not do this: allow it the RAM action eiam:\(operation) on the instance")
        case 300...399: return reach("redirects are not followed: check source.endpoint")
        case 500...599: return reach("the service does not work: try again later")
        case 404 where !isMissingRecord: return reach("check source.region or source.endpoint")
        default: return nil
        }
    }
}

/// Gives IDaaS' answers the status codes that HTTP has for them, so that retrying and renewing a token need no second
/// form:
/// throttling comes with 400 and a pause in milliseconds, a stale token with 400.
struct Translated: HTTPClient {
    let next: any HTTPClient

    func send(_ request: OutgoingRequest) async throws(TransportError) -> IncomingResponse {
        var response = try await next.send(request)
        guard response.status == 400 || response.status == 429 || response.status == 503 else { return response }
        let error = IDaaSError(response)
        if error.isThrottling || response.status != 400 {
            if response.status == 400 { response.head.status = .tooManyRequests }
            if let name = HTTPField.Name("x-acs-retry-after"),
                let milliseconds = response.head.headerFields[name].flatMap({ Int($0) }), milliseconds > 0
            {
                response.head.headerFields[.retryAfter] = String(
                    milliseconds / 1000 + (milliseconds % 1000 > 0 ? 1 : 0))
            }
        } else if error.code == "invalid_token" {
            response.head.status = .unauthorized
        }
        return response
    }
}
