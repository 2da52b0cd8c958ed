#include "gateway-client/policy_file.h"

#include <utility>

#include "base/log.h"
#include "base/status.h"
#include "base/trusted_file.h"

namespace sallyport::sources {

absl::StatusOr<std::shared_ptr<const rules::Policy>> PolicyFile::Fetch() {
  ASSIGN_OR_RETURN(std::string text, ReadTrustedFile(path_, rules::kMaxPolicyBytes, files_.get()));
  if (policy_ != nullptr && text_ == text) return policy_;
  rules::ParsedPolicy parsed = rules::ParsePolicy(text);
  if (text_ != text) {
    for (const rules::Problem& warning : parsed.warnings) {
      log::Warn("policy", rules::FormatProblem(path_, warning));
    }
    text_ = std::move(text);
  }
  policy_ = parsed.policy;
  if (parsed.policy == nullptr) {
    std::string message;
    for (const rules::Problem& problem : parsed.errors) {
      if (!message.empty()) message.push_back('\n');
      message += rules::FormatProblem(path_, problem);
    }
    return absl::InvalidArgumentError(message);
  }
  return policy_;
}

bool PolicyFile::TakeChange() {
  watch_.TakeChanged();
  watch_.Add(path_);
  const absl::StatusOr<std::string> text =
      ReadTrustedFile(path_, rules::kMaxPolicyBytes, files_.get());
  // Gone for the moment while an editor replaces it, or for good: what is in force stays. That it
  // became unsafe is for Fetch to say.
  if (!text.ok()) return !absl::IsNotFound(text.status());
  return !text_.has_value() || *text != *text_;
}

}  // namespace sallyport::sources
