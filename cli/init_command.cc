#include "cli/init_command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/unique_fd.h"
#include "cli/config_path.h"
#include "cli/flags.h"
#include "cli/provider_choice.h"
#include "cli/starter_config.h"

namespace sallyport::cli {
namespace {

using TypeList = std::vector<std::shared_ptr<const rules::ProviderType>>;

struct InitFlags {
  std::string config;
  std::string provider_types;
};

// The first of a property's variables that is set; empty if none is.
std::string_view VariableOf(const rules::ProviderProperty& property) {
  const auto set = std::ranges::find_if(property.discover, [](const std::string& name) {
    const char* value = std::getenv(name.c_str());
    return value != nullptr && *value != '\0';
  });
  return set == property.discover.end() ? std::string_view() : std::string_view(*set);
}

// The variables that a provider of this type would be made of; none where one is missing that it
// needs.
std::vector<std::string_view> Discover(const rules::ProviderType& type) {
  std::vector<std::string_view> found;
  for (const rules::ProviderProperty& property : type.properties) {
    const std::string_view variable = VariableOf(property);
    if (variable.empty() && property.required) return {};
    if (!variable.empty()) found.push_back(variable);
  }
  return found;
}

// Where it is to be written; an error where a configuration is there, or another would be used.
absl::StatusOr<std::string> PlaceFor(const InitFlags& flags) {
  std::vector<std::string> places = DefaultConfigFiles();
  if (!flags.config.empty()) places = {flags.config};
  if (places.empty()) {
    return absl::FailedPreconditionError(
        "there is no place for the file: neither XDG_CONFIG_HOME nor HOME is set; name one with "
        "--config");
  }
  for (const std::string& place : places) {
    struct stat info = {};
    if (lstat(place.c_str(), &info) != 0) continue;
    return absl::AlreadyExistsError(
        fmt::format("there is a configuration already, which stays as it is: {}", place));
  }
  return places.front();
}

absl::Status WriteNewFile(const std::string& path, std::string_view text) {
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  if (!folder.empty()) std::filesystem::create_directories(folder, error);
  if (error) {
    return ErrnoStatus(error.value(), fmt::format("cannot make the folder {}", folder.string()));
  }
  const UniqueFd file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!file || write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return ErrnoStatus(errno, fmt::format("cannot write {}", path));
  }
  return absl::OkStatus();
}

void PrintFound(const TypeList& types) {
  for (const auto& type : types) {
    fmt::print("found {}, by {}\n", type->name, fmt::join(Discover(*type), " and "));
  }
}

// How soon a type looks at a variable: which of several types that do is meant most likely.
size_t Rank(const rules::ProviderType& type, std::string_view variable) {
  size_t rank = SIZE_MAX;
  for (const rules::ProviderProperty& property : type.properties) {
    const auto place = std::ranges::find(property.discover, variable);
    if (place == property.discover.end()) continue;
    rank = std::min(rank, static_cast<size_t>(place - property.discover.begin()));
  }
  return rank;
}

absl::StatusOr<TypeList> FindTypes(const InitFlags& flags) {
  ASSIGN_OR_RETURN(const auto types, FindProviderTypes(flags.provider_types));
  TypeList found;
  const TypeList all = types->all();
  for (const auto& type : all) {
    const std::vector<std::string_view> variables = Discover(*type);
    const bool meant = std::ranges::any_of(variables, [&](std::string_view variable) {
      return std::ranges::none_of(
          all, [&](const auto& other) { return Rank(*other, variable) < Rank(*type, variable); });
    });
    // A type that writes nothing anywhere has no rule to begin with.
    if (meant && !type->rules.empty()) found.push_back(type);
  }
  return found;
}

absl::Status Init(const InitFlags& flags) {
  ASSIGN_OR_RETURN(const std::string place, PlaceFor(flags));
  ASSIGN_OR_RETURN(const TypeList types, FindTypes(flags));
  RETURN_IF_ERROR(WriteNewFile(place, StarterConfig(types)));
  PrintFound(types);
  if (types.empty()) {
    fmt::print(
        "found no provider: none of their variables, such as ANTHROPIC_API_KEY or GITHUB_TOKEN, is "
        "set, so every host is denied until the file allows it\n");
  }
  fmt::print("wrote {}\n", place);
  return absl::OkStatus();
}

}  // namespace

void AddInitCommand(CLI::App& app, std::function<int()>* action) {
  CLI::App* command = app.add_subcommand(
      "init", "Write a first proxy-config.json, with a rule for each provider in the environment");
  auto flags = std::make_shared<InitFlags>();
  AddValue(*command, "config", "FILE",
           "Where to write it; else $XDG_CONFIG_HOME/sallyport/proxy-config.json (~/.config/...)",
           &flags->config);
  AddProviderTypes(*command, &flags->provider_types);
  command->callback([flags, action] {
    *action = [flags] {
      const absl::Status status = Init(*flags);
      if (status.ok()) return 0;
      fmt::print(stderr, "sallyport init: {}\n", Message(status));
      return 1;
    };
  });
}

}  // namespace sallyport::cli
