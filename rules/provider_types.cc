#include "rules/provider_types.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include <fmt/core.h>

#include "base/status.h"
#include "rules/built_in_provider_types.h"
#include "rules/suggestion.h"

namespace sallyport::rules {

std::shared_ptr<const ProviderTypes> ProviderTypes::BuiltIn() {
  static const auto& built_in = *[] {
    auto types = std::make_shared<ProviderTypes>();
    for (const std::string_view text : BuiltInProviderTypeTexts()) {
      ParsedProviderType parsed = ParseProviderType(text);
      // Compiled in, and tested.
      if (parsed.type == nullptr || !types->Add(std::move(parsed.type)).ok()) std::abort();
    }
    return new std::shared_ptr<const ProviderTypes>(std::move(types));
  }();
  return built_in;
}

absl::Status ProviderTypes::Add(std::shared_ptr<const ProviderType> type) {
  const auto place = std::ranges::lower_bound(types_, type->name, {}, &ProviderType::name);
  if (place != types_.end() && (*place)->name == type->name) {
    return absl::AlreadyExistsError(fmt::format(
        "there is a provider type \"{}\" already; give this one another name", type->name));
  }
  types_.insert(place, std::move(type));
  return absl::OkStatus();
}

std::shared_ptr<const ProviderType> ProviderTypes::Find(std::string_view name) const {
  const auto place = std::ranges::lower_bound(types_, name, {}, &ProviderType::name);
  return place != types_.end() && (*place)->name == name ? *place : nullptr;
}

absl::StatusOr<std::shared_ptr<const ProviderType>> ProviderTypes::Get(
    std::string_view name) const {
  if (auto found = Find(name)) return found;
  std::vector<std::string_view> names;
  names.reserve(types_.size());
  for (const auto& type : types_) names.push_back(type->name);
  const std::string_view near = Nearest(name, names);
  return absl::NotFoundError(
      near.empty() ? fmt::format("no such provider type; there are {}", QuotedList(names))
                   : fmt::format("no such provider type; did you mean \"{}\"?", near));
}

}  // namespace sallyport::rules
