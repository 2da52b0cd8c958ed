#include <array>

#include "rules/config_schema.h"

namespace sallyport::rules {
namespace {

constexpr int64_t kMaxPort = 65535;
// The last number stands for "no change" in setresuid(2).
constexpr int64_t kMaxId = 4294967294;

constexpr std::array<std::string_view, 2> kCompatibilities = {"hard_requirement", "best_effort"};
constexpr std::array<std::string_view, 4> kProtocols = {"", "tcp", "rest", "websocket"};
constexpr std::array<std::string_view, 4> kOtherProtocols = {"graphql", "sql", "json-rpc", "mcp"};
constexpr std::array<std::string_view, 3> kTlsModes = {"auto", "skip", "terminate"};
constexpr std::array<std::string_view, 2> kEnforcements = {"enforce", "audit"};
constexpr std::array<std::string_view, 3> kAccesses = {"read-only", "read-write", "full"};

constexpr std::array kFilesystemKeys = {
    ConfigKey{.name = "include_workdir",
              .shape = ValueShape::kBoolean,
              .description = "The program's working folder is writable too. Without "
                             "filesystem_policy it is.",
              .default_value = "false"},
    ConfigKey{.name = "read_only",
              .shape = ValueShape::kTextList,
              .description = "What may be read and executed, with everything below it.",
              .form = TextForm::kPolicyPath},
    ConfigKey{.name = "read_write",
              .shape = ValueShape::kTextList,
              .description = "What may be written too; never /.",
              .form = TextForm::kPolicyPath},
};

constexpr std::array kLandlockKeys = {
    ConfigKey{.name = "compatibility",
              .shape = ValueShape::kChoice,
              .description = "Where the kernel cannot hold the filesystem rules: hard_requirement "
                             "fails the start, best_effort holds what it can and says what it "
                             "cannot.",
              .default_value = "\"hard_requirement\"",
              .choices = kCompatibilities},
};

constexpr std::array kProcessKeys = {
    ConfigKey{.name = "run_as_user",
              .shape = ValueShape::kTextOrInteger,
              .description = "The user that the program runs as, by name or number; never root.",
              .form = TextForm::kNotRoot,
              .min = 1,
              .max = kMaxId},
    ConfigKey{.name = "run_as_group",
              .shape = ValueShape::kTextOrInteger,
              .description = "The group that the program runs as, by name or number; never root.",
              .form = TextForm::kNotRoot,
              .min = 1,
              .max = kMaxId},
};

constexpr std::array kAnyOfKeys = {
    ConfigKey{.name = "any",
              .shape = ValueShape::kTextList,
              .description = "Globs, of which one has to match.",
              .form = TextForm::kParameterGlob,
              .nonempty = true,
              .required = true},
};

constexpr std::array kMatcherKeys = {
    ConfigKey{.name = "method",
              .shape = ValueShape::kText,
              .description = "The request's method, or \"*\" for any.",
              .form = TextForm::kMethodOrAny,
              .required = true},
    ConfigKey{.name = "path",
              .shape = ValueShape::kText,
              .description = "A glob on the normalised path; * stays within a segment, ** crosses "
                             "segments.",
              .form = TextForm::kPathGlob,
              .required = true},
    ConfigKey{.name = "query",
              .shape = ValueShape::kTextOrObjectMap,
              .description = "Query parameters by name, each with a glob or {any: [globs]}. To "
                             "allow, every value must match; to deny, one.",
              .form = TextForm::kParameterGlob,
              .keys = kAnyOfKeys},
    ConfigKey{.name = "command", .unenforced = "is for SQL"},
    ConfigKey{.name = "operation_type", .unenforced = "is for GraphQL"},
    ConfigKey{.name = "operation_name", .unenforced = "is for GraphQL"},
    ConfigKey{.name = "fields", .unenforced = "is for GraphQL"},
    ConfigKey{.name = "tool", .unenforced = "is for MCP"},
    ConfigKey{.name = "params", .unenforced = "is for JSON-RPC and MCP"},
};

constexpr std::array kRuleKeys = {
    ConfigKey{.name = "allow",
              .shape = ValueShape::kObject,
              .description = "Requests that may be made.",
              .keys = kMatcherKeys,
              .required = true},
};

constexpr std::array kEndpointKeys = {
    ConfigKey{.name = "host",
              .shape = ValueShape::kText,
              .description = "A name or address. * stands for any run of characters in a label, "
                             "**. at the beginning for any number of labels. Without it, "
                             "allowed_ips alone say where.",
              .form = TextForm::kPolicyHost,
              .one_of = OneOf::kDestination},
    ConfigKey{.name = "port",
              .shape = ValueShape::kInteger,
              .description = "The TCP port.",
              .min = 1,
              .max = kMaxPort,
              .one_of = OneOf::kPort},
    ConfigKey{.name = "ports",
              .shape = ValueShape::kIntegerList,
              .description = "Several ports.",
              .min = 1,
              .max = kMaxPort,
              .nonempty = true,
              .one_of = OneOf::kPort},
    ConfigKey{.name = "protocol",
              .shape = ValueShape::kChoice,
              .description = "rest and websocket have every request judged by access or rules. tcp "
                             "and \"\" judge the connection alone.",
              .default_value = "\"\"",
              .choices = kProtocols,
              .unenforced_choices = kOtherProtocols},
    ConfigKey{.name = "tls",
              .shape = ValueShape::kChoice,
              .description = "auto opens TLS where requests have to be read. skip never does. "
                             "terminate is an older name for auto.",
              .default_value = "\"auto\"",
              .choices = kTlsModes},
    ConfigKey{.name = "enforcement",
              .shape = ValueShape::kChoice,
              .description = "enforce refuses what access or rules do not allow; audit reports it "
                             "and lets it pass.",
              .default_value = "\"enforce\"",
              .choices = kEnforcements},
    ConfigKey{.name = "access",
              .shape = ValueShape::kChoice,
              .description = "read-only: GET, HEAD, OPTIONS. read-write: also POST, PUT, PATCH. "
                             "full: any method.",
              .choices = kAccesses,
              .needs = "protocol"},
    ConfigKey{.name = "rules",
              .shape = ValueShape::kObjectList,
              .description = "Which requests may be made; in place of access.",
              .nonempty = true,
              .keys = kRuleKeys,
              .needs = "protocol"},
    ConfigKey{.name = "deny_rules",
              .shape = ValueShape::kObjectList,
              .description = "Which requests may not be made, whatever allows them.",
              .nonempty = true,
              .keys = kMatcherKeys,
              .needs = "protocol"},
    ConfigKey{.name = "allowed_ips",
              .shape = ValueShape::kTextList,
              .description = "Addresses or ranges that the name has to resolve into. They may be "
                             "private.",
              .form = TextForm::kCidr,
              .nonempty = true,
              .one_of = OneOf::kDestination},
    ConfigKey{.name = "allow_encoded_slash",
              .shape = ValueShape::kBoolean,
              .description = "Paths may hold %2F.",
              .default_value = "false",
              .needs = "protocol"},
    ConfigKey{.name = "path", .unenforced = "picks among endpoints by path"},
    ConfigKey{.name = "credential_binding", .unenforced = "binds a provider's credentials"},
    ConfigKey{.name = "request_body_credential_rewrite",
              .unenforced = "replaces placeholders in bodies (\"body\" of a credential rule does)"},
    ConfigKey{.name = "websocket_credential_rewrite",
              .unenforced = "replaces placeholders in WebSocket messages"},
    ConfigKey{.name = "allow_uninspected_credentials",
              .unenforced = "lets credentials go where nothing is read"},
    ConfigKey{.name = "credential_signing", .unenforced = "signs requests for AWS"},
    ConfigKey{.name = "signing_service", .unenforced = "signs requests for AWS"},
    ConfigKey{.name = "signing_region", .unenforced = "signs requests for AWS"},
    ConfigKey{.name = "persisted_queries", .unenforced = "is for GraphQL"},
    ConfigKey{.name = "graphql_persisted_queries", .unenforced = "is for GraphQL"},
    ConfigKey{.name = "graphql_max_body_bytes", .unenforced = "is for GraphQL"},
    ConfigKey{.name = "json_rpc", .unenforced = "is for JSON-RPC"},
    ConfigKey{.name = "mcp", .unenforced = "is for MCP"},
};

constexpr std::array kBinaryKeys = {
    ConfigKey{.name = "path",
              .shape = ValueShape::kText,
              .description = "The executable's own path, not a link's; * stays within a segment, "
                             "** crosses segments.",
              .form = TextForm::kBinaryGlob,
              .required = true},
    ConfigKey{.name = "harness",
              .shape = ValueShape::kBoolean,
              .description = "Means nothing any more.",
              .default_value = "false"},
};

constexpr std::array kEntryKeys = {
    ConfigKey{.name = "name",
              .shape = ValueShape::kText,
              .description = "Shown beside the key; default the key."},
    ConfigKey{.name = "endpoints",
              .shape = ValueShape::kObjectList,
              .description = "Where the program may connect.",
              .keys = kEndpointKeys},
    ConfigKey{.name = "binaries",
              .shape = ValueShape::kObjectList,
              .description = "Which executables may. Without it, any process.",
              .nonempty = true,
              .keys = kBinaryKeys},
};

constexpr std::array kTopKeys = {
    ConfigKey{.name = "version",
              .shape = ValueShape::kInteger,
              .description = "Of this format: 1.",
              .min = 1,
              .max = 1,
              .required = true},
    ConfigKey{.name = "filesystem_policy",
              .shape = ValueShape::kObject,
              .description = "Which files the program reaches; nothing else. Without it, what the "
                             "restrictive default has. Fixed at the start.",
              .keys = kFilesystemKeys},
    ConfigKey{.name = "landlock",
              .shape = ValueShape::kObject,
              .description = "How the filesystem rules are held. Fixed at the start.",
              .keys = kLandlockKeys},
    ConfigKey{.name = "process",
              .shape = ValueShape::kObject,
              .description = "Whom the program runs as; without it, whoever started sallyport. "
                             "Fixed at the start.",
              .keys = kProcessKeys},
    ConfigKey{.name = "network_policies",
              .shape = ValueShape::kObjectMap,
              .description = "Entries of endpoints, each under a name of its own. What none names "
                             "cannot be reached.",
              .keys = kEntryKeys},
    ConfigKey{.name = "network_middlewares", .unenforced = "inspects or changes allowed traffic"},
    ConfigKey{.name = "inference", .unenforced = "routes requests to models"},
};

}  // namespace

std::span<const ConfigKey> PolicyKeys() { return kTopKeys; }

}  // namespace sallyport::rules
