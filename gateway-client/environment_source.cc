#include "gateway-client/environment_source.h"

#include <string.h>
#include <unistd.h>

#include <string_view>

namespace sallyport::sources {

const SecretString& TakenEnvironment::Take(const std::string& name) {
  const auto [entry, added] = taken_.try_emplace(name);
  if (added) entry->second = TakeEnvironmentVariable(name);
  return entry->second;
}

void EnvironmentSource::Advance(SteadyTime now) {
  if (settled()) return;
  const SecretString* found = nullptr;
  for (const std::string& variable : variables_) {
    const SecretString& value = environment_->Take(variable);
    if (found == nullptr && !value.empty()) found = &value;
  }
  if (found == nullptr) return AcceptNone(what_, "is not set");
  Accept(found->Clone(), what_, now);
}

SecretString TakeEnvironmentVariable(const std::string& name) {
  SecretString taken;
  if (environ == nullptr) return taken;
  // A name may be there twice; getenv(3) gives the first, and no copy may stay.
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    if (!text.starts_with(name) || text.substr(name.size(), 1) != "=") continue;
    if (taken.empty()) taken = SecretString(text.substr(name.size() + 1));
    explicit_bzero(*entry, text.size());
  }
  return taken;
}

std::vector<std::string> RemainingEnvironment() {
  std::vector<std::string> variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    if (**entry != '\0') variables.emplace_back(*entry);
  }
  return variables;
}

}  // namespace sallyport::sources
