#include "gateway-client/provider_type_folder.h"

#include <fmt/core.h>

#include <filesystem>
#include <set>
#include <string_view>

#include "base/status.h"
#include "base/trusted_file.h"

namespace sallyport::sources {
namespace {

constexpr size_t kMaxBytes = size_t{1024} * 1024;

// By name, so that problems come in the same order each time.
absl::StatusOr<std::set<std::string>> YamlFilesIn(const std::string& folder) {
  std::set<std::string> files;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::filesystem::path& path = entry->path();
    if (path.extension() == ".yaml" || path.extension() == ".yml") files.insert(path.string());
  }
  if (error) {
    return ErrnoStatus(error.value(), fmt::format("cannot read the provider types in {}", folder));
  }
  return files;
}

// Adds the type in `file`; what is wrong with it, a line each, otherwise.
std::string AddTypeOf(const std::string& file, rules::ProviderTypes* types) {
  const absl::StatusOr<std::string> text = ReadTrustedFile(file, kMaxBytes);
  if (!text.ok()) return std::string(Message(text.status()));
  rules::ParsedProviderType parsed = rules::ParseProviderType(*text);
  if (parsed.type != nullptr) {
    const absl::Status added = types->Add(std::move(parsed.type));
    return added.ok() ? std::string() : fmt::format("{}: {}", file, Message(added));
  }
  std::string problems;
  for (const rules::Problem& problem : parsed.errors) {
    problems.append(problems.empty() ? "" : "\n").append(rules::FormatProblem(file, problem));
  }
  return problems;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const rules::ProviderTypes>> ReadProviderTypes(
    const std::string& folder) {
  ASSIGN_OR_RETURN(const std::set<std::string> files, YamlFilesIn(folder));
  auto types = std::make_shared<rules::ProviderTypes>(*rules::ProviderTypes::BuiltIn());
  std::string problems;
  for (const std::string& file : files) {
    const std::string problem = AddTypeOf(file, types.get());
    if (!problem.empty()) problems.append(problems.empty() ? "" : "\n").append(problem);
  }
  if (!problems.empty()) return absl::InvalidArgumentError(problems);
  return types;
}

}  // namespace sallyport::sources
