#include "cli/provider_choice.h"

#include <fmt/core.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <utility>

#include "base/status.h"
#include "cli/flags.h"
#include "gateway-client/provider_type_folder.h"

namespace sallyport::cli {
namespace {

// Providers that would get into each other's way.
absl::Status CheckTogether(const std::vector<std::shared_ptr<const rules::ProviderType>>& types) {
  // What only one can give, by the type that does.
  std::map<std::string, std::string> given;
  const auto claim = [&given](const std::string& what, const std::string& type) {
    const auto [first, added] = given.try_emplace(what, type);
    if (added) return absl::OkStatus();
    return absl::InvalidArgumentError(
        fmt::format("--provider {} and --provider {} cannot go together: both give the command {}",
                    first->second, type, what));
  };
  for (const auto& type : types) {
    for (const rules::ProviderProperty& property : type->properties) {
      for (const std::string& variable : property.project) {
        RETURN_IF_ERROR(claim("the variable " + variable, type->name));
      }
    }
    for (const rules::ProviderFile& file : type->files) {
      RETURN_IF_ERROR(claim("the file " + file.path, type->name));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::shared_ptr<const rules::ProviderTypes>> FindProviderTypes(
    const std::string& folder) {
  if (!folder.empty()) return sources::ReadProviderTypes(folder);
  struct stat info = {};
  const bool absent =
      lstat(kProviderTypeFolder, &info) != 0 && (errno == ENOENT || errno == ENOTDIR);
  if (absent) return rules::ProviderTypes::BuiltIn();
  return sources::ReadProviderTypes(kProviderTypeFolder);
}

void AddProviderTypes(CLI::App& app, std::string* folder) {
  AddValue(
      app, "provider-types", "DIR",
      fmt::format("Provider types (*.yaml) beside those compiled in; else {}", kProviderTypeFolder),
      folder);
}

absl::Status CheckProviderOption(const std::string& option) {
  const size_t equals = option.find('=');
  if (equals == option.npos) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("--provider '{}' names a provider that a gateway keeps, and there is no gateway; "
                  "with --provider {} its values come from the environment",
                  option, option.substr(0, equals)));
}

absl::StatusOr<rules::Providers> ChooseProviders(const std::string& folder,
                                                 const std::vector<std::string>& options) {
  rules::Providers providers;
  ASSIGN_OR_RETURN(providers.types, FindProviderTypes(folder));
  for (const std::string& option : options) {
    auto type = providers.types->Get(option);
    if (!type.ok()) {
      return absl::NotFoundError(
          fmt::format("--provider '{}': {}", option, Message(type.status())));
    }
    // Asked for twice is asked for.
    if (std::ranges::count(providers.attached, *type) == 0) providers.attached.push_back(*type);
  }
  RETURN_IF_ERROR(CheckTogether(providers.attached));
  return providers;
}

}  // namespace sallyport::cli
