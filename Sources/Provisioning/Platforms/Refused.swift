extension RefusedPlatform {
    /// The product page's “Not supported”: platforms that have no SCIM interface at all.
    public static let all = [
        RefusedPlatform(
            name: "huawei-iam", displayName: "Huawei Cloud IAM",
            instead: "use the signed IAM REST API, or use Huawei Cloud IAM Identity Center for the users",
            alternative: "huawei-identity-center"),
        RefusedPlatform(
            name: "tencent-cam", displayName: "Tencent Cloud CAM",
            instead: "use the CAM API, or Tencent Cloud Identity Center, which can copy its users into CAM",
            alternative: "tencent-identity-center"),
        RefusedPlatform(
            name: "volcengine-iam", displayName: "Volcengine IAM",
            instead:
                "use the IAM API, or Volcengine Cloud Identity Center, which can provision users into IAM accounts",
            alternative: "volcengine-identity-center"),
        RefusedPlatform(
            name: "aws-iam", displayName: "AWS IAM",
            instead: "use the IAM API, or AWS IAM Identity Center with permission sets",
            alternative: "aws-identity-center"),
    ]
}
