#include "rules/config_schema.h"

#include <array>
#include <vector>

#include "rules/suggestion.h"

namespace sallyport::rules {
namespace {

constexpr std::array<std::string_view, 2> kDefaults = {"allow", "deny"};
constexpr std::array<std::string_view, 2> kIntercepts = {"rules", "all"};
constexpr std::array<std::string_view, 1> kScrubs = {"strict"};

// A year: whoever wants longer wants a file.
constexpr int64_t kMaxTtl = int64_t{365} * 24 * 3600;

constexpr std::array kPolicyKeys = {
    ConfigKey{.name = "default",
              .shape = ValueShape::kChoice,
              .description = "What happens to hosts that neither list names.",
              .default_value = "\"allow\"",
              .choices = kDefaults},
    ConfigKey{.name = "logAllowed",
              .shape = ValueShape::kBoolean,
              .description = "Log every request that was allowed.",
              .default_value = "false"},
    ConfigKey{.name = "logBlocked",
              .shape = ValueShape::kBoolean,
              .description = "Log every request that was refused.",
              .default_value = "false"},
};

constexpr std::array kNetworkKeys = {
    ConfigKey{.name = "allowedDomains",
              .shape = ValueShape::kTextList,
              .description = "Hosts that may be reached. The most specific match of allowedDomains "
                             "and blockedDomains decides.",
              .form = TextForm::kPattern},
    ConfigKey{.name = "blockedDomains",
              .shape = ValueShape::kTextList,
              .description = "Hosts that may not be reached; at equal specificity they win.",
              .form = TextForm::kPattern},
    ConfigKey{.name = "allowedCIDRs",
              .shape = ValueShape::kTextList,
              .description = "Address ranges that names may resolve into even though blockedCIDRs "
                             "has them.",
              .form = TextForm::kCidr},
    ConfigKey{.name = "blockedCIDRs",
              .shape = ValueShape::kTextList,
              .description = "Address ranges that names may not resolve into. Absent: everything "
                             "private, local or reserved.",
              .form = TextForm::kCidr},
    ConfigKey{.name = "bypassDomains",
              .shape = ValueShape::kTextList,
              .description = "Hosts that are tunnelled untouched, never intercepted.",
              .form = TextForm::kPattern},
    ConfigKey{.name = "bypassCIDRs",
              .shape = ValueShape::kTextList,
              .description = "Address ranges whose addresses, asked for literally, are tunnelled "
                             "untouched.",
              .form = TextForm::kCidr},
    ConfigKey{.name = "intercept",
              .shape = ValueShape::kChoice,
              .description = "\"rules\": TLS is terminated only for hosts that a rule names. "
                             "\"all\": for every host that is not bypassed.",
              .default_value = "\"rules\"",
              .choices = kIntercepts},
};

constexpr std::array kCredentialKeys = {
    ConfigKey{.name = "name",
              .shape = ValueShape::kText,
              .description = "Shown in audit, metrics and explain; default credentials[i]."},
    ConfigKey{.name = "domain",
              .shape = ValueShape::kTextOrList,
              .description = "The hosts the credential goes to: a pattern, or a list of them.",
              .form = TextForm::kPattern,
              .nonempty = true,
              .required = true},
    ConfigKey{.name = "publicSuffix",
              .shape = ValueShape::kBoolean,
              .description = "Lets `domain` take in a whole public suffix, such as *.github.io.",
              .default_value = "false"},
    ConfigKey{.name = "methods",
              .shape = ValueShape::kTextList,
              .description = "Only requests with one of these methods.",
              .form = TextForm::kMethod,
              .nonempty = true},
    ConfigKey{.name = "paths",
              .shape = ValueShape::kTextList,
              .description = "Only requests whose normalised path matches one of these globs; * "
                             "stays within a segment, ** crosses segments.",
              .form = TextForm::kPathGlob,
              .nonempty = true},
    ConfigKey{.name = "envVar",
              .shape = ValueShape::kText,
              .description = "The value is this variable of the host's environment.",
              .form = TextForm::kVariable,
              .one_of = OneOf::kSource},
    ConfigKey{.name = "file",
              .shape = ValueShape::kText,
              .description = "The value is this file, less one newline at its end; followed as it "
                             "changes.",
              .form = TextForm::kAbsolutePath,
              .one_of = OneOf::kSource},
    ConfigKey{.name = "command",
              .shape = ValueShape::kTextList,
              .description = "The value is what this program (argument by argument, no shell) "
                             "prints.",
              .form = TextForm::kArgument,
              .nonempty = true,
              .one_of = OneOf::kSource},
    ConfigKey{.name = "ttlSeconds",
              .shape = ValueShape::kInteger,
              .description = "How long a command's output is used.",
              .default_value = "300",
              .min = 1,
              .max = kMaxTtl,
              .needs = "command"},
    ConfigKey{
        .name = "provider",
        .shape = ValueShape::kText,
        .description = "The value is a property of this provider: without a gateway, of this type.",
        .one_of = OneOf::kSource,
        .needs = "property"},
    ConfigKey{.name = "property",
              .shape = ValueShape::kText,
              .description = "Which property of the provider.",
              .needs = "provider"},
    ConfigKey{.name = "header",
              .shape = ValueShape::kText,
              .description = "The value is written into this header, replacing every one of its "
                             "name.",
              .form = TextForm::kHeaderName,
              .one_of = OneOf::kTarget},
    ConfigKey{.name = "query",
              .shape = ValueShape::kText,
              .description = "The value is written into this query parameter.",
              .one_of = OneOf::kTarget},
    ConfigKey{.name = "format",
              .shape = ValueShape::kText,
              .description = "What is written: text with ${…} parts, as in \"Bearer ${value}\" or "
                             "\"Basic ${'user:' value | base64}\".",
              .default_value = "\"${value}\"",
              .form = TextForm::kTemplate},
    ConfigKey{.name = "placeholder",
              .shape = ValueShape::kText,
              .description = "What the sandboxed program sees instead of the value; without it, a "
                             "new one is made for each run.",
              .form = TextForm::kPlaceholder},
    ConfigKey{.name = "required",
              .shape = ValueShape::kBoolean,
              .description = "Requests fail when the source has no value, instead of going on to "
                             "the next rule.",
              .default_value = "false"},
    ConfigKey{.name = "continue",
              .shape = ValueShape::kBoolean,
              .description = "Go on to later rules after this one applied.",
              .default_value = "false"},
    ConfigKey{.name = "plaintext",
              .shape = ValueShape::kBoolean,
              .description = "Also apply to http:// requests, where anybody on the way can read "
                             "the credential.",
              .default_value = "false"},
    ConfigKey{.name = "body",
              .shape = ValueShape::kBoolean,
              .description = "Also replace the placeholder in request bodies.",
              .default_value = "false"},
    ConfigKey{.name = "scrub",
              .shape = ValueShape::kBooleanOrChoice,
              .description = "Overwrite the value where a reply repeats it; \"strict\" also "
                             "refuses replies that cannot be searched.",
              .default_value = "true",
              .choices = kScrubs},
};

constexpr std::array kConfigKeys = {
    ConfigKey{.name = "$schema", .shape = ValueShape::kAnything, .description = "Ignored."},
    ConfigKey{.name = "policy",
              .shape = ValueShape::kObject,
              .description = "What holds where no list decides, and what is logged.",
              .keys = kPolicyKeys},
    ConfigKey{.name = "network",
              .shape = ValueShape::kObject,
              .description = "Which hosts and addresses may be reached, and how.",
              .keys = kNetworkKeys},
    ConfigKey{.name = "credentials",
              .shape = ValueShape::kObjectList,
              .description = "Which credential is written into which requests; the first match "
                             "whose source has a value applies.",
              .keys = kCredentialKeys},
};

// The message framing, the connection and the proxy's own conversation are never a credential's
// place.
constexpr std::array<std::string_view, 9> kForbiddenHeaders = {
    "host", "content-length", "transfer-encoding", "connection", "upgrade",
    "te",   "trailer",        "keep-alive",        "proxy-*"};

}  // namespace

std::span<const ConfigKey> ConfigKeys() { return kConfigKeys; }

std::span<const ConfigKey> CredentialKeys() { return kCredentialKeys; }

std::span<const std::string_view> ForbiddenHeaders() { return kForbiddenHeaders; }

std::string NamesOf(std::span<const ConfigKey> keys, OneOf mark) {
  std::vector<std::string_view> names;
  for (const ConfigKey& key : keys) {
    if (key.one_of == mark) names.push_back(key.name);
  }
  return QuotedList(names);
}

}  // namespace sallyport::rules
