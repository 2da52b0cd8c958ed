#include "gateway-client/source.h"

#include <fmt/core.h>

#include <utility>

#include "base/log.h"
#include "base/status.h"

namespace sallyport::sources {

void Source::Accept(SecretString value, std::string_view name, SteadyTime now) {
  if (value.empty()) return AcceptNone(name, "is empty");
  was_set_ = true;
  unusable_ = CheckValue(value.Reveal(), name);
  if (!unusable_.ok()) {
    NoteFailure();
    value_ = nullptr;
    // The first time, who asked for the source is told.
    const bool first = !std::exchange(settled_, true);
    if (!first && last_warning_ != Message(unusable_)) {
      log::Error("credentials", Message(unusable_));
    }
    last_warning_ = Message(unusable_);
    return;
  }
  last_warning_.clear();
  settled_ = true;
  if (value_ != nullptr && value_->value.Reveal() == value.Reveal()) return;
  value_ = std::make_shared<const CredentialValue>(CredentialValue{std::move(value), now});
}

void Source::AcceptNone(std::string_view name, std::string_view reason) {
  if (was_set_) NoteFailure();
  value_ = nullptr;
  unusable_ = absl::OkStatus();
  settled_ = true;
  std::string warning = fmt::format("{} {}: no value", name, reason);
  if (warning == last_warning_) return;
  log::Warn("credentials", warning);
  last_warning_ = std::move(warning);
}

absl::Status CheckValue(std::string_view value, std::string_view name) {
  if (value.size() > kMaxValueSize) {
    return absl::InvalidArgumentError(
        fmt::format("{}: the value is longer than {} bytes", name, kMaxValueSize));
  }
  for (const auto& [byte, byte_name] :
       {std::pair{'\r', "a carriage return"}, {'\n', "a line feed"}, {'\0', "a NUL"}}) {
    if (value.find(byte) != value.npos) {
      return absl::InvalidArgumentError(
          fmt::format("{}: the value holds {}, which no header or URL can carry", name, byte_name));
    }
  }
  return absl::OkStatus();
}

std::string_view WithoutFinalNewline(std::string_view value) {
  if (value.ends_with('\n')) {
    value.remove_suffix(1);
    if (value.ends_with('\r')) value.remove_suffix(1);
  }
  return value;
}

}  // namespace sallyport::sources
